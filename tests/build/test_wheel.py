"""The wheel, installed elsewhere, builds a workspace that has no rules of its own."""

import os
import platform
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.network]


@pytest.fixture(autouse=True)
def _no_other_lkbuild_in_the_way(monkeypatch):
    monkeypatch.delenv("PYTHONPATH", raising=False)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return build(tmp_path_factory)


def build(tmp_path_factory, **environment):
    """From a copy of what the wheel is made of, by the backend itself: no network, no isolated environment."""
    pytest.importorskip("hatchling", reason="the build backend is not installed")
    from harness.workspace import REPOSITORY  # noqa: PLC0415

    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "hatch_build.py"):
        shutil.copy2(REPOSITORY / name, source)
    for name in ("lkbuild", "rules"):
        shutil.copytree(
            REPOSITORY / name, source / name, ignore=shutil.ignore_patterns("__pycache__", "lkbuild-launcher", "lkbuild-unchanged")
        )
    script = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"
    environment = os.environ | environment
    done = subprocess.run([sys.executable, "-c", script, out], cwd=source, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (found,) = out.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """A new environment with the wheel; its dependencies are those of the environment that the tests run in."""
    folder = tmp_path_factory.mktemp("installed") / "venv"
    venv.create(folder, symlinks=True)
    python = folder / "bin/python"
    script = "import site; print(site.getsitepackages()[0])"
    packages = subprocess.run([python, "-c", script], capture_output=True, text=True, check=True).stdout.strip()
    ours = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.strip()
    pip = [python_with_pip(), "-m", "pip", "--disable-pip-version-check", "--python", python]
    done = subprocess.run([*pip, "install", "--quiet", "--no-deps", "--no-index", wheel], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    # After its own packages: an editable lkbuild in there is not seen, for .pth files count in site folders only.
    Path(packages, "dependencies.pth").write_text(f"{ours}\n", encoding="utf-8")
    return folder / "bin/lkbuild"


def python_with_pip():
    """This environment's, or the one that it was made from: tests/run makes one without pip where Debian split ensurepip off."""
    for python in (sys.executable, sys._base_executable):
        if subprocess.run([python, "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0:
            return python
    pytest.fail("no pip, neither here nor in the Python that this environment was made from")


PROGRAMS = {"lkbuild/sandbox/launcher/lkbuild-launcher", "lkbuild/base/unchanged/lkbuild-unchanged"}


def test_a_wheel_that_a_compiler_helped_to_make_carries_its_programs_and_names_its_machine(wheel):
    if not any(shutil.which(name) for name in ("cc", "gcc", "clang")):
        pytest.skip("no C compiler here")
    assert set(zipfile.ZipFile(wheel).namelist()) >= PROGRAMS
    assert wheel.name.endswith(f"-linux_{platform.machine()}.whl")


@pytest.mark.parametrize("environment", [{"CC": "/no/compiler"}, {"CC": "false"}, {"LKBUILD_LAUNCHER": "no"}])
def test_a_wheel_without_a_compiler_is_for_every_machine(tmp_path_factory, environment):
    made = build(tmp_path_factory, **environment)
    assert PROGRAMS.isdisjoint(zipfile.ZipFile(made).namelist())
    assert made.name.endswith("-py3-none-any.whl")


def test_the_wheel_carries_the_rules(installed, ws):
    done = subprocess.run([installed, "info", "rules"], cwd=ws.root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for name in ("genrule", "image", "deb_lock", "boot_test"):
        assert name in done.stdout


def test_a_workspace_without_rules_is_built_by_the_wheel_alone(installed, ws):
    elsewhere = type(ws)(ws.root, ws.cache, ws.environment, (str(installed),))
    elsewhere.write("BUILD.yaml", "workspace: {name: elsewhere}\ntargets:\n  a: {rule: genrule, outs: [x], cmd: echo made > $OUT}\n")
    built = elsewhere.build("//:a")
    assert built.text == "made\n"
    # And its keys are those of a checkout: the two share a store.
    assert ws.build("//:a").executed == []


def test_the_wheel_is_what_runs(installed):
    python = installed.with_name("python")
    script = "import lkbuild; print(lkbuild.__file__)"
    where = subprocess.run([python, "-c", script], cwd="/", capture_output=True, text=True, check=True).stdout
    assert where.startswith(str(installed.parent.parent))
