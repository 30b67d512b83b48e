"""After an edit a build looks at what the edit affects, and says and leaves what a build that looks at everything would.

Whether it looked at everything is seen by a function that it calls then. The waiting time of two seconds after which stats are believed
is none here, but where it is what is tested.
"""

import json
import shutil
import tarfile
import time
from pathlib import Path

import pytest
from harness.in_process import Here

from lkbuild.app import build as use_case
from lkbuild.app import seen
from lkbuild.app.history import KEPT
from lkbuild.base.digest import Digest

pytestmark = pytest.mark.network  # the shell of a genrule comes from the lock

FILES = {
    "p/BUILD.yaml": """targets:
  a: {rule: genrule, srcs: [a.txt], outs: [a], cmd: cat $SRCS > $OUT}
  b: {rule: genrule, srcs: [b.txt], outs: [b], cmd: cat $SRCS > $OUT}
  lists: {rule: filegroup, srcs: {glob: ['*.txt']}}
""",
    "p/a.txt": "a\n",
    "p/b.txt": "b\n",
    "q/BUILD.yaml": """targets:
  upper: {rule: genrule, srcs: ["//p:a"], outs: [upper], cmd: tr a-z A-Z < $SRCS > $OUT}
  own: {rule: genrule, srcs: [own.txt], outs: [own], cmd: cat $SRCS > $OUT}
  image: {rule: package, skeleton: false, files: [{path: /etc/own, source: own.txt}]}
""",
    "q/own.txt": "own\n",
}
#: What is in both reports of a build, one that looked at everything and one that did not.
SAME = ("ok", "exit_code", "counts", "fetched_bytes", "remote", "errors", "version")


class Edited(Here):
    """Commands with `--json`, and whether they looked at everything."""

    def __init__(self, ws, capfd, monkeypatch):
        super().__init__(ws, capfd, monkeypatch)
        self.whole = 0
        look_at_all = use_case._all

        def counted(*arguments):
            self.whole += 1
            return look_at_all(*arguments)

        monkeypatch.setattr(use_case, "_all", counted)
        for path, text in FILES.items():
            ws.write(path, text)

    def command(self, *arguments, code=0):
        """What it said, and whether it looked at everything."""
        before = self.whole
        said = json.loads(self.build("--json", *arguments, code=code))
        return said, self.whole > before

    def narrow(self, *arguments, code=0):
        """A build that has to know what an edit affects."""
        said, whole = self.command(*arguments, code=code)
        assert not whole
        return said

    def forget(self):
        """The next build looks at everything."""
        shutil.rmtree(self.ws.cache / "snapshots")

    def check(self, *arguments):
        """Nothing is left to be done, and both ways to find that say the same."""
        quick = json.loads(self.answered("--json", *arguments) or json.dumps(self.narrow(*arguments)))
        self.forget()
        long, whole = self.command(*arguments)
        assert whole
        assert {**quick, "elapsed_s": 0} == {**long, "elapsed_s": 0}
        assert set(self.positive(long)) <= {"up_to_date"}

    @staticmethod
    def positive(said):
        return {name: count for name, count in said["counts"].items() if count}


@pytest.fixture
def here(ws, capfd, monkeypatch):
    monkeypatch.setattr(seen, "RACY_NS", 0)
    edited = Edited(ws, capfd, monkeypatch)
    edited.settle("--json", "//...")
    return edited


def states(said):
    return {target["label"]: target["state"] for target in said["targets"]}


def text_of(said, label):
    (target,) = (target for target in said["targets"] if target["label"] == label)
    return Path(target["outputs"][0]["path"]).read_text()


def test_an_edited_source_builds_what_is_made_of_it_and_the_rest_is_as_it_was(here):
    here.ws.write("p/a.txt", "new\n")
    said = here.narrow("//...")
    assert said["executed"] == ["//p:a genrule", "//q:upper genrule"]
    assert {label for label, state in states(said).items() if state == "built"} == {"//p:a", "//q:upper"}
    assert text_of(said, "//q:upper") == "NEW\n"
    here.check("//...")


def test_it_says_what_a_build_says_that_looks_at_everything(here):
    here.ws.write("q/own.txt", "new\n")
    said = here.narrow("//...")
    here.ws.write("q/own.txt", "own\n")
    here.narrow("//...")
    here.forget()
    here.ws.write("q/own.txt", "other\n")
    long, whole = here.command("//...")
    assert whole
    assert {name: said[name] for name in SAME} == {name: long[name] for name in SAME}
    assert sorted(said["executed"]) == sorted(long["executed"])
    assert states(said) == states(long)


def save_by_rename(path):
    path.with_name(".new").write_text("renamed\n")
    path.with_name(".new").replace(path)


def remove_and_write(path):
    path.unlink()
    path.write_text("again\n")


@pytest.mark.parametrize("save", [lambda path: path.write_text("in place\n"), save_by_rename, remove_and_write])
def test_a_file_may_be_saved_as_editors_save_files(here, save):
    save(here.ws.root / "p/b.txt")
    said = here.narrow("//...")
    assert said["executed"] == ["//p:b genrule"]
    here.check("//...")


def test_edits_add_up_from_build_to_build(here):
    for number in range(3):
        for path, ran in (("p/a.txt", ["//p:a genrule", "//q:upper genrule"]), ("p/b.txt", ["//p:b genrule"])):
            here.ws.write(path, f"{number}\n")
            assert here.narrow("//...")["executed"] == ran
    here.check("//...")


def test_what_was_touched_runs_nothing(here):
    (here.ws.root / "p/a.txt").touch()
    (here.ws.root / "p/BUILD.yaml").touch()
    said = here.narrow("//...")
    assert here.positive(said) == {"up_to_date": said["counts"]["up_to_date"]}
    here.check("//...")


def remove(path):
    path.unlink()


def scribble(path):
    path.write_text("scribbled\n")


@pytest.mark.parametrize("harm", [remove, scribble])
@pytest.mark.parametrize("name", ["p/b/b", "q/image/*.tar"])
def test_an_output_that_was_changed_is_written_again(here, name, harm):
    (path,) = here.ws.root.glob(f"lkbuild-out/*/{name}")
    was = path.read_bytes()
    harm(path)
    said, _ = here.command("//...")
    assert said["executed"] == []
    assert path.read_bytes() == was
    here.check("//...")


def test_a_file_within_an_output_that_is_a_directory_counts(here):
    here.settle("--json", "//q:image.oci")
    (layout,) = here.ws.root.glob("lkbuild-out/*/q/image/image.oci")
    blob = max((layout / "blobs/sha256").iterdir())
    for harm in (remove, scribble):
        was = blob.read_bytes()
        harm(blob)
        assert here.answered("--json", "//q:image.oci") is None
        here.narrow("//q:image.oci")
        assert blob.read_bytes() == was
        here.check("//q:image.oci")
    here.ws.write("q/own.txt", "another layer\n")
    said = here.narrow("//q:image.oci")
    assert "//q:image layer" in said["executed"]
    here.check("//q:image.oci")


TREE = """from lkbuild.model.action import DeclaredOutput
from lkbuild.model.artifact import NamedArtifact
from lkbuild.model.attrs import Attr, File, ListOf
from lkbuild.model.providers import Files
from lkbuild.model.rule import Rule
from ..toolchains.bundled import bundled_toolchain

SCRIPT = "mkdir -p tree/a/b && cat $1 > tree/a/b/file && ln -s b tree/a/near && ln -s nowhere tree/far && ln -s loop tree/loop"


def analyze(ctx):
    sources = ctx.inputs(ctx.attrs["srcs"])
    command = ["/bin/sh", "-euc", SCRIPT, "-", sources[0].path]
    (made,) = ctx.run("tree", command, root=bundled_toolchain(ctx), inputs=sources, outputs=[DeclaredOutput("tree", tree=True)])
    return [Files((NamedArtifact("tree", made),))]


RULE = Rule(name="tree", doc="A folder.", attrs={"srcs": Attr(type=ListOf(item=File()), required=True, doc="One.")}, analyze=analyze)
"""


def test_links_in_an_output_may_lead_nowhere(here):
    here.ws.write("rules/tree/rule.py", TREE)
    here.ws.write("q/BUILD.yaml", "targets:\n  tree: {rule: tree, srcs: [own.txt]}\n")
    here.settle("--json", "//q:tree")
    here.settle("--json", "//q:tree")  # Python has compiled the rule now
    (tree,) = here.ws.root.glob("lkbuild-out/*/q/tree/tree")
    assert (tree / "far").is_symlink()
    assert here.answered("--json", "//q:tree") is not None
    (tree / "a/near").unlink()
    assert here.answered("--json", "//q:tree") is None
    here.narrow("//q:tree")
    assert (tree / "a/near").is_symlink()
    assert here.answered("--json", "//q:tree") is not None
    here.ws.write("q/own.txt", "new\n")
    here.narrow("//q:tree")
    assert (tree / "a/near/file").read_text() == "new\n"
    here.check("//q:tree")


def test_a_link_within_an_output_that_leads_nowhere_counts(here):
    with tarfile.open(here.ws.root / "p/links.tar", "w") as archive:
        link = tarfile.TarInfo("folder/link")
        link.type, link.linkname = tarfile.SYMTYPE, "/nowhere/else"
        archive.addfile(link)
    here.ws.write("t/BUILD.yaml", "targets:\n  t: {rule: archive_toolchain, archive: '//p:links', type: tar}\n")
    here.ws.edit("p/BUILD.yaml", "targets:\n", "targets:\n  links: {rule: filegroup, srcs: [links.tar]}\n")
    here.settle("--json", "//...")
    here.check("//...")
    (path,) = here.ws.root.glob("lkbuild-out/*/t/t/tree/folder/*")
    path.unlink()
    assert here.answered("--json", "//...") is None
    here.narrow("//...")
    assert path.readlink().name == "else"
    here.check("//...")


def edit_command(ws):
    ws.edit("p/BUILD.yaml", "outs: [a], cmd: cat $SRCS", "outs: [a], cmd: tr a-z b-za < $SRCS")


def rename_output(ws):
    ws.edit("q/BUILD.yaml", "outs: [own], cmd", "outs: [renamed], cmd")


def add_to_glob(ws):
    ws.write("p/c.txt", "c\n")


def take_other_source(ws):
    ws.edit("q/BUILD.yaml", "srcs: [own.txt]", "srcs: [BUILD.yaml]")


def remove_source(ws):
    (ws.root / "p/b.txt").unlink()
    ws.edit("p/BUILD.yaml", "[b.txt]", "[a.txt]")


def depend_on_more(ws):
    ws.edit("q/BUILD.yaml", "outs: [own], cmd: cat $SRCS", 'outs: [own], tools: ["//p:b"], cmd: cat $SRCS $TOOLS')


def change_rule(ws):
    ws.edit(
        "q/BUILD.yaml",
        "own: {rule: genrule, srcs: [own.txt], outs: [own], cmd: cat $SRCS > $OUT}",
        "own: {rule: filegroup, srcs: [own.txt]}",
    )


def leave_package_empty_of_edges(ws):
    ws.edit("q/BUILD.yaml", 'srcs: ["//p:a"]', "srcs: [own.txt]")


def comment(ws):
    ws.edit("p/BUILD.yaml", "targets:", "# a comment\ntargets:")


@pytest.mark.parametrize(
    ("change", "ran"),
    [
        (edit_command, ["//p:a genrule", "//q:upper genrule"]),
        (rename_output, ["//q:own genrule"]),
        (add_to_glob, []),
        (take_other_source, ["//q:own genrule"]),
        (remove_source, ["//p:b genrule"]),
        (depend_on_more, ["//q:own genrule"]),
        (change_rule, []),
        (leave_package_empty_of_edges, ["//q:upper genrule"]),
        (comment, []),
    ],
)
def test_an_edited_package_is_made_again_and_the_rest_is_as_it_was(here, change, ran):
    change(here.ws)
    said = here.narrow("//...")
    assert sorted(said["executed"]) == ran
    here.check("//...")
    here.ws.write("q/own.txt", "and then a source\n")
    here.ws.write("p/a.txt", "and another\n")
    here.narrow("//...")
    here.check("//...")
    for path in ("p/BUILD.yaml", "q/BUILD.yaml"):  # and back again
        if (here.ws.root / path).read_text() != FILES[path]:
            here.ws.write("p/b.txt", "b\n")
            here.ws.write(path, FILES[path])
            here.narrow("//...")
            here.check("//...")


def last_record(here):
    return max(path.stem for path in here.ws.cache.glob("workspaces/*/builds/*"))


def test_an_edited_package_is_explained(here):
    before = last_record(here)
    here.ws.edit(
        "q/BUILD.yaml",
        "own: {rule: genrule, srcs: [own.txt], outs: [own], cmd: cat $SRCS > $OUT}",
        "own: {rule: filegroup, srcs: [own.txt]}",
    )
    here.ws.edit("q/BUILD.yaml", "tr a-z A-Z", "tr a-z B-Z")
    here.narrow("//...")
    after = last_record(here)
    told = explained(here, "diff", "--json", before, after)
    assert told["gone"] == ["//q:own genrule"]
    assert told["added"] == []
    assert {item["action"] for item in told["changes"]} == {"//q:upper genrule"}
    here.ws.write("q/BUILD.yaml", FILES["q/BUILD.yaml"])
    here.narrow("//...")
    last = last_record(here)
    told = explained(here, "diff", "--json", before, last)
    assert (told["equal"], told["gone"], told["added"]) == (True, [], [])


def add_package(ws):
    ws.write("o/r/BUILD.yaml", 'targets: {more: {rule: genrule, srcs: ["//p:a"], outs: [o], cmd: cat $SRCS > $OUT}}\n')


def add_package_below(ws):
    ws.write("p/sub/BUILD.yaml", "targets: {more: {rule: filegroup}}\n")


def add_target(ws):
    ws.edit("p/BUILD.yaml", "targets:", "targets:\n  more: {rule: genrule, srcs: [':b'], outs: [more], cmd: cat $SRCS > $OUT}")


def remove_target(ws):
    ws.edit("p/BUILD.yaml", "  b: {rule: genrule, srcs: [b.txt], outs: [b], cmd: cat $SRCS > $OUT}\n", "")


def rename_target(ws):
    ws.edit("q/BUILD.yaml", "own: {", "another: {")


def make_manual(ws):
    ws.edit("q/BUILD.yaml", "outs: [own], cmd", "outs: [own], manual: true, cmd")


def leave_to_others(ws):
    ws.edit("q/BUILD.yaml", "outs: [own], cmd", "outs: [own], arches: [s390x], cmd")


def change_order(ws):
    lines = FILES["q/BUILD.yaml"].splitlines(keepends=True)
    ws.write("q/BUILD.yaml", "".join([lines[0], *reversed(lines[1:])]))


def remove_package(ws):
    shutil.rmtree(ws.root / "q")


def remove_build_file(ws):
    (ws.root / "q/BUILD.yaml").unlink()


def move_package(ws):
    (ws.root / "q").rename(ws.root / "z")


OTHERS = [
    add_package,
    add_package_below,
    add_target,
    remove_target,
    rename_target,
    make_manual,
    leave_to_others,
    change_order,
    remove_package,
    remove_build_file,
    move_package,
]


@pytest.mark.parametrize("change", OTHERS)
def test_targets_and_packages_may_come_and_go(here, change):
    before = {path: (here.ws.root / path).read_text() for path in FILES}
    here.ws.write("p/a.txt", "new\n")
    change(here.ws)
    said = here.narrow("//...")
    assert "//p:a genrule" in said["executed"]
    here.check("//...")
    here.ws.write("p/a.txt", "newer\n")
    here.narrow("//...")
    here.check("//...")
    shutil.rmtree(here.ws.root / "z", ignore_errors=True)
    shutil.rmtree(here.ws.root / "o", ignore_errors=True)
    shutil.rmtree(here.ws.root / "p/sub", ignore_errors=True)
    for path, text in before.items():
        here.ws.write(path, text)
    here.narrow("//...")
    here.check("//...")


@pytest.mark.parametrize("patterns", [["//p:b", "//q/..."], ["//...", "--", "-//q:own"], ["//q:all", "//p/..."], ["q/...", "//p:lists"]])
@pytest.mark.parametrize("change", [add_target, remove_target, rename_target, change_order])
def test_patterns_select_what_they_would(here, change, patterns):
    here.settle("--json", *patterns)
    here.ws.write("p/b.txt", "first\n")
    here.ws.write("q/own.txt", "first\n")
    here.build("--json", *patterns)  # now there is a record of what these patterns select
    change(here.ws)
    code = 7 if (change is remove_target and "//p:b" in patterns) or (change is rename_target and "-//q:own" in patterns) else 0
    _, whole = here.command(*patterns, code=code)
    assert whole == bool(code)
    if not code:
        here.check(*patterns)


def hide_rule(ws):
    ws.write("rules/mine/rule.py", "raise SystemExit")


def change_settings(ws):
    ws.write("BUILD.yaml", "workspace: {name: test, ignore: [q]}\n")


@pytest.mark.parametrize("change", [hide_rule, change_settings])
def test_where_more_may_have_changed_everything_is_looked_at(here, change):
    here.ws.write("p/a.txt", "new\n")
    change(here.ws)
    _, whole = here.command("//...")
    assert whole
    here.check("//...")


def test_what_is_wrong_with_an_edited_package_is_told_as_ever(here):
    for old, new, code in (
        ('srcs: ["//p:a"]', 'srcs: ["//p:none"]', 7),
        ("rule: package", "rule: pakage", 7),
        ("outs: [own], cmd", "outs: [own, 'own/../x'], cmd", 7),
    ):
        here.ws.edit("q/BUILD.yaml", old, new)
        said, whole = here.command("//...", code=code)
        assert whole
        assert said["errors"][0]["file"] == "q/BUILD.yaml"
        here.ws.write("q/BUILD.yaml", FILES["q/BUILD.yaml"])
        here.narrow("//...")
        here.check("//...")


@pytest.mark.parametrize(("one", "other"), [("b/c", "c"), ("b/c/d", "c"), ("b/c", "c/d")])
def test_outputs_of_two_packages_may_not_come_to_lie_in_one_place(here, one, other):
    here.ws.write("p/BUILD.yaml", f"targets:\n  a: {{rule: genrule, outs: [x, {one}], cmd: touch $OUTS}}\n")
    here.ws.write("p/a/BUILD.yaml", "targets:\n  b: {rule: genrule, outs: [x], cmd: touch $OUTS}\n")
    here.ws.write("q/BUILD.yaml", "targets: {}\n")
    here.settle("--json", "//...")
    here.ws.write("p/a/BUILD.yaml", f"targets:\n  b: {{rule: genrule, outs: [{other}], cmd: touch $OUTS}}\n")
    said, whole = here.command("//...", code=7)
    assert whole
    assert said["errors"][0]["class"] == "AnalysisError"


def test_a_target_that_may_not_be_seen_any_more_is_an_error_where_it_is_used(here):
    here.ws.edit("p/BUILD.yaml", "outs: [a], cmd", "outs: [a], visibility: [//p], cmd")
    said, whole = here.command("//...", code=7)
    assert whole
    assert said["errors"][0]["file"] == "q/BUILD.yaml"


RULE = """from lkbuild.model.providers import Files
from lkbuild.model.artifact import Inline, NamedArtifact
from lkbuild.model.rule import Rule

RULE = Rule(name="mine", doc="", attrs={}, analyze=lambda ctx: [Files((NamedArtifact("word", Inline(b"WORD")),))])
"""


def test_a_rule_that_is_a_source_as_well_is_a_rule(ws):
    ws.write("rules/mine/rule.py", RULE)
    ws.write("rules/BUILD.yaml", "targets:\n  copy: {rule: genrule, srcs: [mine/rule.py], outs: [copy], cmd: cat $SRCS > $OUT}\n")
    ws.write("p/BUILD.yaml", "targets:\n  p: {rule: mine}\n")
    time.sleep(2.1)  # what changes later than that is looked at again in any case
    ws.build("//...")
    ws.build("//...")
    ws.edit("rules/mine/rule.py", "WORD", "ANOTHER")
    (path,) = (path for path in ws.build("//...").paths if path.name == "word")
    assert path.read_text() == "ANOTHER"


def test_an_edit_that_fails_leaves_what_was_known(here):
    here.ws.write("q/BUILD.yaml", FILES["q/BUILD.yaml"].replace("tr a-z A-Z < $SRCS", "grep -v bad $SRCS"))
    here.settle("--json", "//...")
    here.ws.write("p/a.txt", "bad\n")
    here.ws.write("p/b.txt", "good\n")
    said = here.narrow("//...", code=1)
    assert states(said)["//q:upper"] == "failed"
    assert states(said)["//q:own"] == "up_to_date"
    here.ws.write("p/a.txt", "fine\n")
    said = here.narrow("//...")
    assert text_of(said, "//q:upper") == "fine\n"
    assert text_of(said, "//p:b") == "good\n"
    here.check("//...")


def test_a_source_that_is_gone_is_an_error_as_ever(here):
    (here.ws.root / "q/own.txt").unlink()
    said, whole = here.command("//...", code=7)
    assert whole
    assert said["errors"][0]["file"] == "q/BUILD.yaml"
    here.ws.write("q/own.txt", "back\n")
    here.command("//...")
    here.check("//...")


def test_what_another_command_built_between_is_up_to_date(here):
    here.build("//p:b")
    here.ws.write("p/a.txt", "new\n")
    here.build("//q:upper")
    said = here.narrow("//...")
    assert said["executed"] == []
    here.check("//...")


@pytest.mark.parametrize("harm", [shutil.rmtree, lambda folder: [path.write_bytes(b"x") for path in folder.iterdir()]])
def test_without_its_baseline_everything_is_looked_at(here, harm):
    harm(here.ws.cache / "baselines")
    here.ws.write("p/a.txt", "new\n")
    said, whole = here.command("//...")
    assert whole
    assert said["executed"] == ["//p:a genrule", "//q:upper genrule"]
    here.check("//...")


def test_a_baseline_of_another_build_of_the_same_command_is_none(here):
    baselines = here.ws.cache / "baselines"
    shutil.copytree(baselines, here.ws.cache / "old")
    here.ws.write("p/a.txt", "new\n")
    here.narrow("//...")
    shutil.rmtree(baselines)
    (here.ws.cache / "old").rename(baselines)
    here.ws.write("p/b.txt", "new\n")
    said, whole = here.command("//...")
    assert whole
    assert said["executed"] == ["//p:b genrule"]


def test_a_lost_store_is_made_again_as_far_as_it_is_needed(here):
    for path in here.ws.cache.iterdir():
        if path.name not in {"snapshots", "baselines", "workspaces"}:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    here.ws.write("q/own.txt", "own again\n")
    said = here.narrow("//...")
    assert text_of(said, "//q:own") == "own again\n"
    assert "//p:a genrule" not in said["executed"]
    here.ws.write("p/a.txt", "a again\n")
    said = here.narrow("//...")
    assert text_of(said, "//q:upper") == "A AGAIN\n"


def test_what_runs_again_since_the_store_lost_it_is_written_where_it_was_asked_for(here):
    here.ws.write(
        "r/BUILD.yaml",
        """targets:
  random: {rule: genrule, outs: [random], cmd: cat /proc/sys/kernel/random/uuid > $OUT}
  use: {rule: genrule, srcs: [":random", use.txt], outs: [use], cmd: cat $SRCS > $OUT}
""",
    )
    here.ws.write("r/use.txt", "use\n")
    here.settle("--json", "//...")
    assert here.ws.lkbuild("cache", "gc", "--max-size", "0").returncode == 0
    here.ws.write("r/use.txt", "again\n")
    said = here.narrow("//...")
    assert "//p:a genrule" not in said["executed"]
    assert text_of(said, "//r:use") == text_of(said, "//r:random") + "again\n"


def test_several_architectures_are_told_apart(here):
    patterns = ("--arch", "amd64", "--arch", "arm64", "//...", "//q:image.oci")
    here.settle("--json", *patterns)
    here.ws.write("q/own.txt", "new\n")
    said = here.narrow(*patterns)
    assert said["executed"].count("//q:image layer") == 1  # one layer for both
    assert sum(name.startswith("//q:image ") for name in said["executed"]) > 1
    here.check(*patterns)


def test_a_file_that_changed_lately_is_looked_at_until_it_rests(here, monkeypatch):
    monkeypatch.setattr(seen, "RACY_NS", 3_600_000_000_000)
    here.ws.write("p/a.txt", "new\n")
    said = here.narrow("//...")
    assert said["executed"] == ["//p:a genrule", "//q:upper genrule"]
    assert here.answered("--json", "//...") is None
    said = here.narrow("//...")
    assert said["executed"] == []
    assert here.answered("--json", "//...") is None
    monkeypatch.setattr(seen, "RACY_NS", 0)
    here.narrow("//...")
    here.check("//...")


def test_a_build_in_a_new_workspace_is_known_at_once_if_its_files_are_old(ws, capfd, monkeypatch):
    edited = Edited(ws, capfd, monkeypatch)
    monkeypatch.setattr(seen, "RACY_NS", 0)
    (ws.root / "lkbuild-out").mkdir()  # else it is a new entry of the root's listing
    time.sleep(0.02)
    edited.command("//...")
    ws.write("p/b.txt", "new\n")
    assert edited.narrow("//...")["executed"] == ["//p:b genrule"]
    edited.check("//...")


def explained(here, *arguments):
    return json.loads(here.build(*arguments))


def test_explanations_know_what_was_left_out(here):
    here.ws.write("p/b.txt", "new\n")
    said = here.narrow("//...")
    last = explained(here, "why", "--last", "--json")
    assert [item["action"] for item in last["actions"]] == ["//p:b genrule"]
    assert last["actions"][0]["changes"][0]["name"] == "p/b.txt"
    assert last["counts"] == here.positive(said)
    here.ws.write("q/own.txt", "new\n")
    (why,) = explained(here, "why", "--json", "//q:own")["targets"]
    assert why["actions"][0]["reason"] == "changed"
    here.narrow("//...")
    records = sorted(path.stem.partition("~")[0] for path in here.ws.cache.glob("workspaces/*/builds/*") if "~" in path.stem)
    told = explained(here, "diff", "--json", *records[-2:])
    assert {item["name"] for item in told["changes"]} == {"q/own.txt"}
    assert told["gone"] == told["added"] == []


def test_attributes_that_are_as_they_once_were_are_told(here):
    more = """  many: {rule: genrule, srcs: {glob: ['*.txt']}, outs: [many], cmd: cat $SRCS > $OUT}
  use: {rule: genrule, srcs: [":many", "//p:b"], outs: [use], cmd: cat $SRCS > $OUT}
"""
    here.ws.write("q/BUILD.yaml", FILES["q/BUILD.yaml"] + more)
    here.settle("--json", "//...")
    here.ws.write("p/b.txt", "one\n")
    here.narrow("//...")
    here.ws.write("q/new.txt", "new\n")
    here.narrow("//...")
    (here.ws.root / "q/new.txt").unlink()  # `many` has the key that it had
    here.ws.write("p/b.txt", "two\n")
    here.narrow("//...")
    (why,) = (item for item in explained(here, "why", "--last", "--json")["actions"] if item["action"] == "//q:use genrule")
    (change,) = (item for item in why["changes"] if item["name"] == "q/new.txt")
    assert [item["name"] for item in change["attributes"]] == ["srcs"]


def test_the_record_that_others_rest_on_is_kept(here):
    for number in range(12):
        here.ws.write("p/b.txt", f"{number}\n")
        here.narrow("//...")
    here.ws.write("q/own.txt", "new\n")
    (why,) = explained(here, "why", "--json", "//q:own")["targets"]
    assert why["actions"][0]["reason"] == "changed"
    assert explained(here, "why", "--last", "--json")["counts"]["up_to_date"] > 1


def test_explanations_know_what_another_command_built_between(here):
    here.ws.write("p/b.txt", "of the other\n")
    here.build("//p:b")
    here.narrow("//...")
    here.ws.write("q/own.txt", "new\n")
    here.narrow("//...")
    here.ws.write("p/b.txt", "newest\n")
    (why,) = explained(here, "why", "--json", "//p:b")["targets"]
    assert why["actions"][0]["changes"][0]["was"] == str(Digest.of(b"of the other\n"))


def test_without_the_record_of_what_is_left_out_everything_is_looked_at(here):
    for number in range(KEPT + 1):
        here.ws.write("p/b.txt", f"{number}\n")
        here.build("//p:b")
    here.ws.write("p/a.txt", "new\n")
    _, whole = here.command("//...")
    assert whole
    here.ws.write("q/own.txt", "new\n")
    (why,) = explained(here, "why", "--json", "//q:own")["targets"]
    assert why["actions"][0]["reason"] == "changed"


def test_a_build_of_less_does_not_count_what_the_build_before_it_had(here):
    here.settle("--json", "//q:upper")
    for text in ("new\n", "newer\n"):
        here.ws.write("p/a.txt", text)
        said, _ = here.command("//q:upper")
        last = explained(here, "why", "--last", "--json")
        assert last["counts"] == here.positive(said)
        assert last["targets"] == ["//q:upper"]


def test_what_must_look_again_looks_at_everything(here):
    here.ws.write("p/a.txt", "new\n")
    for flag in ("--check", "--verbose", "--events=events.jsonl"):
        _, whole = here.command(flag, "//...")
        assert whole
    (here.ws.root / "events.jsonl").unlink()
