"""The timeline of a build: each action in the lane of its thread, the newest few kept."""

import json
import threading

from lkbuild.app.trace import KEPT, TraceSink, kept
from lkbuild.model.action import ActionInfo, Source
from lkbuild.model.artifact import ActionId
from lkbuild.model.events import ActionFinished, ActionStarted


def run(sink, number):
    info = ActionInfo(id=ActionId("//a (amd64)", number), mnemonic="compile", label="//a")
    sink.emit(ActionStarted(info=info))
    sink.emit(ActionFinished(info=info, source=Source.EXECUTED))


def test_actions_of_two_threads_are_in_two_lanes(tmp_path):
    sink, barrier = TraceSink(), threading.Barrier(2)

    def work(number):
        barrier.wait()
        run(sink, number)
        barrier.wait()  # both threads live: their identities differ

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sink.save(tmp_path, "id")
    (file,) = kept(tmp_path)
    events = json.loads(file.read_text())["traceEvents"]
    spans = [event for event in events if event["ph"] == "X"]
    assert sorted(event["tid"] for event in spans) == [1, 2]
    assert all(event["dur"] >= 0 and event["args"]["source"] == "executed" for event in spans)
    assert {event["tid"] for event in events if event["name"] == "thread_name"} == {1, 2}


def test_a_build_that_ran_nothing_leaves_no_trace(tmp_path):
    sink = TraceSink()
    sink.emit(ActionFinished(info=None, source=Source.UP_TO_DATE, count=9))
    sink.save(tmp_path, "id")
    assert kept(tmp_path) == []


def test_the_newest_are_kept(tmp_path):
    for number in range(KEPT + 3):
        sink = TraceSink()
        run(sink, number)
        sink.save(tmp_path, f"id{number}")
    assert [file.stem for file in kept(tmp_path)] == [f"id{number}" for number in range(KEPT + 2, 2, -1)]


def test_a_folder_that_can_not_be_written_costs_the_trace_only(tmp_path):
    (tmp_path / "file").write_text("")
    sink = TraceSink()
    run(sink, 0)
    sink.save(tmp_path / "file", "id")
