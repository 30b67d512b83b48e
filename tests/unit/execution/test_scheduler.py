"""The scheduler: order, priority, resources, failure, cancellation."""

import threading

import pytest

from lkbuild.base.errors import BuildFailed, HostError
from lkbuild.execution.scheduler import Job, Machine, Scheduler, State, critical_path
from lkbuild.model.action import Resources


def job(name, needs="", seconds=1.0, **resources):
    return Job(id=name, needs=tuple(needs), seconds=seconds, resources=Resources(**resources))


def run(jobs, function, *, slots=1, cpus=1, memory=None, away=0, keep_going=False, cancelled=lambda: False):
    machine = Machine(slots=slots, cpus=cpus, memory_mib=memory, away=away)
    return Scheduler(jobs, function, machine).execute(keep_going=keep_going, cancelled=cancelled)


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


def begun(first, second, *, memory=1000):
    """The order in which jobs begin. `first` ends after three that take no memory and are less urgent than `second`."""
    order = []
    ended = threading.Event()

    def function(name):
        order.append(name)
        if name == "first":
            assert ended.wait(20)
        if name == "z":
            ended.set()

    chain = [job("x"), job("y", "x"), job("z", "y")]
    jobs = [job("first", seconds=9, **first), job("second", seconds=8, **second), *chain]
    outcome = run(jobs, function, slots=4, cpus=4, memory=memory)
    assert set(outcome.states.values()) == {State.DONE}
    return order


def test_what_runs_at_once_takes_no_more_memory_than_there_is():
    assert begun({"memory_mib": 600}, {"memory_mib": 401})[-1] == "second"


def test_a_light_job_takes_memory_too():
    assert begun({"memory_mib": 600}, {"memory_mib": 401, "light": True})[-1] == "second"


def test_a_job_that_wants_more_memory_than_there_is_runs_beside_none_that_takes_any():
    assert begun({"memory_mib": 5000}, {"memory_mib": 1})[-1] == "second"
    assert begun({"memory_mib": 1}, {"memory_mib": 5000})[-1] == "second"


def test_jobs_whose_memory_is_enough_for_both_run_together():
    barrier = threading.Barrier(2, timeout=20)
    run([job("a", memory_mib=600), job("b", memory_mib=400)], lambda _: barrier.wait(), slots=2, cpus=2, memory=1000)


def test_beside_a_job_that_takes_all_memory_those_run_that_take_none():
    barrier = threading.Barrier(2, timeout=20)
    run([job("all", memory_mib=5000), job("none")], lambda _: barrier.wait(), slots=2, cpus=2, memory=1000)


def test_memory_of_which_nobody_knows_how_much_there_is_holds_nothing_back():
    barrier = threading.Barrier(2, timeout=20)
    run([job("a", memory_mib=5000), job("b", memory_mib=5000)], lambda _: barrier.wait(), slots=2, cpus=2)


def test_light_jobs_run_beside_the_slots():
    barrier = threading.Barrier(3, timeout=20)
    run([job("x", light=True), job("y", light=True), job("z")], lambda _: barrier.wait(), slots=1, cpus=1)


def test_a_cancelled_schedule_skips_the_rest():
    stop = []

    def function(name):
        stop.append(name)

    outcome = run([job("a"), job("b", "a")], function, cancelled=lambda: bool(stop))
    assert outcome.states == {"a": State.DONE, "b": State.SKIPPED}


def test_what_runs_elsewhere_takes_nothing_of_this_machine_and_has_places_of_its_own():
    together = threading.Barrier(4)
    most, now, guard = [0], [0], threading.Lock()

    def work(name):
        if name == "here":
            together.wait(60)
            return
        with guard:
            now[0] += 1
            most[0] = max(most[0], now[0])
        if name in "abc":
            together.wait(60)
        with guard:
            now[0] -= 1

    jobs = [job("here", seconds=9, memory_mib=100)]
    jobs += [job(name, seconds=8, away=True, memory_mib=100) for name in "abc"]
    jobs += [job(f"later{index}", seconds=1, away=True) for index in range(9)]
    outcome = run(jobs, work, memory=100, away=3)
    assert set(outcome.states.values()) == {State.DONE}
    assert most == [3]


@pytest.mark.parametrize("most", [1, 2])
def test_where_no_more_threads_can_be_started_those_that_are_there_do_all(monkeypatch, most):
    started, start = [], threading.Thread.start

    def limited(thread):
        if len(started) == most:
            raise RuntimeError
        start(thread)
        started.append(thread)

    monkeypatch.setattr(threading.Thread, "start", limited)
    jobs = [job("a"), *(job(name, "a") for name in "bcdef")]
    outcome = run(jobs, lambda _: None, slots=4, cpus=16)
    assert set(outcome.states.values()) == {State.DONE}
    assert len(started) == most


def test_where_no_thread_can_be_started_it_is_the_hosts_fault(monkeypatch):
    monkeypatch.setattr(threading.Thread, "start", lambda _: (_ for _ in ()).throw(RuntimeError))
    with pytest.raises(HostError):
        run([job("a"), job("b")], lambda _: None, slots=2, cpus=2)
