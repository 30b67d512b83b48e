"""Tries again, rests, and says each thing once."""

import pytest

from lkbuild.remote.faults import Denied, Fault, NotThere, Unavailable
from lkbuild.remote.guard import Guard, Open, Time


class World:
    def __init__(self):
        self.now = 0.0
        self.slept = []
        self.told = []
        self.cancelled = False
        time = Time(now=lambda: self.now, sleep=self.slept.append, chance=lambda: 1.0)
        self.guard = Guard(self.told.append, lambda: self.cancelled, time)


@pytest.fixture
def world():
    return World()


def failing(times, fault):
    calls = []

    def act():
        calls.append(1)
        if len(calls) <= times:
            raise fault
        return "answer"

    return act, calls


def test_what_is_unavailable_for_a_moment_is_asked_again(world):
    act, calls = failing(3, Unavailable("busy"))
    assert world.guard.ask(act) == "answer"
    assert len(calls) == 4
    assert world.slept == [0.1, 0.2, 0.4]
    assert world.told == []


def test_a_slow_server_is_not_waited_for_as_often(world):
    act, calls = failing(100, Unavailable("slow", slow=True))
    with pytest.raises(Unavailable):
        world.guard.ask(act)
    assert len(calls) == 2


def test_a_server_that_says_how_long_is_obeyed_within_reason(world):
    assert world.guard.ask(failing(1, Unavailable("busy", 3.0))[0]) == "answer"
    assert world.guard.ask(failing(1, Unavailable("busy", 3600.0))[0]) == "answer"
    assert world.slept == [3.0, 5.0]


def test_what_stays_unavailable_is_left_alone_and_told_once(world):
    act, calls = failing(100, Unavailable("gone"))
    with pytest.raises(Unavailable):
        world.guard.ask(act)
    with pytest.raises(Open):
        world.guard.ask(act)
    assert len(calls) == 4
    assert world.told == ["gone"]


def test_after_a_rest_one_request_finds_out_whether_it_is_back(world):
    act, calls = failing(5, Unavailable("gone"))
    with pytest.raises(Unavailable):
        world.guard.ask(act)
    world.now = 31.0
    with pytest.raises(Unavailable):  # the fifth, without another try
        world.guard.ask(act)
    world.now = 62.0
    with pytest.raises(Open):  # the rest is twice as long now
        world.guard.ask(act)
    world.now = 92.0
    assert world.guard.ask(act) == "answer"
    assert world.guard.ask(act) == "answer"
    assert len(calls) == 7
    assert world.told == ["gone"]


def test_a_transfer_that_gets_on_is_no_failure_in_a_row(world):
    act, calls = failing(20, Unavailable("broken off"))
    assert world.guard.ask(act, advanced=lambda: True) == "answer"
    assert len(calls) == 21


@pytest.mark.parametrize("fault", [NotThere("no"), Denied("no"), Fault("no")])
def test_an_answer_is_no_outage(world, fault):
    act, calls = failing(1, fault)
    with pytest.raises(type(fault)):
        world.guard.ask(act)
    assert len(calls) == 1
    assert world.guard.ask(act) == "answer"


def test_who_has_had_enough_does_not_wait(world):
    def act():
        world.cancelled = True
        raise Unavailable("cancelled")

    with pytest.raises(Unavailable):
        world.guard.ask(act)
    with pytest.raises(Open):
        world.guard.ask(act)
    assert (world.slept, world.told) == ([], [])
