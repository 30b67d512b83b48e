"""Events added up."""

import threading

from lkbuild.cli.progress.tally import Tally
from lkbuild.model.action import Source
from lkbuild.model.events import ActionFinished, ActionProgress, ActionStarted, BuildStarted


def test_counts_are_per_class_and_hits_may_be_reported_together(clock, make_info):
    tally = Tally(clock)
    tally.add(BuildStarted(targets=("//x",), actions=12))
    tally.add(ActionFinished(info=None, source=Source.UP_TO_DATE, count=9))
    tally.add(ActionFinished(info=make_info(), source=Source.EXECUTED))
    now = tally.snapshot()
    assert (now.planned, now.finished) == (12, 10)
    assert now.counts == {Source.UP_TO_DATE: 9, Source.EXECUTED: 1}


def test_the_action_that_has_run_longest_stands_first_with_what_is_left_of_it(clock, make_info):
    tally = Tally(clock)
    long, short = make_info("long"), make_info("short")
    tally.add(ActionStarted(info=long, expected_seconds=30))
    clock.tick(10)
    tally.add(ActionStarted(info=short))
    clock.tick(5)
    first, second = tally.snapshot().running
    assert (first.info, first.elapsed, first.remaining) == (long, 15, 15)
    assert (second.info, second.elapsed, second.remaining) == (short, 5, None)


def test_an_action_that_takes_longer_than_last_time_has_no_remaining_time(clock, make_info):
    tally = Tally(clock)
    tally.add(ActionStarted(info=make_info(), expected_seconds=3))
    clock.tick(4)
    assert tally.snapshot().running[0].remaining is None


def test_a_finished_action_runs_no_more_and_its_bytes_stay_counted(clock, make_info):
    tally = Tally(clock)
    one, two = make_info(), make_info()
    for info in (one, two):
        tally.add(ActionStarted(info=info))
        tally.add(ActionProgress(info=info, done=100, total=400))
    tally.add(ActionFinished(info=one, source=Source.EXECUTED))
    now = tally.snapshot()
    assert [running.info for running in now.running] == [two]
    assert (now.transfer.done, now.transfer.total, now.transfer.active) == (200, 500, 1)


def test_the_rate_is_that_of_the_last_seconds(clock, make_info):
    tally = Tally(clock)
    info = make_info()
    tally.add(ActionStarted(info=info))
    done = 0
    for per_second in [1000] * 20 + [50] * 10:
        clock.tick(1)
        done += per_second
        tally.add(ActionProgress(info=info, done=done, total=None))
    assert tally.snapshot().transfer.rate == 50


def test_progress_of_an_action_that_never_started_is_no_trouble(clock, make_info):
    tally = Tally(clock)
    tally.add(ActionProgress(info=make_info(), done=1, total=2))
    assert tally.snapshot().transfer.done == 0


def test_many_threads_may_add_at_once(clock, make_info):
    tally = Tally(clock)
    infos = [make_info() for _ in range(400)]

    def work(part):
        for info in part:
            tally.add(ActionStarted(info=info))
            tally.snapshot()
            tally.add(ActionFinished(info=info, source=Source.EXECUTED))

    threads = [threading.Thread(target=work, args=(infos[start::4],)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    now = tally.snapshot()
    assert (now.finished, now.running) == (400, ())
