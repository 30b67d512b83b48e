"""Use case: what this host lacks. Looks and changes nothing; each check stands alone, so one that fails hides no other."""

from __future__ import annotations

import errno
import os
import platform
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from lkbuild.app.findings import Finding, State
from lkbuild.app.options import BuildOptions
from lkbuild.app.strategy import make_buildx
from lkbuild.base.errors import HostError
from lkbuild.model.configuration import ARCHES, MACHINES
from lkbuild.sandbox.builders import Node, node_of
from lkbuild.sandbox.buildx import Buildx

_GIB: Final = 1 << 30
#: A kernel's sources, objects and outputs take about 6 GiB; a store with less than 1 GiB can't hold one toolchain.
_DISK_WARN: Final = 10 * _GIB
_DISK_FAIL: Final = 1 * _GIB
_FILES_WARN: Final = 200_000
#: A linker and a compiler at a time; with less, `--jobs 1` is needed for the kernel.
_MEMORY_WARN: Final = 2 * _GIB
_INOTIFY: Final = (("max_user_watches", 65_536), ("max_user_instances", 128))
_PLUGINS: Final = ("/usr/libexec/docker/cli-plugins", "/usr/lib/docker/cli-plugins", "/usr/local/lib/docker/cli-plugins")


def doctor(options: BuildOptions) -> list[Finding]:
    """All findings, the most necessary first."""
    return [
        check_python(sys.version_info[:3]),
        check_sandbox(),
        *check_disk(options.cache),
        check_memory(Path("/proc/meminfo")),
        check_kvm(Path("/dev/kvm")),
        check_docker(options.environment),
        *check_inotify(Path("/proc/sys/fs/inotify")),
        *check_arches(platform.machine(), Path("/proc/sys/fs/binfmt_misc"), Path("/dev/kvm"), builders_of(make_buildx(options))),
    ]


def check_python(version: tuple[int, int, int]) -> Finding:
    """3.11 or newer."""
    text = ".".join(str(part) for part in version)
    if version < (3, 11, 0):
        return Finding(name="python", state="fail", text=text, mend="install Python 3.11 or newer")
    return Finding(name="python", state="ok", text=text)


def check_sandbox() -> Finding:
    """Sets up the real sandbox once."""
    from lkbuild.sandbox.probe import probe  # noqa: PLC0415 - the only check that starts a process

    found = probe()
    if found.problem is not None:
        cause = f"{found.problem.message}: {found.problem.detail}" if found.problem.detail else found.problem.message
        return Finding(name="sandbox", state="fail", text=cause, mend=found.problem.hint)
    slower = "; lkbuild's own launcher, which needs a C compiler when lkbuild is installed, would start commands in half the time"
    text = f"user namespaces work ({found.launcher or found.bwrap})" + ("" if found.launcher else slower)
    return Finding(name="sandbox", state="ok", text=text + ("; nested namespaces can't be forbidden here" if found.nested else ""))


def check_disk(cache: Path) -> list[Finding]:
    """Room and rights where the store is, or will be."""
    place = next(path for path in (cache, *cache.parents) if path.exists())
    if not os.access(place, os.W_OK | os.X_OK):
        return [Finding(name="store", state="fail", text=f"{place} can't be written", mend="give --cache DIR, or set LKBUILD_CACHE")]
    room = os.statvfs(place)
    free, files = room.f_bavail * room.f_frsize, room.f_favail
    text = f"{free / _GIB:.1f} GiB free at {place}"
    state = _by_limits(free)
    mend = None if state == "ok" else "free some: `lkbuild cache gc`, or move the store: LKBUILD_CACHE=DIR"
    findings = [Finding(name="store", state=state, text=text, mend=mend)]
    # Some file systems (btrfs) report no inodes at all: 0 of 0.
    if room.f_files and files < _FILES_WARN:
        findings.append(Finding(name="inodes", state="warn", text=f"{files} free at {place}", mend="move the store: LKBUILD_CACHE=DIR"))
    return findings


def _by_limits(free: int) -> State:
    return "fail" if free < _DISK_FAIL else "warn" if free < _DISK_WARN else "ok"


def check_memory(meminfo: Path) -> Finding:
    """Enough to compile a kernel."""
    try:
        lines = meminfo.read_text(encoding="ascii").splitlines()
        available = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError):
        return Finding(name="memory", state="warn", text="can't be read from /proc/meminfo")
    text = f"{available / _GIB:.1f} GiB available"
    if available < _MEMORY_WARN:
        return Finding(name="memory", state="warn", text=text, mend="build the kernel with --jobs 1, or take --config=quick")
    return Finding(name="memory", state="ok", text=text)


def check_kvm(device: Path) -> Finding:
    """Whether /dev/kvm opens. That it also boots a guest is known only when one does: `lkbuild run` probes that."""
    try:
        os.close(os.open(device, os.O_RDWR | os.O_CLOEXEC))
    except FileNotFoundError:
        return Finding(name="kvm", state="warn", text="none: images boot under emulation, which is slower", mend="modprobe kvm, as root")
    except OSError as error:
        mend = "usermod -aG kvm $USER, as root; then log in again" if error.errno in (errno.EACCES, errno.EPERM) else None
        return Finding(name="kvm", state="warn", text=f"{device}: {error.strerror}: images boot under emulation", mend=mend)
    return Finding(name="kvm", state="ok", text=f"{device} opens; whether a guest boots on it is tried at the first run")


def check_docker(environment: Mapping[str, str]) -> Finding:
    """Docker with buildx: needed by Dockerfiles alone."""
    client = shutil.which("docker", path=environment.get("PATH"))
    if client is None:
        return Finding(name="docker", state="ok", text="not here; it is not needed")
    home = environment.get("DOCKER_CONFIG") or f"{environment.get('HOME', '')}/.docker"
    plugin = next((path for folder in (f"{home}/cli-plugins", *_PLUGINS) if (path := Path(folder, "docker-buildx")).exists()), None)
    if plugin is None:
        return Finding(name="docker", state="ok", text=f"{client}, without buildx; it is not needed", mend="apt-get install docker-buildx")
    return Finding(name="docker", state="ok", text=f"{client}, buildx at {plugin}; not needed")


def check_inotify(settings: Path) -> list[Finding]:
    """Limits that `lkbuild watch` runs into."""
    findings = []
    for name, needed in _INOTIFY:
        try:
            value = int((settings / name).read_text(encoding="ascii"))
        except (OSError, ValueError):
            findings.append(Finding(name=f"inotify {name}", state="warn", text="can't be read"))
            continue
        low = value < needed
        mend = f"sysctl -w fs.inotify.{name}={needed}, as root" if low else None
        findings.append(Finding(name=f"inotify {name}", state="warn" if low else "ok", text=str(value), mend=mend))
    return findings


def builders_of(client: Buildx) -> Mapping[str, Node | None]:
    """Which node runs Dockerfiles' programs of each architecture, by what builders say of themselves; empty where there is no engine."""
    asked: dict[str | None, tuple[Node, ...]] = {}
    for arch in ARCHES:
        builder = client.builders.get(arch) or client.builders.get("")
        if builder not in asked:
            try:
                asked[builder] = client.nodes(arch)
            except HostError:
                asked[builder] = ()
    if not any(asked.values()):
        return {}
    return {arch: node_of(asked[client.builders.get(arch) or client.builders.get("")], arch) for arch in ARCHES}


def check_arches(machine: str, binfmt: Path, kvm: Path, builders: Mapping[str, Node | None]) -> list[Finding]:
    """How each architecture is built for here, and how its guests boot. `builders`: the node that runs its programs; empty: no engine."""
    host = MACHINES.get(machine)
    if host is None:
        return [Finding(name="architecture", state="fail", text=f"{machine} is none that lkbuild runs on", mend=f"use {', '.join(ARCHES)}")]
    return [_arch(arch, host, binfmt, kvm, builders) for arch in ARCHES]


def _arch(arch: str, host: str, binfmt: Path, kvm: Path, builders: Mapping[str, Node | None]) -> Finding:
    emulated = any((binfmt / f"qemu-{name}").exists() for name, known in MACHINES.items() if known == arch)
    if arch == host:
        boots = "KVM where that runs a guest, else QEMU's emulation" if os.access(kvm, os.R_OK | os.W_OK) else "QEMU's emulation"
        text = f"built by native tools; guests boot by {boots}"
    else:
        text = "built by cross compilers, nothing is emulated; guests boot by QEMU's emulation"
        # Nothing of lkbuild's needs it; a container engine for the architecture does, where it has no native node.
        text += "; its programs run here by binfmt_misc, too" if emulated else ""
    if not builders:
        return Finding(name=arch, state="ok", text=f"{text}; Dockerfiles: no engine")
    node = builders.get(arch)
    where = f" on node {node.name}" if node and node.name else ""
    if node and node.how(arch) == "native":
        return Finding(name=arch, state="ok", text=f"{text}; Dockerfiles: built by docker buildx{where}")
    # A context of Docker's is a builder of its own, by its name.
    mend = f"for Dockerfiles: docker context create NAME --docker host=ssh://HOST, a machine of {arch}; then --builder {arch}=NAME"
    how_far = f"built by docker buildx{where} under emulation, slowly" if node else f"only those that run nothing of {arch}"
    return Finding(name=arch, state="ok", text=f"{text}; Dockerfiles: {how_far}", mend=mend)
