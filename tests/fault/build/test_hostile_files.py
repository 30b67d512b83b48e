"""Files that a workspace may hold and a build can't take: a clear error at the place that asks for them, or a right build."""

import os
import socket
from pathlib import Path

import pytest

pytestmark = pytest.mark.network  # the shell of a genrule comes from the lock

BUILD = "targets:\n  a:\n    rule: genrule\n    srcs: {}\n    outs: [x]\n    cmd: cat $SRCS > $OUT\n"


def loop(path):
    path.symlink_to(path.name)


def circle(path):
    path.symlink_to("other")
    path.with_name("other").symlink_to(path.name)


def nowhere(path):
    path.symlink_to("gone")


def pipe(path):
    os.mkfifo(path)


def plug(path):
    # A path of a socket has 107 bytes at most: unix(7).
    here = Path.cwd()
    os.chdir(path.parent)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path.name)
    os.chdir(here)


@pytest.mark.parametrize("make", [loop, circle, nowhere, pipe, plug], ids=lambda make: make.__name__)
def test_a_source_that_is_no_file_is_an_error_at_its_place(ws, make):
    ws.write("p/BUILD.yaml", BUILD.format("[strange]"))
    make(ws.root / "p/strange")
    (error,) = ws.build("//p:a", code=7).errors
    assert (error["class"], error["file"], error["line"], error["column"]) == ("LoadError", "p/BUILD.yaml", 4, 12)


def test_a_source_that_can_not_be_read_is_an_error_that_names_it(ws):
    ws.write("p/BUILD.yaml", BUILD.format("[strange]"))
    (ws.root / "p/strange").symlink_to("/proc/self/mem")  # its first page can't be read, by root neither
    (error,) = ws.build("//p:a", code=1).errors
    assert error["class"] == "BuildFailed"
    assert "p/strange" in error["message"]
    (ws.root / "p/strange").unlink()
    ws.write("p/strange", "now it can\n")
    assert ws.build("//p:a").text == "now it can\n"


def test_links_in_a_circle_do_not_keep_a_glob_from_the_rest(ws):
    ws.write("p/BUILD.yaml", BUILD.format('[{glob: ["**"]}]'))
    ws.write("p/d/word", "word\n")
    (ws.root / "p/d/loop").symlink_to("loop")
    (ws.root / "p/d/up").symlink_to("..")
    assert ws.build("//p:a").text == "word\n"


def test_a_name_that_is_not_utf8_is_an_error_at_the_glob_that_finds_it(ws):
    ws.write("p/BUILD.yaml", BUILD.format('[{glob: ["d/*"]}]'))
    (ws.root / "p/d").mkdir()
    (ws.root / os.fsdecode(b"p/d/\xff\xfe")).write_text("x")
    (error,) = ws.build("//p:a", code=7).errors
    assert (error["class"], error["file"], error["line"]) == ("LoadError", "p/BUILD.yaml", 4)


def test_a_name_of_255_bytes_is_a_source_and_an_output(ws):
    source, output = "s" * 255, "o" * 255
    ws.write("p/BUILD.yaml", BUILD.format(f"[{source}]").replace("[x]", f"[{output}]"))
    ws.write(f"p/{source}", "long\n")
    built = ws.build("//p:a")
    assert (built.path.name, built.text) == (output, "long\n")
    assert ws.build("//p:a").executed == []
    ws.write(f"p/{source}", "longer\n")
    assert ws.build("//p:a").text == "longer\n"


def test_more_files_than_one_command_can_be_told_of_are_an_error_before_anything_is_read(ws):
    ws.write("p/BUILD.yaml", BUILD.format('[{glob: ["d/*"]}]'))
    (ws.root / "p/d").mkdir()
    for number in range(1000):
        os.mknod(ws.root / f"p/d/{number:0200}")
    report = ws.build("//p:a", code=7)
    assert report.executed == []
    assert (report.errors[0]["class"], report.errors[0]["label"]) == ("AnalysisError", "//p:a")
    assert "SRCS" in report.errors[0]["message"]


@pytest.mark.parametrize("link", ["rmdir $OUT_DIR/d $OUT_DIR; ln -s {} $OUT_DIR", "rmdir $OUT_DIR/d; ln -s {} $OUT_DIR/d"])
@pytest.mark.parametrize("kept", ["d/precious", "precious"])
def test_an_output_behind_a_link_that_a_command_made_is_an_error_and_what_the_link_leads_to_stays(ws, tmp_path, link, kept):
    # Of a size that is not packed, and that does not compress: such outputs are renamed into the store.
    content = os.urandom(1 << 20)
    (tmp_path / "mine/d").mkdir(parents=True)
    precious = [tmp_path / "mine/precious", tmp_path / "mine/d/precious"]
    for file in precious:
        file.write_bytes(content)
    command = link.format(tmp_path / "mine")
    ws.write("p/BUILD.yaml", f"targets:\n  a: {{rule: genrule, outs: [d/precious, {kept}x], cmd: '{command}'}}\n")
    (error,) = ws.build("//p:a", code=1).errors
    assert (error["class"], error["file"], error["line"], error["label"]) == ("BuildFailed", "p/BUILD.yaml", 2, "//p:a")
    assert [file.read_bytes() == content for file in precious] == [True, True]
    assert sorted(item.name for item in (tmp_path / "mine").iterdir()) == ["d", "precious"]


def test_a_command_that_made_something_else_is_told_what_lies_there(ws):
    ws.write("p/BUILD.yaml", "targets:\n  a: {rule: genrule, outs: [right], cmd: 'echo > out/wrong'}\n")
    (error,) = ws.build("//p:a", code=1).errors
    assert "out/wrong" in error["hint"]
