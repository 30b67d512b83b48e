"""What waits is done together, each has the error that is its own, and who is not waited for any more does not wait."""

from __future__ import annotations

import threading

import pytest

from lkbuild.remote.faults import Fault
from lkbuild.remote.gathering import Gathering

WAITED_FOR = bool  # () -> False


class Work:
    """Does nothing for a group, once it may; each number below zero fails, and all that is done with it."""

    def __init__(self):
        self.groups = []
        self.entered, self.leave = threading.Event(), threading.Event()
        self.nobody = []

    def __call__(self, group, ended):
        self.groups.append(sorted(group))
        self.entered.set()
        self.leave.wait()
        self.nobody.append(ended())
        if min(group) < 0:
            raise Fault(str(min(group)))


@pytest.fixture
def work():
    return Work()


@pytest.fixture
def gathering(work):
    return Gathering(work)


@pytest.fixture
def join(gathering):
    """Joins in a thread of its own; gives the thread and what came of it."""

    def begin(item, cancelled=WAITED_FOR):
        errors = []

        def run():
            try:
                gathering.join(item, cancelled)
            except Fault as fault:
                errors.append(str(fault))

        thread = threading.Thread(target=run)
        thread.start()
        return thread, errors

    return begin


def gathered(gathering, work, join, items):
    """Have a first one being done and the others waiting, then let all go on; what came of each."""
    threads = [join(0)]
    work.entered.wait()
    for count, item in enumerate(items, 1):
        threads.append(join(item))
        while gathering.waiting() < count:
            pass
    work.leave.set()
    for thread, _ in threads:
        thread.join()
    return [errors for _, errors in threads]


def test_what_waits_is_done_together(gathering, work, join):
    assert gathered(gathering, work, join, [1, 2, 3]) == [[], [], [], []]
    assert work.groups == [[0], [1, 2, 3]]


def test_a_failure_is_that_of_the_one_that_fails(gathering, work, join):
    assert gathered(gathering, work, join, [1, -2, 3]) == [[], [], ["-2"], []]
    assert sorted(work.groups[2:]) == [[-2], [1], [3]]


def test_who_is_not_waited_for_does_not_wait(gathering, work, join):
    first, _ = join(0)
    work.entered.wait()
    with pytest.raises(Fault):
        gathering.join(1, lambda: True)
    assert gathering.waiting() == 0
    work.leave.set()
    first.join()
    assert work.groups == [[0]]


@pytest.mark.parametrize("gone", [True, False])
def test_what_is_done_for_nobody_is_told_so(gathering, work, join, gone):
    work.leave.set()
    thread, _ = join(0, lambda: gone)
    thread.join()
    assert work.nobody == [gone]
