"""`lkbuild build` beside a running `lkbuild watch`: the watch does it, says the same, and nobody depends on it.

`asked` asks and does nothing else: NOBODY means that the ordinary way would be taken. A served build is looked at after an edit that only
its answer can show.
"""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from harness.watching import eventually, watching

pytestmark = pytest.mark.network  # the shell of a genrule comes from the lock

BUILD = """\
targets:
  cat:
    rule: genrule
    srcs: {glob: ["src/**"]}
    outs: [all.txt]
    cmd: cat $SRCS > $OUT
  upper:
    rule: genrule
    srcs: [":cat"]
    outs: [upper.txt]
    cmd: tr a-z A-Z < $SRCS > $OUT
"""
NOBODY = 77
ASK = f"""\
import os, sys
from lkbuild.cli.ask import ask
code = ask(sys.argv[1:], os.environ)
os._exit({NOBODY} if code is None else code)
"""


@pytest.fixture
def pack(ws):
    ws.write("p/BUILD.yaml", BUILD)
    ws.write("p/src/one", "one\n")
    return ws


@contextlib.contextmanager
def served(workspace, *patterns):
    """A watch of the patterns that listens."""
    with watching(workspace, *(patterns or ("//p:cat",))) as watch:
        watch.first()
        yield watch


def start(workspace, *arguments):
    return subprocess.Popen(
        [sys.executable, "-c", ASK, *arguments],
        cwd=workspace.root,
        env=workspace._environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def asked(workspace, *arguments):
    """Ask until somebody has time for it: a watch that looks again after a build does not answer meanwhile."""
    done = []

    def answered():
        with start(workspace, *arguments) as process:
            out, err = process.communicate()
        done[:] = [process.returncode, out, err]
        return process.returncode != NOBODY

    eventually(answered)
    return tuple(done)


def asked_once(workspace, *arguments):
    with start(workspace, *arguments) as process:
        out, err = process.communicate()
    return process.returncode, out, err


def test_an_asker_gets_what_the_command_says_itself(pack):
    ordinary = pack.lkbuild("//p:upper")
    with served(pack):
        code, out, err = asked(pack, "//p:upper")
        assert (code, out) == (ordinary.returncode, ordinary.stdout)
        assert "up to date" in err
        told = json.loads(asked(pack, "build", "--json", "//p:upper")[1])
    again = pack.build("//p:upper").told
    assert {**told, "elapsed_s": 0, "saved_s": 0} == {**again, "elapsed_s": 0, "saved_s": 0}


def test_every_answer_is_of_the_files_as_they_are(pack):
    """Random edits; what is built is compared with what the files say."""
    source = random.Random(7)  # noqa: S311 - the same edits each time
    with served(pack):
        for step in range(12):
            file = pack.root / "p/src" / source.choice(["one", "two", "three", "sub/four"])
            if file.exists() and source.random() < 0.3 and len(list(file.parent.iterdir())) > 1:
                file.unlink()
            else:
                pack.write(str(file.relative_to(pack.root)), f"{source.choice('abc')}{step}\n")
            (path,) = asked(pack, "//p:upper")[1].split()
            files = sorted(path for path in (pack.root / "p/src").rglob("*") if path.is_file())
            assert sorted(Path(path).read_text().splitlines()) == sorted(file.read_text().strip().upper() for file in files)


def test_what_is_edited_right_after_an_answer_is_not_missed(pack):
    with served(pack):
        for number in range(4):
            asked(pack, "//p:cat")
            pack.write("p/src/one", f"{number}\n")
            (path,) = asked(pack, "//p:cat")[1].split()
            assert Path(path).read_text() == f"{number}\n"


@pytest.mark.parametrize("loss", ["a file", "its directory", "all, moved away"])
def test_an_output_that_is_gone_is_written_again(pack, loss):
    with served(pack, "//p:upper"):
        (path,) = map(Path, asked(pack, "//p:cat")[1].split())
        asked(pack, "//p:cat")
        match loss:
            case "a file":
                path.unlink()
            case "its directory":
                path.unlink()
                path.parent.rmdir()
            case _:
                (pack.root / "lkbuild-out").rename(pack.root.parent / "elsewhere")
        asked(pack, "//p:cat")
        assert path.read_text() == "one\n"


def test_a_file_within_an_output_that_is_a_directory_counts(pack):
    pack.write("i/BUILD.yaml", "targets:\n  i: {rule: package, skeleton: false}\n")
    with served(pack):
        layout = Path(asked(pack, "//i.oci")[1].strip())
        asked(pack, "//i.oci")
        blob = max((layout / "blobs/sha256").iterdir())
        was = blob.read_bytes()
        for harm in (lambda: blob.write_bytes(b"scribbled"), blob.unlink):
            harm()
            asked(pack, "//i.oci")
            assert blob.read_bytes() == was


def test_a_build_file_that_changes_counts(pack):
    with served(pack):
        asked(pack, "//p:upper")
        pack.edit("p/BUILD.yaml", "tr a-z A-Z", "tr a-z b-z")
        (path,) = asked(pack, "//p:upper")[1].split()
        assert Path(path).read_text() == "pof\n"


def test_a_failure_is_told_with_its_exit_code_and_mended_by_an_edit(pack):
    with served(pack):
        pack.edit("p/BUILD.yaml", "tr a-z A-Z < $SRCS", "false")
        code, out, err = asked(pack, "//p:upper")
        assert (code, out) == (1, "")
        assert "genrule failed" in err
        pack.edit("p/BUILD.yaml", "false", "tr a-z A-Z < $SRCS")
        assert asked(pack, "//p:upper")[0] == 0


def test_what_is_wrong_before_the_build_is_left_to_the_asker(pack):
    with served(pack):
        assert asked_once(pack, "//p:nothing")[0] == NOBODY
        assert asked_once(pack, "--dry-run", "//p:cat")[0] == NOBODY
        assert pack.lkbuild("//p:nothing").returncode == 7
        assert asked(pack, "//p:cat")[0] == 0


def test_events_of_a_served_build_are_written_where_the_asker_says(pack):
    with served(pack, "//p:cat"):
        assert asked(pack, "--events", "happened", "//p:upper")[0] == 0
        lines = [json.loads(line) for line in (pack.root / "happened").read_text().splitlines()]
        assert any(line.get("label") == "//p:upper" for line in lines)


def test_another_umask_or_version_is_not_served(pack):
    with served(pack):
        assert asked(pack, "//p:cat")[0] == 0
        other = ASK.replace("import os, sys", "import os, sys, lkbuild\nlkbuild.__version__ = 'another'")
        for code in (other, f"import os; os.umask(0o007)\n{ASK}"):
            done = subprocess.run([sys.executable, "-c", code, "//p:cat"], cwd=pack.root, env=pack._environment(), check=False)
            assert done.returncode == NOBODY


def test_an_interrupt_stops_the_build_and_not_the_watch(pack):
    pack.write("p/BUILD.yaml", BUILD.replace("tr a-z A-Z", "echo started; sleep 1000; tr a-z A-Z"))
    with served(pack) as watch:
        process = start(pack, "--events", "happened", "//p:upper")
        events = pack.root / "happened"
        eventually(lambda: events.exists() and "action_started" in events.read_text())
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate()
        assert (process.returncode, out) == (8, "")
        assert asked(pack, "//p:cat")[0] == 0
        assert watch.process.poll() is None


def test_an_interrupt_stops_an_analysis_and_not_the_watch(pack):
    begun = pack.root / "begun"
    rule = f"""
import time
from lkbuild.model.rule import Rule
def analyze(ctx):
    with open({str(begun)!r}, "a") as file:
        print(ctx.label.name, file=file)
    time.sleep(0.05)
    return []
RULE = Rule(name="slow", doc="Takes its time.", attrs={{}}, analyze=analyze)
"""
    pack.write("rules/slow/rule.py", rule)
    pack.write("q/BUILD.yaml", "targets:\n" + "".join(f"  t{number}: {{rule: slow}}\n" for number in range(2000)))
    with served(pack) as watch:
        process = start(pack, "//q/...")
        eventually(begun.exists)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
        assert (process.returncode, out) == (8, "")
        assert "error: stopped" in err
        assert len(begun.read_text().splitlines()) < 2000
        assert asked(pack, "//p:cat")[0] == 0
        assert watch.process.poll() is None


def test_a_watch_that_hangs_or_is_killed_is_done_without(pack):
    with served(pack) as watch:
        watch.process.send_signal(signal.SIGSTOP)
        assert asked_once(pack, "//p:upper")[0] == NOBODY
        assert pack.build("//p:upper").text == "ONE\n"
        watch.process.kill()
        watch.process.wait()
        assert list(pack.cache.glob("resident/*.sock"))  # it had no time to take it away
        assert asked_once(pack, "//p:upper")[0] == NOBODY
        assert pack.build("//p:upper").counts == {"up_to_date": 4}
    with served(pack):
        assert asked(pack, "//p:upper")[0] == 0


def test_one_watch_listens_and_the_next_one_goes_without(pack):
    with served(pack), served(pack, "//p:upper"):
        assert asked(pack, "//p:cat")[0] == 0
    assert not list(pack.cache.glob("resident/*.sock"))


def test_an_asker_in_a_workspace_inside_is_not_served_by_the_one_outside(pack):
    inner = pack.root / "inner"
    inner.mkdir()
    (inner / "BUILD.yaml").write_text("workspace: {name: inner}\ntargets:\n  a: {rule: genrule, outs: [a], cmd: echo > $OUT}\n")
    with served(pack):
        process = subprocess.run(
            [sys.executable, "-c", ASK, "//:a"], cwd=inner, env={**os.environ, **pack._environment()}, check=False, capture_output=True
        )
        assert process.returncode == NOBODY


TWO = {
    "p/BUILD.yaml": 'targets:\n  a: {rule: genrule, srcs: {glob: ["*.txt"]}, outs: [a], cmd: cat $SRCS > $OUT}\n',
    "p/a.txt": "a\n",
    "q/BUILD.yaml": """targets:
  b: {rule: genrule, srcs: [b.txt, "//p:a"], outs: [b], cmd: cat $SRCS > $OUT}
  c: {rule: genrule, srcs: [c.txt], outs: [c], cmd: cat $SRCS > $OUT}
""",
    "q/b.txt": "b\n",
    "q/c.txt": "c\n",
}
#: Edits, and what is in the outputs of a, b and c after each.
TURNS = (
    ({"q/c.txt": "C\n"}, ("a\n", "b\na\n", "C\n")),
    ({"p/a.txt": "A\n"}, ("A\n", "b\nA\n", "C\n")),
    ({"q/BUILD.yaml": TWO["q/BUILD.yaml"].replace("srcs: [c.txt]", "srcs: [b.txt]")}, ("A\n", "b\nA\n", "b\n")),
    ({"q/b.txt": "B\n"}, ("A\n", "B\nA\n", "B\n")),
    ({"p/x.txt": "x\n"}, ("A\nx\n", "B\nA\nx\n", "B\n")),
    ({"q/c.txt": "nobody takes it\n"}, ("A\nx\n", "B\nA\nx\n", "B\n")),
    (
        {"p/x.txt": "y\n", "p/BUILD.yaml": TWO["p/BUILD.yaml"].replace("cat $SRCS", "cat $SRCS $SRCS")},
        ("A\ny\nA\ny\n", "B\nA\ny\nA\ny\n", "B\n"),
    ),
    ({"q/BUILD.yaml": TWO["q/BUILD.yaml"], "q/c.txt": "c\n"}, ("A\ny\nA\ny\n", "B\nA\ny\nA\ny\n", "c\n")),
    ({"q/BUILD.yaml": TWO["q/BUILD.yaml"] + "  d: {rule: filegroup}\n"}, ("A\ny\nA\ny\n", "B\nA\ny\nA\ny\n", "c\n")),
    ({"q/c.txt": "end\n"}, ("A\ny\nA\ny\n", "B\nA\ny\nA\ny\n", "end\n")),
)


def test_edits_of_sources_and_packages_in_turn_are_each_seen(ws):
    for path, text in TWO.items():
        ws.write(path, text)
    ws.build("//...")
    with served(ws, "//..."):
        asked(ws, "//...")
        for edits, expected in TURNS:
            for path, text in edits.items():
                ws.write(path, text)
            code, out, err = asked(ws, "//...")
            assert code == 0, err
            assert tuple(Path(path).read_text() for path in out.splitlines()[:3]) == expected
    assert set(ws.build("//...").counts) == {"up_to_date"}
