"""The scheduler: order, priority, resources, failure, cancellation."""

import threading

import pytest

from lkbuild.base.errors import BuildFailed
from lkbuild.execution.scheduler import Job, Scheduler, State, critical_path
from lkbuild.model.action import Resources


def job(name, needs="", seconds=1.0, **resources):
    return Job(id=name, needs=tuple(needs), seconds=seconds, resources=Resources(**resources))


def run(jobs, function, *, slots=1, cpus=1, keep_going=False, cancelled=lambda: False):
    return Scheduler(jobs, function, slots=slots, cpus=cpus).execute(keep_going=keep_going, cancelled=cancelled)


def never():
    return False


def test_a_job_runs_after_those_that_it_needs():
    done = []
    outcome = run([job("a"), job("b", "a"), job("c", "b")], done.append)
    assert done == ["a", "b", "c"]
    assert set(outcome.states.values()) == {State.DONE}


def test_the_longest_path_goes_first():
    done = []
    run([job("short", seconds=1), job("x", seconds=1), job("long", "x", seconds=100)], done.append)
    assert done == ["x", "long", "short"]


def test_the_critical_path_adds_what_waits():
    below = critical_path([job("a", seconds=1), job("b", "a", seconds=2), job("c", "a", seconds=5)])
    assert below == {"a": 6.0, "b": 2.0, "c": 5.0}


def test_needs_that_are_not_in_the_schedule_count_as_done():
    done = []
    run([job("a", "z")], done.append)
    assert done == ["a"]


def fail_on(*names):
    def function(name):
        if name in names:
            raise BuildFailed(name)

    return function


def test_after_a_failure_nothing_new_starts():
    outcome = run([job("a", seconds=9), job("b", seconds=1)], fail_on("a"))
    assert outcome.states == {"a": State.FAILED, "b": State.SKIPPED}
    assert list(outcome.errors) == ["a"]


def test_keep_going_builds_what_does_not_depend_on_the_failure():
    outcome = run([job("a"), job("b", "a"), job("c")], fail_on("a"), keep_going=True)
    assert outcome.states == {"a": State.FAILED, "b": State.SKIPPED, "c": State.DONE}


def test_a_bug_in_a_job_is_raised_and_not_hidden():
    def bug(_):
        raise KeyError("x")

    with pytest.raises(KeyError):
        run([job("a")], bug)


def test_two_jobs_with_one_lock_never_run_together():
    inside, most = [], []
    guard = threading.Lock()

    def function(_):
        with guard:
            inside.append(1)
            most.append(len(inside))
        with guard:
            inside.pop()

    run([job(name, lock="kernel") for name in "abcdef"], function, slots=4, cpus=4)
    assert max(most) == 1


def test_beside_a_job_that_wants_every_cpu_one_other_runs():
    others, most = set(), []
    guard = threading.Lock()
    ended = threading.Event()

    def function(name):
        if name == "all":
            assert ended.wait(20)
            return
        with guard:
            others.add(name)
            most.append(len(others))
        with guard:
            others.discard(name)
            if len(most) == 3:
                ended.set()

    run([job("all", seconds=9, cpus=0), *(job(name) for name in "abc")], function, slots=4, cpus=4)
    assert most == [1, 1, 1]


def test_light_jobs_run_beside_the_slots():
    barrier = threading.Barrier(3, timeout=20)
    run([job("x", light=True), job("y", light=True), job("z")], lambda _: barrier.wait(), slots=1, cpus=1)


def test_a_cancelled_schedule_skips_the_rest():
    stop = []

    def function(name):
        stop.append(name)

    outcome = run([job("a"), job("b", "a")], function, cancelled=lambda: bool(stop))
    assert outcome.states == {"a": State.DONE, "b": State.SKIPPED}
