"""Events as lines: versioned, whole, and never the end of a build."""

import contextlib
import json
import os
from pathlib import Path

import pytest

from lkbuild.app.event_file import EVENTS_VERSION, EventFile, event_file
from lkbuild.app.event_sinks import Tee
from lkbuild.base.errors import UsageError
from lkbuild.model.action import ActionInfo, Source
from lkbuild.model.artifact import ActionId
from lkbuild.model.events import (
    ActionFinished,
    ActionProgress,
    ActionStarted,
    BuildFinished,
    BuildStarted,
    Notice,
    TestFinished,
)

INFO = ActionInfo(id=ActionId("//a (amd64)", 0), mnemonic="compile", label="//a")
EVENTS = (
    BuildStarted(targets=("//a",), actions=3),
    ActionFinished(info=None, source=Source.UP_TO_DATE, count=2),
    ActionStarted(info=INFO, expected_seconds=1.5),
    ActionProgress(info=INFO, done=1, total=2),
    ActionFinished(info=INFO, source=Source.EXECUTED, seconds=0.25, reason="first"),
    TestFinished(label="//a", configuration="amd64", state="passed"),
    Notice(text="a \ud800 line\nand another"),
    BuildFinished(ok=True, seconds=2),
)


def written(path, events=EVENTS):
    with event_file(path, "id") as sink:
        for event in events:
            sink.emit(event)
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_each_event_is_a_line_between_started_and_finished(tmp_path):
    lines = written(tmp_path / "events")
    kinds = [line["event"] for line in lines]
    assert kinds == ["started", "configured", "actions", "action_started", "action", "test", "notice", "finished"]
    assert (lines[0]["version"], lines[0]["invocation"]) == (EVENTS_VERSION, "id")
    assert [line["at"] for line in lines] == sorted(line["at"] for line in lines)
    action = lines[4]
    assert (action["label"], action["source"], action["reason"], action["seconds"]) == ("//a", "executed", "first", 0.25)
    assert lines[-1]["counts"] == {"up_to_date": 2, "executed": 1}


def test_every_field_of_the_document_is_written(tmp_path):
    page = (Path(__file__).parents[3] / "docs/format/events.md").read_text(encoding="utf-8")
    for line in written(tmp_path / "events"):
        row = next(row for row in page.splitlines() if row.startswith(f"| `{line['event']}` |"))
        assert all(f"`{name}`" in row for name in line if name not in ("event", "at")), row


def test_a_file_that_can_not_be_opened_is_an_error_of_usage(tmp_path):
    with pytest.raises(UsageError), event_file(tmp_path / "no" / "events", "id"):
        pass


def test_a_reader_that_goes_away_ends_the_events_not_the_build():
    reader, writer = os.pipe()
    os.close(reader)
    sink = EventFile(os.fdopen(writer, "w", encoding="utf-8", buffering=1), "id")
    for event in EVENTS:
        sink.emit(event)
    sink.close()


def test_a_tee_tells_every_sink_in_order():
    class Sink:
        def __init__(self):
            self.seen = []

        def emit(self, event):
            self.seen.append(event)

    one, other = Sink(), Sink()
    Tee(one, other).emit(EVENTS[0])
    assert one.seen == other.seen == [EVENTS[0]]


def test_a_dash_is_no_file(tmp_path):
    with pytest.raises(UsageError), event_file(tmp_path / "-", "id"):
        pass
    assert not list(tmp_path.iterdir())


def test_a_file_with_something_else_stays_and_one_with_events_is_begun_anew(tmp_path):
    source, events = tmp_path / "BUILD.yaml", tmp_path / "events"
    source.write_text("workspace: {name: mine}\n")
    with pytest.raises(UsageError), event_file(source, "id"):
        pass
    assert source.read_text() == "workspace: {name: mine}\n"
    events.write_text("")
    for _ in range(2):
        written(events)
        assert events.read_text().count('"event": "started"') == 1
    events.write_text(events.read_text()[:9])  # a disk was full
    written(events)
    assert events.read_text().count('"event": "started"') == 1


def test_a_file_in_memory_is_a_file_like_another(tmp_path):
    """/dev has streams, of which nothing is cut, and /dev/shm has files."""
    events = Path("/dev/shm") / f"lkbuild-test-{tmp_path.name}-{os.getpid()}"
    with contextlib.ExitStack() as stack:
        stack.callback(events.unlink, missing_ok=True)
        for _ in range(2):
            written(events)
            assert events.read_text().count('"event": "started"') == 1
