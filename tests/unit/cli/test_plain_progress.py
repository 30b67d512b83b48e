"""Progress on a pipe."""

import io
import threading

import pytest

from lkbuild.cli.console import Style
from lkbuild.cli.progress.plain import PlainSink
from lkbuild.model.action import Source
from lkbuild.model.events import ActionFinished, ActionOutput, ActionProgress, ActionStarted, BuildStarted, Notice


@pytest.fixture
def stream():
    return io.StringIO()


def test_each_action_that_ran_has_one_line_and_hits_have_none(stream, make_info):
    with PlainSink(stream, Style()) as sink:
        sink.emit(BuildStarted(targets=("//x",), actions=3))
        sink.emit(ActionFinished(info=make_info("a hit"), source=Source.LOCAL_HIT))
        built = make_info("compile //x")
        sink.emit(ActionStarted(info=built))
        sink.emit(ActionFinished(info=built, source=Source.EXECUTED, seconds=3.2))
        sink.emit(ActionFinished(info=make_info("link //x"), source=Source.FAILED, seconds=0.5))
    assert stream.getvalue().splitlines() == ["[2/3] 3.2 s compile //x", "[3/3] 0.5 s FAILED: link //x"]


def test_verbose_shows_starts_and_hits_too(stream, make_info):
    with PlainSink(stream, Style(), verbose=True) as sink:
        sink.emit(BuildStarted(targets=("//x",), actions=2))
        sink.emit(ActionFinished(info=make_info("a hit"), source=Source.LOCAL_HIT))
        sink.emit(ActionStarted(info=make_info("compile //x"), expected_seconds=40))
    text = stream.getvalue()
    assert "2 actions for //x" in text
    assert "local hit: a hit" in text
    assert "start: compile //x (~40 s last time)" in text


def test_the_heartbeat_tells_of_what_has_run_for_long(stream, make_info, clock):
    with PlainSink(stream, Style(), clock=clock, heartbeat_s=60) as sink:
        slow, quick = make_info("compile kernel"), make_info("quick")
        sink.emit(ActionStarted(info=slow, expected_seconds=300))
        clock.tick(90)
        sink.emit(ActionProgress(info=slow, done=1024, total=4096))
        sink.emit(ActionStarted(info=quick))
        sink.beat()
    assert stream.getvalue() == "still running: compile kernel (1.0 KiB of 4.0 KiB, 90.0 s, ~4 min left)\n"


def test_verbose_shows_what_commands_write_as_they_do(stream, make_info):
    info = make_info("compile //x")
    for verbose, shown in ((False, []), (True, [f"{info.label}: one", f"{info.label}: two"])):
        with PlainSink(stream, Style(), verbose=verbose) as sink:
            sink.emit(ActionOutput(info=info, lines=("one", "\x1b[31mtwo\x1b[0m")))
        assert stream.getvalue().splitlines() == shown


def test_the_heartbeat_tells_the_last_line(stream, make_info, clock):
    with PlainSink(stream, Style(), clock=clock, heartbeat_s=60) as sink:
        info = make_info("compile kernel")
        sink.emit(ActionStarted(info=info))
        sink.emit(ActionOutput(info=info, lines=("CC a.o", "CC b.o", " ")))
        clock.tick(90)
        sink.beat()
    assert stream.getvalue() == "still running: compile kernel (90.0 s): CC b.o\n"


def test_the_heartbeat_comes_by_itself(make_info):
    told = threading.Event()

    class Told(io.StringIO):
        def write(self, text):
            told.set()
            return super().write(text)

    with PlainSink(Told(), Style(), heartbeat_s=0.001) as sink:
        sink.emit(ActionStarted(info=make_info()))
        assert told.wait(60)


def test_a_build_without_actions_starts_no_thread(stream):
    before = threading.active_count()
    with PlainSink(stream, Style()) as sink:
        sink.emit(BuildStarted(targets=("//x",), actions=0))
        sink.emit(ActionFinished(info=None, source=Source.UP_TO_DATE, count=9))
        assert threading.active_count() == before
    assert stream.getvalue() == ""


def test_messages_and_notices_can_not_move_the_cursor(stream, make_info):
    with PlainSink(stream, Style()) as sink:
        sink.emit(Notice(text="mirror\x1b[2J fails"))
        sink.emit(ActionFinished(info=make_info("evil\x1b]0;t\x07"), source=Source.EXECUTED))
    assert "\x1b" not in stream.getvalue()
    assert "mirror fails" in stream.getvalue()


def test_a_reader_that_goes_away_does_not_end_the_build(make_info):
    class Gone(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

    with PlainSink(Gone(), Style()) as sink:
        sink.emit(ActionStarted(info=make_info()))
        sink.emit(ActionFinished(info=make_info(), source=Source.EXECUTED))
