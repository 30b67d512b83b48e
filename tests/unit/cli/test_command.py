"""The installed command as a process: streams, exit codes, one object under --json. Nothing here builds or fetches."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lkbuild import __version__

LKBUILD = Path(sys.executable).with_name("lkbuild")


@pytest.fixture
def lkbuild(tmp_path):
    def run(*arguments, **variables):
        environment = {"HOME": str(tmp_path / "home"), "PATH": os.environ["PATH"], **variables}
        return subprocess.run(
            [LKBUILD, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=120
        )

    return run


def test_help_is_a_result_and_goes_to_stdout(lkbuild):
    done = lkbuild("--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == lkbuild().stdout == lkbuild("help").stdout


@pytest.mark.parametrize(
    "arguments", [("buidl", "//x"), ("build", "--kep-going"), ("query",), ("run", "//a", "//b"), ("cache", "gx"), ("lock", "upd")]
)
def test_a_command_line_that_can_not_be_obeyed_is_2_and_stdout_is_empty(lkbuild, arguments):
    done = lkbuild(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "hint:" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("verb", ["build", "test", "query", "fetch", "clean", "info"])
def test_outside_of_a_workspace_there_is_one_clear_error_in_both_forms(lkbuild, verb):
    done = lkbuild(verb, "--json", *(["//x"] if verb == "query" else []))
    value = json.loads(done.stdout)
    assert done.returncode == value["exit_code"] != 37
    assert not value["ok"]
    assert len(value["errors"]) == 1
    assert value["errors"][0]["message"] in done.stderr


def test_init_writes_a_workspace_that_a_second_init_refuses(lkbuild, tmp_path):
    first = lkbuild("init", "hello")
    assert first.returncode == 0
    assert [Path(line).parent for line in first.stdout.splitlines()] == [tmp_path / "hello"] * 4
    assert lkbuild("init", "hello").returncode == 2
    assert json.loads(lkbuild("init", "--json", "other").stdout)["ok"]


def test_doctor_says_the_same_for_people_and_for_scripts(lkbuild):
    value = json.loads(lkbuild("doctor", "--json").stdout)
    text = lkbuild("doctor").stdout
    assert all(finding["name"] in text for finding in value["findings"])
    assert value["ok"] is all(finding["state"] != "fail" for finding in value["findings"])


def test_a_variable_is_named_when_it_is_wrong(lkbuild):
    done = lkbuild("doctor", LKBUILD_COLOR="pink")
    assert done.returncode == 2
    assert "LKBUILD_COLOR" in done.stderr


def test_version_and_its_json(lkbuild):
    assert lkbuild("--version").stdout == f"lkbuild {__version__}\n"
    assert json.loads(lkbuild("version", "--json").stdout) == {"version": __version__}


def test_a_directory_that_is_gone_is_no_traceback(tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    script = f'cd "{gone}" && rmdir "{gone}" && exec "{LKBUILD}" build //x'
    done = subprocess.run(
        ["sh", "-c", script], env={"HOME": str(tmp_path), "PATH": os.environ["PATH"]}, capture_output=True, check=False, timeout=60
    )
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr
