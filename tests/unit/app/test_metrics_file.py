"""`--metrics FILE`: what Prometheus reads of it. Its own parser is the oracle."""

from __future__ import annotations

import threading

import pytest
from prometheus_client.parser import text_string_to_metric_families

from lkbuild.app.metrics_file import FAMILIES, MetricsFile
from lkbuild.base.errors import UsageError
from lkbuild.model.events import BuildFinished, Notice
from lkbuild.model.ports import ANSWER_SECONDS, PeerUse, RemoteUse

URL = 'grpcs://cache.example.com/"main\\1"'


def use(**numbers):
    answers = (2, 1, *(0,) * (len(ANSWER_SECONDS) - 2), 1)
    return RemoteUse((PeerUse(url=URL, answers=answers, answer_seconds=20.5, **numbers),))


def finish(path, *, ok=True, remote=None, now=1000.0):
    sink = MetricsFile(path, lambda: now)
    sink.emit(Notice(text="x"))
    sink.emit(BuildFinished(ok=ok, seconds=1.0, remote=remote or RemoteUse()))
    assert sink.failure is None


def samples(path):
    """Every sample by name and labels."""
    families = text_string_to_metric_families(path.read_text(encoding="utf-8"))
    return {(sample.name, tuple(sorted(sample.labels.items()))): sample.value for family in families for sample in family.samples}


def value(path, name, **labels):
    return samples(path)[name, tuple(sorted(labels.items()))]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "lkbuild.prom"


def test_a_build_is_counted_with_what_each_remote_was_asked(path):
    finish(path, remote=use(requests=9, failures=2, bytes_up=100, bytes_down=200, hits=3, misses=4))
    assert value(path, "lkbuild_builds_total", outcome="success") == 1
    assert value(path, "lkbuild_builds_total", outcome="failure") == 0
    assert value(path, "lkbuild_last_build_timestamp_seconds") == 1000
    assert value(path, "lkbuild_remote_results_total", remote=URL, outcome="hit") == 3
    assert value(path, "lkbuild_remote_results_total", remote=URL, outcome="miss") == 4
    assert value(path, "lkbuild_remote_requests_total", remote=URL) == 9
    assert value(path, "lkbuild_remote_failures_total", remote=URL) == 2
    assert value(path, "lkbuild_remote_sent_bytes_total", remote=URL) == 100
    assert value(path, "lkbuild_remote_received_bytes_total", remote=URL) == 200


def test_answers_are_a_histogram_whose_classes_hold_those_below(path):
    finish(path, remote=use())
    buckets = [value(path, "lkbuild_remote_answer_seconds_bucket", remote=URL, le=f"{bound:g}") for bound in ANSWER_SECONDS]
    assert buckets == [2, *(3,) * (len(ANSWER_SECONDS) - 1)]
    assert value(path, "lkbuild_remote_answer_seconds_bucket", remote=URL, le="+Inf") == 4
    assert value(path, "lkbuild_remote_answer_seconds_count", remote=URL) == 4
    assert value(path, "lkbuild_remote_answer_seconds_sum", remote=URL) == 20.5


def test_every_family_has_its_type(path):
    finish(path, remote=use())
    types = {family.name: family.type for family in text_string_to_metric_families(path.read_text(encoding="utf-8"))}
    # The parser takes the ending of counters off, as OpenMetrics has it.
    assert types == {family.name.removesuffix("_total") if family.kind == "counter" else family.name: family.kind for family in FAMILIES}


def test_counters_go_on_from_what_the_file_holds(path):
    finish(path, remote=use(requests=9, hits=3))
    finish(path, ok=False, now=2000.5)
    finish(path, remote=use(requests=1, hits=1), now=3000.0)
    assert value(path, "lkbuild_builds_total", outcome="success") == 2
    assert value(path, "lkbuild_builds_total", outcome="failure") == 1
    assert value(path, "lkbuild_remote_requests_total", remote=URL) == 10
    assert value(path, "lkbuild_remote_answer_seconds_count", remote=URL) == 8
    assert value(path, "lkbuild_last_build_timestamp_seconds") == 3000


def test_builds_at_the_same_time_lose_no_count(path):
    threads = [threading.Thread(target=finish, args=(path,)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert value(path, "lkbuild_builds_total", outcome="success") == 20
    assert [item.name for item in path.parent.iterdir()] == [path.name]


def test_a_file_of_somebody_else_is_left_alone(path):
    path.write_text("node_load1 3\n")
    with pytest.raises(UsageError):
        MetricsFile(path)
    assert path.read_text() == "node_load1 3\n"


def test_a_folder_that_is_not_there_is_a_usage_error(path):
    with pytest.raises(UsageError):
        MetricsFile(path.parent / "none" / "x.prom")


def test_a_file_that_was_spoilt_meanwhile_is_told_and_no_error(path):
    finish(path)
    sink = MetricsFile(path)
    path.write_text("no metrics\n")
    sink.emit(BuildFinished(ok=True, seconds=0))
    assert sink.failure is not None
    assert path.read_text() == "no metrics\n"
