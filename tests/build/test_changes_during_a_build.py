"""A source that changes while it is built: what comes out belongs to one state of it, and the next build is right."""

import os
import shutil
import time
from pathlib import Path

import pytest
from harness.host_root import new_marker

pytestmark = pytest.mark.network  # the shell of a genrule comes from the lock

START = int(time.time())
# `use` starts when `slow` is done: by then its source has changed. The shell stays, for its command line to be found (`:`).
BUILD = """\
targets:
  slow: {rule: genrule, outs: [x], cmd: "echo MARK > $OUT; sleep 2; :"}
  use: {rule: genrule, srcs: [":slow", word.txt], outs: [y], cmd: "cat $SRCS > $OUT"}
"""


@pytest.fixture
def mark():
    """What one build's command has in its words, and no other's that runs beside it."""
    return new_marker()


def wait_for_command(mark):
    for _ in range(6000):
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (folder / "cmdline").read_bytes():
                    return
            except OSError:
                continue
        time.sleep(0.01)
    pytest.fail("the command never started")


def test_a_source_that_is_edited_during_the_build_is_an_error_and_nothing_wrong_is_kept(ws, mark):
    ws.write("p/BUILD.yaml", BUILD.replace("MARK", mark))
    ws.write("p/word.txt", "before\n")
    process = ws.start("build", "--json", "//p:use")
    wait_for_command(f"echo {mark}".encode())
    ws.write("p/word.txt", "after\n")
    out, err = process.communicate()
    assert process.returncode == 1, out + err
    assert "word.txt" in err
    assert "Traceback" not in err
    after = ws.build("//p:use")
    assert after.executed == ["//p:use genrule"]
    assert after.text == f"{mark}\nafter\n"
    ws.write("p/word.txt", "before\n")
    assert ws.build("//p:use").text == f"{mark}\nbefore\n"


def test_a_build_file_that_is_edited_during_the_build_counts_in_the_next(ws, mark):
    ws.write("p/BUILD.yaml", BUILD.replace("MARK", mark))
    ws.write("p/word.txt", "word\n")
    process = ws.start("build", "--json", "//p:use")
    wait_for_command(f"echo {mark}".encode())
    ws.edit("p/BUILD.yaml", "cat $SRCS > $OUT", "cat $SRCS | tr a-z A-Z > $OUT")
    process.communicate()
    assert process.returncode == 0
    assert (ws.root / "lkbuild-out/amd64/p/use/y").read_text() == f"{mark}\nword\n"
    assert ws.build("//p:use").text == f"{mark}\nword\n".upper()


def swap_directory(root):
    (root / "p/d").rename(root / ".aside/gone")
    (root / ".aside/d").rename(root / "p/d")


def swap_package(root):
    (root / "q").rename(root / ".aside/gone")
    (root / ".aside/q").rename(root / "q")


def lead_elsewhere(root):
    (root / ".aside/link").symlink_to("../.aside/new")
    (root / ".aside/link").rename(root / "p/link")


@pytest.mark.parametrize("change", [swap_directory, swap_package, lead_elsewhere])
def test_old_files_that_come_in_the_place_of_others_during_the_build_count_in_the_next(ws, mark, change):
    copy = "targets:\n  copy: {{rule: genrule, srcs: [{}], outs: [copy], cmd: {}}}\n"
    ws.write("p/BUILD.yaml", BUILD.replace("MARK", mark) + copy.format("d/word.txt, link", "cat $SRCS > $OUT").partition("\n")[2])
    ws.write("p/word.txt", "word\n")
    ws.write("p/d/word.txt", "old\n")
    ws.write("q/BUILD.yaml", copy.format("word.txt", "'echo old; cat $SRCS > $OUT'"))
    ws.write("q/word.txt", "old\n")
    ws.write(".aside/d/word.txt", "new\n")
    ws.write(".aside/q/BUILD.yaml", copy.format("word.txt", "'echo new; cat $SRCS > $OUT'"))
    ws.write(".aside/q/word.txt", "old\n")
    ws.write(".aside/old", "old\n")
    ws.write(".aside/new", "new\n")
    (ws.root / "p/link").symlink_to("../.aside/old")
    time.sleep(2.1)  # all of it is old
    process = ws.start("build", "--json", "//...")
    wait_for_command(f"echo {mark}".encode())
    change(ws.root)
    process.communicate()
    assert process.returncode == 0
    assert ws.build("//...").executed == ["//q:copy genrule" if change is swap_package else "//p:copy genrule"]


def test_two_builds_in_quick_succession_see_every_edit(ws):
    ws.write("p/BUILD.yaml", "targets:\n  a: {rule: genrule, srcs: [word.txt], outs: [x], cmd: cp $SRCS $OUT}\n")
    for number in range(6):
        # Same size, and within the granularity of any clock.
        ws.write("p/word.txt", f"{number}\n")
        assert ws.build("//p:a").text == f"{number}\n"


def test_a_store_that_is_deleted_during_the_build_is_an_error_of_the_host_and_the_next_build_is_right(ws, seed, tmp_path, mark):
    ws.write("p/BUILD.yaml", BUILD.replace("MARK", mark))
    ws.write("p/word.txt", "word\n")
    process = ws.start("build", "--json", "//p:use")
    wait_for_command(f"echo {mark}".encode())
    # Away at once, as it would not be by rmtree: what is still written goes with it.
    ws.cache.rename(tmp_path / "gone")
    out, err = process.communicate()
    assert process.returncode == 36, out + err
    assert "Traceback" not in err
    assert not (ws.root / "lkbuild-out").exists()
    shutil.rmtree(ws.cache, ignore_errors=True)
    shutil.copytree(seed, ws.cache, symlinks=True)
    assert ws.build("//p:use").text == f"{mark}\nword\n"
    assert ws.lkbuild("cache", "verify").returncode == 0


def test_times_of_a_source_in_the_future_and_the_past_hide_no_edit(ws):
    ws.write("p/BUILD.yaml", "targets:\n  a: {rule: genrule, srcs: [word.txt], outs: [x], cmd: cp $SRCS $OUT}\n")
    day = 86400
    for number, shift in enumerate((0, 365 * day, -365 * day, -365 * day, 0)):
        path = ws.write("p/word.txt", f"{number}\n")
        os.utime(path, (START + shift, START + shift))
        assert ws.build("//p:a").text == f"{number}\n"
