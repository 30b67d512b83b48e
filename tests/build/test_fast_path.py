"""A build of which nothing changed ends in the fast path, and one of which anything changed does not.

The fast path is asked directly: `answer` gives None where the long way must be taken. The real waiting time of two seconds is in one
test; in the others there is none, since all that they change is older than the next build.
"""

import json
import os
import shutil
import sys
import time

import pytest
from harness.in_process import Here

from lkbuild.app import seen
from lkbuild.base import file_stats, snapshot_format

pytestmark = pytest.mark.network  # the shell of a genrule comes from the lock

_FILES = "  files: {rule: filegroup, srcs: {glob: ['*.txt', 'sub/**/*.txt']}}\n"
_COPY = "  copy: {rule: genrule, srcs: [a.txt], outs: [copy], cmd: cat $SRCS > $OUT}\n"


@pytest.fixture(params=[pytest.param(0, id="program"), pytest.param(sys.maxsize, id="python")])
def here(request, ws, capfd, monkeypatch):
    monkeypatch.setattr(file_stats, "WORTH", request.param)  # in bytes of a snapshot; without a compiler both are Python's way
    monkeypatch.setattr(seen, "RACY_NS", 0)
    ws.write("p/BUILD.yaml", "targets:\n" + _FILES + _COPY)
    ws.write("p/a.txt", "a\n")
    ws.write("p/sub/b.txt", "b\n")
    return Here(ws, capfd, monkeypatch)


def test_nothing_changed_says_the_same_again(here):
    said = here.settle("//...")
    assert said.splitlines()[-1].endswith("/p/copy/copy")
    assert here.answered("//...") == said


def test_the_answer_in_json_is_that_of_the_long_way_but_for_the_time(here):
    long = json.loads(here.settle("--json", "//..."))
    quick = json.loads(here.answered("--json", "//..."))
    assert {**long, "elapsed_s": 0} == {**quick, "elapsed_s": 0}
    assert quick["elapsed_s"] < 60
    assert quick["counts"]["up_to_date"] > 0


def test_after_a_build_that_did_something_there_is_nothing_to_do(here):
    here.settle("//...")  # the first makes lkbuild-out, which is an entry of the root
    here.ws.write("p/a.txt", "c\n")
    said = here.build("--json", "//...")
    assert json.loads(said)["executed"] == ["//p:copy genrule"]
    quick = json.loads(here.answered("--json", "//..."))
    shutil.rmtree(here.ws.cache / "snapshots")
    long = json.loads(here.build("--json", "//..."))
    assert {**long, "elapsed_s": 0} == {**quick, "elapsed_s": 0}


def change_source(ws):
    ws.write("p/a.txt", "c\n")


def touch_source(ws):
    (ws.root / "p/a.txt").touch()


def make_source_executable(ws):
    (ws.root / "p/a.txt").chmod(0o755)


def change_source_under_an_old_time(ws):
    path = ws.root / "p/a.txt"
    status = path.stat()
    path.write_text("c\n")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def remove_source(ws):
    (ws.root / "p/sub/b.txt").unlink()


def add_file_to_glob(ws):
    ws.write("p/new.txt", "new\n")


def add_file_to_glob_below(ws):
    ws.write("p/sub/new.txt", "new\n")


def add_package(ws):
    ws.write("q/BUILD.yaml", "targets:\n  all-of-it: {rule: filegroup}\n")


def make_package_of_a_folder(ws):
    ws.write("p/sub/BUILD.yaml", "targets: {}\n")


def change_build_file(ws):
    ws.write("p/BUILD.yaml", "targets:\n" + _COPY)


def change_workspace_section(ws):
    ws.write("BUILD.yaml", "workspace: {name: test, ignore: [p]}\n")


def remove_output(ws):
    (ws.root / "lkbuild-out/amd64/p/copy/copy").unlink()


def edit_output(ws):
    (ws.root / "lkbuild-out/amd64/p/copy/copy").write_text("x\n")


def remove_outputs(ws):
    shutil.rmtree(ws.root / "lkbuild-out")


def hide_rule(ws):
    (ws.root / "rules/genrule").mkdir(parents=True)
    shutil.copy(snapshot_format.__file__, ws.root / "rules/genrule/rule.py")


def remove_snapshots(ws):
    shutil.rmtree(ws.cache / "snapshots")


def truncate_snapshots(ws):
    for path in (ws.cache / "snapshots").iterdir():
        path.write_bytes(path.read_bytes()[:-5])


def garble_snapshots(ws):
    for path in (ws.cache / "snapshots").iterdir():
        path.write_bytes(b"garbage")


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="paths of outputs are those of amd64")
@pytest.mark.parametrize(
    "change",
    [
        change_source,
        touch_source,
        make_source_executable,
        change_source_under_an_old_time,
        remove_source,
        add_file_to_glob,
        add_file_to_glob_below,
        add_package,
        make_package_of_a_folder,
        change_build_file,
        change_workspace_section,
        remove_output,
        edit_output,
        remove_outputs,
        hide_rule,
        remove_snapshots,
        truncate_snapshots,
        garble_snapshots,
    ],
)
def test_the_long_way_is_taken_after(here, change):
    here.settle("//...")
    assert here.answered("//...") is not None
    change(here.ws)
    assert here.answered("//...") is None


def test_a_touched_source_runs_nothing_and_leaves_a_new_snapshot(here):
    said = here.settle("//...")
    touch_source(here.ws)
    assert here.build("//...") == said
    assert here.answered("//...") == said


def test_a_changed_rule_of_the_workspace_is_noticed(here):
    rule = "from lkbuild.model.rule import Rule\nRULE = Rule(name='mine', doc='Mine.', attrs={}, analyze=lambda ctx: [])\n"
    here.ws.write("rules/mine/rule.py", rule)
    here.ws.write("p/BUILD.yaml", "targets:\n  mine: {rule: mine}\n")
    here.settle("//...")
    here.build("//...")  # Python wrote its compiled form beside the rule
    assert here.answered("//...") is not None
    here.ws.write("rules/mine/rule.py", rule + "# changed\n")
    assert here.answered("//...") is None


def test_other_arguments_variables_and_folders_have_snapshots_of_their_own(here):
    here.settle("//...")
    assert here.answered("//p:copy") is None
    assert here.answered("--arch", "arm64", "//...") is None
    assert here.answered("//...", LKBUILD_CONFIG="quick") is None
    assert here.answered("//...", UNRELATED="1") is not None
    here.monkeypatch.chdir(here.ws.root / "p")
    assert here.answered("//...") is None


def test_another_version_of_lkbuild_has_none(here, monkeypatch):
    here.settle("//...")
    monkeypatch.setattr(snapshot_format, "__version__", "0.0.0")
    assert here.answered("//...") is None


def test_a_nested_workspace_that_appears_is_noticed(here):
    here.monkeypatch.chdir(here.ws.root / "p/sub")
    here.settle("//...")
    assert here.answered("//...") is not None
    here.ws.write("p/sub/BUILD.yaml", "workspace: {name: nested}\n")
    assert here.answered("//...") is None


def test_a_failed_build_leaves_no_snapshot(here):
    here.ws.write("p/BUILD.yaml", "targets:\n" + _FILES + "  bad: {rule: genrule, outs: [bad], cmd: exit 3}\n")
    here.build("//...", code=1)
    here.build("//...", code=1)
    assert here.answered("//...") is None


@pytest.mark.parametrize("flag", ["--check", "--dry-run", "--verbose", "--events=events.jsonl"])
def test_what_must_look_again_leaves_no_snapshot(here, flag):
    here.settle("//...")
    here.settle(flag, "//...")
    assert here.answered(flag, "//...") is None


def test_outputs_stay_up_to_date_without_their_store(here):
    said = here.settle("//...")
    for path in here.ws.cache.iterdir():
        if path.name != "snapshots":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert here.answered("//...") == said
    touch_source(here.ws)
    (here.ws.root / "p/BUILD.yaml").write_text("targets:\n" + _FILES)
    assert here.build("//...").splitlines() == said.splitlines()[:-1]  # the store is made anew beside the snapshots


def test_files_that_changed_since_the_build_began_leave_no_snapshot(here, monkeypatch):
    here.build("//...")
    monkeypatch.setattr(seen, "RACY_NS", snapshot_format.RACY_NS)
    here.build("//...")
    assert here.answered("//...") is None


def test_eight_snapshots_of_a_workspace_are_kept(here):
    for index in range(10):
        here.settle("--out", f"out{index}", "//p:copy")
    snapshots, baselines = ({path.name for path in (here.ws.cache / folder).iterdir()} for folder in ("snapshots", "baselines"))
    assert snapshots == baselines
    own = {name.rpartition("-")[2] for name in snapshots}
    assert sorted(sum(name.endswith(workspace) for name in snapshots) for workspace in own) == [1, snapshot_format.PER_WORKSPACE]
    assert here.answered("--out", "out9", "//p:copy") is not None
    assert here.answered("--out", "out0", "//p:copy") is None


def test_the_command_itself_imports_the_standard_library_and_little_more(here):
    ws = here.ws
    ws.build("//...")
    time.sleep(snapshot_format.RACY_NS / 1e9 + 0.1)
    ws.build("//...")
    traced = type(ws)(ws.root, ws.cache, ws.environment, (sys.executable, "-X", "importtime", *ws.command)).lkbuild(
        "build", "--json", "//..."
    )
    assert traced.returncode == 0
    assert json.loads(traced.stdout)["counts"]["up_to_date"] > 0
    imported = {line.rpartition("|")[2].strip() for line in traced.stderr.splitlines() if line.startswith("import time:")}
    own = {name for name in imported if name.startswith("lkbuild")}
    assert own == {
        "lkbuild",
        "lkbuild.base",
        "lkbuild.base.boots",
        "lkbuild.base.file_stats",
        "lkbuild.base.snapshot_format",
        "lkbuild.cli",
        "lkbuild.cli.ask",
        "lkbuild.cli.fast",
        "lkbuild.cli.main",
        "lkbuild.cli.quantities",
    }
    assert not imported & {"blake3", "yaml", "json", "pathlib", "dataclasses", "typing", "rich", "networkx"}


def test_a_file_of_a_year_beyond_2262_is_a_file_like_any_other(ws):
    ws.write("p/BUILD.yaml", "targets: {a: {rule: genrule, srcs: [f], outs: [o], cmd: cp $SRCS $OUT}}\n")
    file = ws.write("p/f", "one\n")
    for text in ("one\n", "two\n"):
        file.write_text(text)
        os.utime(file, (99_999_999_999, 99_999_999_999))
        for _ in range(3):
            assert ws.build("//p:a").text == text
