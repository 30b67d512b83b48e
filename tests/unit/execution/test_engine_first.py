"""An engine first, and this machine: which answer counts, and that the other one ends."""

from __future__ import annotations

import threading

import pytest

from lkbuild.base.digest import Digest
from lkbuild.base.errors import BuildFailed, RemoteFailed
from lkbuild.execution.strategies import engine_first
from lkbuild.execution.strategies.engine_first import EngineFirst
from lkbuild.model.action import ActionInfo, ActionResult, ActionSpec, EncodedAction, PlannedAction
from lkbuild.model.artifact import ActionId
from lkbuild.model.ports import CommandRun, unheard
from lkbuild.model.tree import Layout

PATIENCE_S = 60
HERE, AWAY = ActionResult(seconds=1.0), ActionResult(seconds=2.0)


class Place:
    """A strategy whose commands wait for their end, unless that is set, and then answer, or raise."""

    def __init__(self, answer, *, waits=False, runs=True):
        self.answer, self.runs = answer, runs
        self.begun, self.end, self.stopped = threading.Event(), threading.Event(), threading.Event()
        if not waits:
            self.end.set()
        self.calls = 0

    def run(self, command, *, cancelled, running=lambda: None, output=lambda data: None):
        self.calls += 1
        self.begun.set()
        if self.runs:
            running()
        output(b"said")
        while not self.end.wait(0.001):
            if cancelled():
                self.stopped.set()
                raise BuildFailed("stopped")
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def told():
    return []


@pytest.fixture
def run(told):
    def go(away, here, *, wait_s=None, places=1, cancelled=lambda: False, times=1, output=unheard):
        strategy = EngineFirst(away, here, places=places, wait_s=wait_s, tell=told.append)
        results = [strategy.run(command(), cancelled=cancelled, output=output) for _ in range(times)]
        return results[-1]

    return go


def command():
    planned = PlannedAction(ActionSpec(arguments=("x",), outputs=()), ActionInfo(id=ActionId("//p:a", 0), mnemonic="m", label="//p:a"))
    return CommandRun(planned=planned, action=EncodedAction(Digest.of(b""), {}), layout=Layout(), root=None)


def test_the_engine_answers_and_nothing_runs_here(run, told):
    here = Place(HERE)
    assert run(Place(AWAY), here) is AWAY
    assert run(Place(AWAY), here, wait_s=PATIENCE_S) is AWAY
    assert (here.calls, told) == (0, [])


@pytest.mark.parametrize("wait_s", [None, PATIENCE_S])
def test_where_the_engine_fails_it_runs_here_and_that_is_told_once(run, told, wait_s):
    assert run(Place(RemoteFailed("it is down")), Place(HERE), wait_s=wait_s, times=2) is HERE
    assert len(told) == 1


@pytest.mark.parametrize("wait_s", [None, PATIENCE_S])
def test_where_the_engine_is_required_its_failure_is_the_error(wait_s):
    strategy = EngineFirst(Place(RemoteFailed("down")), Place(HERE), places=1, wait_s=wait_s, tell=lambda text: None, required=True)
    with pytest.raises(RemoteFailed):
        strategy.run(command(), cancelled=lambda: False)


def test_an_engine_that_only_fails_is_not_asked_for_ever(run):
    away = Place(RemoteFailed("it is down"))
    run(away, Place(HERE), times=100)
    assert away.calls < 10


@pytest.mark.parametrize("wait_s", [None, 0, PATIENCE_S])
def test_a_command_that_fails_there_has_failed(run, wait_s):
    here = Place(HERE, waits=True)
    with pytest.raises(BuildFailed):
        run(Place(BuildFailed("it ended with 1")), here, wait_s=wait_s)
    assert not here.begun.is_set() or here.stopped.is_set()


def test_what_waits_in_a_queue_is_run_here_and_ended_there(run):
    away = Place(AWAY, waits=True, runs=False)
    assert run(away, Place(HERE), wait_s=0) is HERE
    assert away.stopped.is_set()


def test_what_has_begun_there_is_not_begun_here(run):
    away, here = Place(AWAY, waits=True), Place(HERE)
    threading.Thread(target=lambda: away.begun.wait() and away.end.set()).start()
    assert run(away, here, wait_s=PATIENCE_S) is AWAY
    assert here.calls == 0


def test_the_engine_may_still_be_first_and_what_runs_here_is_ended(run):
    away, here = Place(AWAY, waits=True, runs=False), Place(HERE, waits=True)
    threading.Thread(target=lambda: here.begun.wait() and away.end.set()).start()
    assert run(away, here, wait_s=0) is AWAY
    assert here.stopped.is_set()


def test_an_engine_that_fails_does_not_end_what_runs_here(run):
    away, here = Place(RemoteFailed("it is down"), waits=True, runs=False), Place(HERE, waits=True)

    def fail():
        here.begun.wait()
        away.end.set()
        here.end.set()

    threading.Thread(target=fail).start()
    assert run(away, here, wait_s=0) is HERE


class Places(threading.BoundedSemaphore):
    """Places that tell when somebody wanted one and got none."""

    refused: threading.Event

    def acquire(self, blocking=True, timeout=None):
        taken = super().acquire(blocking, timeout)
        if not taken:
            self.refused.set()
        return taken


def test_where_no_place_is_free_here_the_engine_is_waited_for(told, monkeypatch):
    monkeypatch.setattr(Places, "refused", threading.Event(), raising=False)
    monkeypatch.setattr(engine_first.threading, "BoundedSemaphore", Places)
    first, second, here = Place(AWAY, waits=True, runs=False), Place(AWAY, waits=True, runs=False), Place(HERE, waits=True)
    turns = iter((first, second))

    class Away:
        def run(self, command, **options):
            return next(turns).run(command, **options)

    strategy = EngineFirst(Away(), here, places=1, wait_s=0, tell=told.append)
    results = []
    threads = [threading.Thread(target=lambda: results.append(strategy.run(command(), cancelled=lambda: False))) for _ in range(2)]
    threads[0].start()
    here.begun.wait()  # the only place is taken, until the end of this test
    threads[1].start()
    Places.refused.wait()
    second.end.set()
    threads[1].join()
    assert (results, here.calls) == ([AWAY], 1)
    here.end.set()
    threads[0].join()
    assert results == [AWAY, HERE]
    assert first.stopped.is_set()


def test_a_stop_ends_both(run):
    away, here = Place(AWAY, waits=True, runs=False), Place(HERE, waits=True)
    with pytest.raises(BuildFailed):
        run(away, here, wait_s=0, cancelled=here.begun.is_set)
    assert here.stopped.is_set()
    assert away.stopped.is_set()


def test_of_two_that_run_one_is_heard(run):
    heard = []
    away, here = Place(AWAY, waits=True, runs=False), Place(HERE)
    assert run(away, here, wait_s=0, output=heard.append) is HERE
    assert heard == [b"said"]
    assert (away.calls, here.calls) == (1, 1)


def test_where_the_engine_fails_what_runs_here_is_heard(run):
    heard = []
    away = Place(RemoteFailed("it is down"))
    away.run = lambda command, **options: (_ for _ in ()).throw(away.answer)
    assert run(away, Place(HERE), output=heard.append) is HERE
    assert heard == [b"said"]
