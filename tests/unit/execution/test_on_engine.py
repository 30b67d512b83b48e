"""Commands that wait for a worker: that there is none is told, once."""

from __future__ import annotations

import threading

import pytest

from lkbuild.execution.strategies.on_engine import Waiting
from lkbuild.model.ports import nothing

PATIENCE_S = 60


@pytest.fixture
def told():
    return threading.Semaphore(0)


def test_where_nothing_runs_that_is_told_once(told):
    waiting = Waiting(told.release, 0)
    with waiting.over(nothing), waiting.over(nothing):
        assert told.acquire(timeout=PATIENCE_S)
    with waiting.over(nothing):
        pass
    assert not told.acquire(blocking=False)


def test_what_runs_is_told_to_who_waits_for_it_and_makes_the_rest_a_queue(told):
    waiting, ran = Waiting(told.release, PATIENCE_S), threading.Event()
    with waiting.over(ran.set) as begun:
        begun()
    assert ran.is_set()
    waiting._say()
    assert not told.acquire(blocking=False)
