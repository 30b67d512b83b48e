"""Random graphs of real actions and random edits, each followed by a build: it runs what has inputs that were never seen, nothing else,
and what it writes is what a build of everything from nothing writes. Issue 3, "Nothing lost".

A model in a few lines says what each command makes. Everything else is real: files, loader, analysis, store, sandbox, lkbuild-out.
Each build is told what the one before looked at, as a command is, so that most look at what the edit affects and at nothing else; then
what it expects the next one to say is what one says that looks at everything.
"""

import itertools
import os
import shutil
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lkbuild.app import build as use_case
from lkbuild.app import seen as stats
from lkbuild.app.build import build
from lkbuild.app.options import BuildOptions
from lkbuild.app.snapshot import Snapshot
from lkbuild.cli.progress.quiet import QuietSink

pytestmark = pytest.mark.network  # the shell of a genrule comes from the lock

#: Commands, and what they make of their sources. Most of them give the same for many inputs: rebuilds are to stop there.
COMMANDS = {
    "cat $SRCS > $OUT": lambda text: text,
    "cat $SRCS | sed -n 1p > $OUT": lambda text: text.partition("\n")[0] + "\n",
    "cat $SRCS | wc -l > $OUT": lambda text: f"{text.count(chr(10))}\n",
    "cat $SRCS | tr a-z A-Z > $OUT": lambda text: text.upper(),
}
TEXTS = ("a\n", "A\n", "a\nb\n", "b\na\n", "ab\n", "a\nc\n")
PACKAGES = ("p", "q")
OWN = ("f0", "f1", "f2")
FILES = tuple(f"{package}/{name}" for package in PACKAGES for name in (*OWN, "g/h0", "g/h1"))
NEW = tuple(f"{package}/g/{name}" for package in PACKAGES for name in ("h2", "h3"))
GLOB = "g"

command = st.sampled_from(sorted(COMMANDS))
text = st.sampled_from(TEXTS)
#: Numbers of sources; what they mean depends on the target: its own earlier ones, files, or a glob.
picks = st.lists(st.integers(0, 9), min_size=1, max_size=3, unique=True)
edits = st.lists(
    st.one_of(
        *[st.tuples(st.just("write"), st.sampled_from(FILES), text)] * 3,
        st.tuples(st.just("touch"), st.sampled_from(FILES), text),
        st.tuples(st.just("rename"), st.sampled_from(FILES), text),
        st.tuples(st.just("link"), st.sampled_from(FILES), text),
        st.tuples(st.just("folder"), st.sampled_from(tuple(f"{package}/{GLOB}" for package in PACKAGES)), st.just(0)),
        st.tuples(st.just("harm"), st.integers(0, 5), st.booleans()),
        st.tuples(st.just("other"), st.integers(0, 5), st.just(0)),
        st.tuples(st.just("mode"), st.sampled_from(FILES), text),
        st.tuples(st.just("new"), st.sampled_from(NEW), text),
        st.tuples(st.just("remove"), st.sampled_from(NEW), text),
        st.tuples(st.just("command"), st.integers(0, 5), command),
        st.tuples(st.just("sources"), st.integers(0, 5), picks),
        st.tuples(st.just("add"), command, picks),
        st.tuples(st.just("drop"), st.just(0), st.just(0)),
        st.tuples(st.just("clean"), st.just(0), st.just(0)),
    ),
    min_size=1,
    max_size=5,
)
numbers = itertools.count()


def package(number):
    """Where the target with this number is."""
    return PACKAGES[number % len(PACKAGES)]


def label(number):
    return f"//{package(number)}:t{number}"


def number_of(name):
    return int(name.partition(":t")[2])


@dataclass
class World:
    """A workspace, and the model of it."""

    root: Path
    cache: Path
    nonce: str
    targets: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    seen: set[object] = field(default_factory=set)

    def sources(self, number, chosen):
        """A pick's numbers as sources of the target with this number: never a later target."""
        known = [*OWN, GLOB, *(label(index) for index in range(number))]
        return tuple(dict.fromkeys(known[pick % len(known)] for pick in chosen))

    def save(self):
        for place in PACKAGES:
            lines = ["targets:"] if any(package(number) == place for number in range(len(self.targets))) else ["targets: {}"]
            for number, (cmd, sources) in enumerate(self.targets):
                if package(number) == place:
                    srcs = ", ".join('{glob: ["g/*"]}' if name == GLOB else f'"{name}"' for name in sources)
                    env = f"{{NONCE: '{self.nonce}'}}"
                    lines.append(f"  t{number}: {{rule: genrule, srcs: [{srcs}], outs: [o{number}], env: {env}, cmd: '{cmd}'}}")
            (self.root / place / "BUILD.yaml").write_text("\n".join(lines) + "\n")

    def edit(self, kind, one, other):
        if kind in ("command", "sources", "add", "drop", "other"):
            self.edit_targets(kind, one, other)
        elif kind in ("clean", "harm"):
            self.edit_outputs(kind, one, other)
        else:
            self.edit_files(kind, self.root / one, other)
        self.save()

    def edit_files(self, kind, path, content):
        match kind:
            case "write" | "new":
                path.write_text(content)
            case "touch":
                os.utime(path)
            case "rename":  # as editors save
                path.with_name(".new").write_text(content)
                path.with_name(".new").replace(path)
            case "link":
                path.unlink()
                path.symlink_to(self.root / "texts" / str(TEXTS.index(content)))
            case "folder":
                path.rename(self.root / "aside")
                shutil.copytree(self.root / "aside", path, symlinks=True)
                shutil.rmtree(self.root / "aside")
            case "mode":
                path.chmod(path.stat().st_mode ^ 0o111)
            case "remove":
                path.unlink(missing_ok=True)

    def edit_outputs(self, kind, one, scribble):
        if kind == "clean":
            shutil.rmtree(self.root / "lkbuild-out", ignore_errors=True)
            return
        for output in self.root.glob(f"lkbuild-out/*/*/t{one}/*"):
            output.write_text("harmed\n") if scribble else output.unlink()

    def edit_targets(self, kind, one, other):
        match kind:
            case "command" if one < len(self.targets):
                self.targets[one] = (other, self.targets[one][1])
            case "sources" if one < len(self.targets):
                self.targets[one] = (self.targets[one][0], self.sources(one, other))
            case "add":
                self.targets.append((one, self.sources(len(self.targets), other)))
            case "drop":
                self.targets = self.targets[:1] + self.targets[1:-1]
            case "other" if one < len(self.targets):
                self.check([label(one)])

    def inputs(self, number, sources, made):
        """Name, content and executable bit of each input."""
        place = self.root / package(number)
        for name in sources:
            if name.startswith("//"):
                yield name, made[number_of(name)], False
            else:
                for path in sorted(place.glob("g/*")) if name == GLOB else [place / name]:
                    yield path.name, path.read_text(), os.access(path, os.X_OK)

    def model(self):
        """What each target makes, and what its action is made of."""
        made, identities = [], []
        for number, (cmd, sources) in enumerate(self.targets):
            inputs = tuple(self.inputs(number, sources, made))
            made.append(COMMANDS[cmd]("".join(content for _, content, _ in inputs)))
            identities.append((number, cmd, inputs))
        return made, identities

    def build(self, patterns=("//...",), snapshot=None, **options):
        report = build(self.options(**options), patterns, QuietSink(), snapshot=snapshot)
        assert report.errors == ()
        outputs = {target.label: Path(target.outputs[0].path).read_text() for target in report.targets}
        return outputs, [name.partition(" ")[0] for name in report.executed if name.endswith(" genrule")]

    def options(self, **options):
        return BuildOptions(cwd=self.root, cache=self.cache, workspace=self.root, **options)

    def needed(self, number):
        """Numbers of a target and of those that it is made of."""
        return {number}.union(*(self.needed(number_of(name)) for name in self.targets[number][1] if name.startswith("//")))

    def check(self, patterns=("//...",)):
        """Build all, or one target by a command line of its own."""
        made, identities = self.model()
        wanted = [number_of(pattern) for pattern in patterns if pattern != "//..."] or range(len(made))
        time.sleep(0.02)  # beyond the granularity of the file system's clock
        snapshot = Snapshot(self.options(), ("a key", self.nonce, *patterns))
        outputs, executed = self.build(patterns, snapshot)
        snapshot.save(None)
        assert outputs == {label(number): made[number] for number in wanted}
        ran = [identities[number_of(name)] for name in executed]
        new = {identities[each] for number in wanted for each in self.needed(number)} - self.seen
        assert sorted(ran) == sorted(new)
        self.seen |= new
        expected = snapshot.next_report
        if expected is not None:
            found = build(self.options(), patterns, QuietSink())
            assert replace(found, elapsed_s=0, saved_seconds=0) == replace(expected, elapsed_s=0, saved_seconds=0)
            assert found.saved_seconds == pytest.approx(expected.saved_seconds)


@pytest.fixture(scope="module")
def shared(tmp_path_factory, seed):
    """A store that all cases share; no two of them have an action in common, for each has a number in its environment."""
    folder = tmp_path_factory.mktemp("incremental")
    return folder, Path(shutil.copytree(seed, folder / "cache", symlinks=True))


@pytest.fixture
def looks():
    """How often a build looked at what an edit had affected, and at nothing else: that it does is part of what is tested."""
    found = []
    affected = use_case.build_affected

    def counted(*arguments):
        done = affected(*arguments)
        found.append(done is not None)
        return done

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(use_case, "build_affected", counted)
        patch.setattr(stats, "RACY_NS", stats.RACY_NS)  # each case has its own
        yield found
    assert sum(found) > 0.9 * len(found)


@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(graph=st.lists(st.tuples(command, picks), min_size=2, max_size=5), changes=edits, lately=st.sampled_from((0, 100_000_000)))
def test_after_any_edits_a_build_runs_what_is_new_and_gives_what_a_clean_build_gives(shared, looks, graph, changes, lately):
    folder, cache = shared
    stats.RACY_NS = lately
    number = next(numbers)
    world = World(folder / f"w{number}", cache, str(number))
    for place in PACKAGES:
        (world.root / place / "g").mkdir(parents=True)
    (world.root / "BUILD.yaml").write_text("workspace: {name: random}\n")
    (world.root / "texts").mkdir()
    for index, content in enumerate(TEXTS):
        (world.root / "texts" / str(index)).write_text(content)
    for index, name in enumerate(FILES):
        (world.root / name).write_text(TEXTS[index % len(TEXTS)])
    for cmd, chosen in graph:
        world.edit("add", cmd, chosen)
    world.check()
    for change in changes:
        world.edit(*change)
        world.check()
    incremental, _ = world.build()
    clean = World(world.root, cache, f"clean{number}", world.targets)
    clean.save()
    again, executed = clean.build(out=folder / f"out{number}")
    assert again == incremental
    assert len(executed) == len(clean.targets)
