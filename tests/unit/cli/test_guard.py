"""No exception leaves the command as a traceback."""

import errno
import json
import os
import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest

from lkbuild.base.errors import LkbuildError, LoadError, Position
from lkbuild.cli.guard import guarded

_SRC = "import os, sys\nfrom lkbuild.cli.guard import guarded\n"


@pytest.fixture(autouse=True)
def _sigterm_as_before():
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def raising(error):
    def run():
        raise error

    return run


def test_an_error_is_rendered_on_stderr_and_gives_its_exit_code(capsys):
    assert guarded(raising(LoadError("wrong", position=Position(file="a", line=2))), [], {}) == 7
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("a:2:1: ")


def test_with_json_the_error_is_also_the_one_object_on_stdout(capsys):
    guarded(raising(LoadError("wrong", position=Position(file="a", line=2))), ["--json"], {})
    value = json.loads(capsys.readouterr().out)
    assert (value["ok"], value["exit_code"]) == (False, 7)
    assert value["errors"][0]["class"] == "LoadError"
    assert value["errors"][0]["line"] == 2


@pytest.mark.parametrize(
    "error", [ValueError("what"), KeyError("x"), RecursionError("deep"), AssertionError(), FileNotFoundError(2, "none", "f")]
)
def test_a_bug_gives_37_and_one_line_and_its_traceback_is_in_a_file(error, tmp_path, capsys):
    assert guarded(raising(error), ["--cache", str(tmp_path)], {}) == 37
    err = capsys.readouterr().err
    assert "Traceback" not in err
    (file,) = (tmp_path / "log").iterdir()
    assert str(file) in err
    assert type(error).__name__ in file.read_text()
    assert "Traceback" in file.read_text()


def test_where_the_cache_can_not_be_written_the_traceback_goes_elsewhere(tmp_path, capsys):
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert guarded(raising(ValueError("x")), [], {"LKBUILD_CACHE": str(blocked), "TMPDIR": str(tmp_path)}) == 37
    (file,) = tmp_path.glob("crash-*")
    assert str(file) in capsys.readouterr().err


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EMFILE])
def test_what_the_host_refuses_is_no_bug(number, capsys):
    assert guarded(raising(OSError(number, os.strerror(number), "/some/file")), [], {}) == 36
    assert "/some/file" in capsys.readouterr().err


def test_an_interrupt_outside_of_a_build_is_8():
    assert guarded(raising(KeyboardInterrupt()), [], {}) == 8


def test_a_subclass_keeps_its_own_code():
    class Own(LkbuildError):
        exit_code = 36

    assert guarded(raising(Own("x")), [], {}) == 36


def run_python(code, **options):
    return subprocess.run([sys.executable, "-c", _SRC + code], capture_output=True, check=False, timeout=60, **options)


def test_a_reader_that_goes_away_is_not_worth_a_word():
    code = 'def run():\n    for _ in range(100000): print("//pkg/a")\n    return 0\nsys.exit(guarded(run, [], {}))'
    reading, writing = os.pipe()
    with subprocess.Popen([sys.executable, "-c", _SRC + code], stdout=writing, stderr=subprocess.PIPE) as process:
        os.close(writing)
        os.read(reading, 10)
        os.close(reading)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (141, b"")


def test_a_full_disk_under_stdout_is_an_error_of_the_host():
    with open("/dev/full", "wb") as full:  # noqa: PTH123 - a device
        process = subprocess.run(
            [sys.executable, "-c", _SRC + 'def run():\n    print("x")\n    return 0\nsys.exit(guarded(run, ["--json"], {}))'],
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
            timeout=60,
        )
    assert process.returncode == 36
    assert b"Exception ignored" not in process.stderr


def test_sigterm_outside_of_a_build_ends_like_an_interrupt():
    done = run_python("import signal\nsys.exit(guarded(lambda: os.kill(os.getpid(), signal.SIGTERM) or 0, [], {}))")
    assert done.returncode == 8
    assert b"Traceback" not in done.stderr


def test_a_path_that_is_not_utf8_goes_out_as_it_is():
    done = run_python("def run():\n    print(os.fsdecode(b'a\\xff'))\n    return 0\nsys.exit(guarded(run, [], {}))")
    assert (done.returncode, done.stdout) == (0, b"a\xff\n")


def test_a_full_disk_is_named_where_the_error_names_no_file(tmp_path, monkeypatch, capsys):
    place = SimpleNamespace(f_bavail=0, f_frsize=4096)
    monkeypatch.setattr(os, "statvfs", lambda folder: place if folder == tmp_path else SimpleNamespace(f_bavail=1 << 40, f_frsize=1))
    assert guarded(raising(OSError(errno.ENOSPC, "full")), ["--cache", str(tmp_path)], {}) == 36
    assert f"{tmp_path}: full" in capsys.readouterr().err


@pytest.mark.parametrize("closed", [(1,), (2,), (0, 1, 2)])
def test_streams_that_the_caller_closed_are_no_fault(closed, tmp_path):
    code = "import sys; sys.argv = ['lkbuild', 'info', 'rules']; from lkbuild.cli.main import console_script; sys.exit(console_script())"
    redirect = " ".join(f"{number}>&-" for number in closed)
    (tmp_path / "BUILD.yaml").write_text("workspace: {name: x}\n")
    words = ["sh", "-c", f'exec "$@" {redirect}', "sh", sys.executable, "-c", code]
    assert subprocess.run(words, cwd=tmp_path, check=False, capture_output=True).returncode == 0


def test_an_interrupt_before_anything_is_loaded_is_8_and_no_traceback():
    code = """
import lkbuild.cli.main as main
def interrupted(*_):
    raise KeyboardInterrupt
main.fast_path = interrupted
main.console_script()
"""
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (8, "error: interrupted\n")


IGNORED = """
import os, signal, subprocess, sys
from lkbuild.cli.guard import guarded
print(guarded(lambda: subprocess.call([sys.executable, "-c", "raise SystemExit(7)"]), [], {}))
"""


def test_how_a_child_ended_is_told_also_where_the_caller_ignores_it():
    """By `trap '' CHLD` in a shell, or a service that reaps nothing."""
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        child = subprocess.Popen([sys.executable, "-c", IGNORED], stdout=subprocess.PIPE, text=True)
        said, _ = child.communicate(timeout=60)
    finally:
        signal.signal(signal.SIGCHLD, before)
    assert said == "7\n"


def test_a_store_that_vanished_under_a_build_is_no_bug(tmp_path, capsys):
    def run():
        raise FileNotFoundError(errno.ENOENT, "No such file", "busybox", None, str(tmp_path / "store/tmp/1/x"))

    assert guarded(run, ["--cache", str(tmp_path / "store")], {}) == 36
    assert not (tmp_path / "store").exists()
    (tmp_path / "store").mkdir()
    (tmp_path / "store/FORMAT").write_text("lkbuild store 1\n")
    assert guarded(run, ["--cache", str(tmp_path / "store")], {}) == 37
    assert "bug" in capsys.readouterr().err
