"""Processes for the fault tests."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

CHILD = Path(__file__).with_name("child.py")


@pytest.fixture
def run_child():
    """Run child.py to its end."""

    def run(*arguments: object, before: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
        command = [*before, sys.executable, str(CHILD), *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)

    return run


@pytest.fixture
def start_child():
    """Start child.py; whatever still runs at the end is killed."""
    running: list[subprocess.Popen[str]] = []

    def start(*arguments: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, str(CHILD), *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


@pytest.fixture(scope="session")
def child() -> ModuleType:
    """child.py as a module, for what it shares."""
    spec = importlib.util.spec_from_file_location("store_fault_child", CHILD)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def in_namespace(tmp_path):
    """A prefix that runs a command as root of its own user and mount namespace, after a shell script in it."""

    def prefix(script: str) -> tuple[str, ...]:
        command = ("unshare", "-Urm", "sh", "-c", f'{script} && exec "$@"', "sh")
        probe = subprocess.run([*command, "true"], capture_output=True, text=True, check=False)
        if probe.returncode != 0:
            reason = f"no mounts in a user namespace here: {probe.stderr.strip()}"
            print(reason)
            pytest.skip(reason)
        return command

    return prefix
