"""What all tests share: golden files, and an environment without the developer's settings."""

import fcntl
import os
import platform
import shutil
import signal
from pathlib import Path

import pytest
from harness import engine as engines
from harness.buildgrid import unpack
from harness.effort import skip_what_is_too_late
from harness.workspace import REPOSITORY, Workspace, copy_of_repository, user_store
from hypothesis import HealthCheck, settings

# Hypothesis without its clock: what a loaded machine makes slow is not wrong.
settings.register_profile("lkbuild", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("lkbuild")

# A shell's background job has SIGINT ignored, and so has every process below it: nothing that a test interrupts would end.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

HERE = Path(__file__).parent
#: Read before tests take it from the environment.
ON_CI = "CI" in os.environ
#: `make golden`: golden files are written anew instead of compared.
ACCEPT = os.environ.get("LKBUILD_ACCEPT") == "1"


#: What is quick and tells most goes first, what builds and boots goes last.
KINDS = ("unit", "property", "golden", "arch", "conformance", "fault", "build", "repro", "boot", "docs")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """Order by kind; within a kind pytest-randomly has shuffled."""
    items.sort(key=lambda item: _rank(item.path))


def pytest_runtest_setup(item):
    skip_what_is_too_late(item)


def _rank(path):
    kind = path.relative_to(HERE).parts[0] if path.is_relative_to(HERE) else ""
    return KINDS.index(kind) if kind in KINDS else len(KINDS)


_KEPT = {"LKBUILD_ACCEPT", "LKBUILD_CACHE"}
_DISPLAY = {"NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "CI"}


@pytest.fixture(autouse=True)
def _no_settings_of_the_developer(monkeypatch):
    for name in [*os.environ]:
        if name in _DISPLAY or (name.startswith("LKBUILD_") and name not in _KEPT):
            monkeypatch.delenv(name)


@pytest.fixture
def golden():
    """Compare text with tests/golden/<name>; `make golden` accepts what is there now."""

    def check(name: str, text: str) -> None:
        path = HERE / "golden" / name
        if ACCEPT:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            return
        assert path.exists(), f"no golden file {path}: `make golden` writes it"
        assert text == path.read_text(encoding="utf-8"), f"{path} differs: if that is meant, `make golden` accepts it"

    return check


@pytest.fixture(scope="session")
def once(tmp_path_factory):
    """Fills a folder once in a run, however many workers pytest-xdist has: those that come second wait for the first."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def make(name, fill):
        folder = shared / f"once-{name}"
        with (shared / f"once-{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (folder / "done").exists():
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                fill(folder)
                (folder / "done").touch()
        return folder

    return make


@pytest.fixture(scope="session")
def seed(once):
    """A store that holds nothing but the shell of genrules, fetched once by lkbuild itself."""

    def fill(folder):
        (folder / "root").mkdir()
        seeding = Workspace(folder / "root", folder / "cache")
        seeding.write("BUILD.yaml", "workspace: {name: seed}\ntargets:\n  seed: {rule: genrule, outs: [seed], cmd: echo seed > $OUT}\n")
        seeding.build("//:seed")

    return once("seed", fill) / "cache"


@pytest.fixture
def new_store(tmp_path, seed):
    """Makes stores that nothing was built into."""

    def make(name):
        return Path(shutil.copytree(seed, tmp_path / name, symlinks=True))

    return make


@pytest.fixture
def ws(tmp_path, new_store):
    """An empty workspace with a store of its own, in which genrules run without a network."""
    root = tmp_path / "workspace"
    root.mkdir()
    workspace = Workspace(root, new_store("cache"), {"HOME": str(tmp_path)})
    workspace.write("BUILD.yaml", "workspace: {name: test}\n")
    return workspace


@pytest.fixture(scope="session")
def repository(tmp_path_factory):
    """The repository itself over the user's store; its outputs go elsewhere."""
    return Workspace(REPOSITORY, user_store(), {"LKBUILD_OUT": str(tmp_path_factory.mktemp("out"))})


@pytest.fixture(scope="session")
def fetched(once):
    """A store that holds what the quick minimal image is made from, and nothing that was made of it."""

    def fill(folder):
        repository = copy_of_repository(folder / "root", folder / "cache")
        done = repository.lkbuild("fetch", "--config", "quick", "//images:minimal", "//images:minimal-test")
        assert done.returncode == 0, done.stderr

    return once("fetched", fill) / "cache"


@pytest.fixture(scope="session")
def buildgrid_parts(tmp_path_factory):
    """What a BuildGrid is made of, over the user's store: it is fetched once for many runs."""
    if platform.machine() != "x86_64":
        pytest.skip("its locks are for x86-64")
    return unpack(tmp_path_factory.mktemp("buildgrid") / "workspace", user_store())


@pytest.fixture(scope="session")
def engine_tree(tmp_path_factory):
    """The programs of a Docker engine."""
    if os.geteuid() != 0 and not ON_CI:
        pytest.skip("a Docker engine needs root")
    return engines.unpacked(tmp_path_factory.mktemp("engine") / "workspace", user_store())


@pytest.fixture(scope="session")
def engine(engine_tree):
    """A Docker engine, as an environment."""
    with engines.engine(engine_tree) as environment:
        yield environment
