"""The line that ends a build, and quantities in it."""

import pytest

from lkbuild.base.errors import BuildFailed
from lkbuild.cli.quantities import about, duration, size
from lkbuild.cli.summary import COUNTED, summary
from lkbuild.model.action import Source
from lkbuild.model.ports import ANSWER_SECONDS, PeerUse, RemoteUse
from lkbuild.model.report import BuildReport


def test_the_summary_names_each_class_that_occurs_then_time_bytes_and_what_was_saved():
    report = BuildReport(
        elapsed_s=38.2,
        counts={Source.EXECUTED: 12, Source.LOCAL_HIT: 230, Source.UP_TO_DATE: 9717, Source.FAILED: 0},
        fetched_bytes=212 << 20,
        saved_seconds=14 * 60.0,
    )
    assert summary(report) == "built 12 · local hits 230 · up to date 9717 · 38.2 s · downloaded 212 MiB · saved ~14 min"


def test_every_class_of_the_report_is_in_the_summary():
    assert {source for source, _, _ in COUNTED} == set(Source)


def test_a_build_of_nothing_says_so_and_a_failed_one_does_not_say_nothing_to_do():
    assert summary(BuildReport(elapsed_s=0.1)) == "nothing to do · 0.1 s"
    assert summary(BuildReport(elapsed_s=0.1, errors=(BuildFailed("x"),))) == "failed · 0.1 s"


def test_the_critical_path_is_named():
    report = BuildReport(elapsed_s=5, counts={Source.EXECUTED: 2}, critical_path=(("//a", 3.0), ("//b", 1.5)))
    assert "critical path 4.5 s: //a → //b" in summary(report)


def test_remotes_are_counted_together():
    answers = (3, *(0,) * len(ANSWER_SECONDS))
    peers = tuple(
        PeerUse(url=url, requests=4, bytes_up=1024, bytes_down=2048, hits=2, misses=1, answers=answers, answer_seconds=0.009)
        for url in "ab"
    )
    report = BuildReport(elapsed_s=1, counts={Source.REMOTE_HIT: 4}, remote=RemoteUse(peers))
    assert "remote 4.0 KiB down, 2.0 KiB up in 8 requests, 4 of 6 results, 3.0 ms an answer" in summary(report)


def test_a_long_critical_path_is_named_by_its_ends_and_a_short_time_is_not_worth_a_word():
    chain = tuple((f"//{number}", 1.0) for number in range(9))
    assert "critical path 9.0 s: //0 → 7 more → //8)" in summary(BuildReport(elapsed_s=9, critical_path=chain))
    assert "critical" not in summary(BuildReport(elapsed_s=9, critical_path=(("//a", 0.9),)))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0.0 s"),
        (0.04, "0.0 s"),
        (38.24, "38.2 s"),
        (99.96, "1 min 40 s"),
        (125, "2 min 05 s"),
        (3599.9, "1 h 00 min"),
        (3720, "1 h 02 min"),
    ],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(("seconds", "text"), [(0.2, "~1 s"), (8.4, "~8 s"), (60, "~1 min"), (840, "~14 min"), (7200, "~2 h")])
def test_estimates(seconds, text):
    assert about(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (1023, "1023 B"), (4300, "4.2 KiB"), (212 << 20, "212 MiB"), ((1 << 30) - 1, "1.0 GiB"), (5 << 50, "5120 TiB")],
)
def test_sizes(count, text):
    assert size(count) == text
