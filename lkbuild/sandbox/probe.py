"""Does the sandbox work on this host, for this user? And if not, what mends it.

Sets up the real sandbox with an empty root and a command that is not there: that it gets as far as not finding the command is the
proof. Does not change anything on the host.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import Final

from lkbuild.base.errors import HostError
from lkbuild.base.values import dataclass
from lkbuild.model.ports import SandboxRun
from lkbuild.sandbox import seccomp
from lkbuild.sandbox.bubblewrap import BubblewrapSandbox, find_bwrap
from lkbuild.sandbox.launched import find_launcher
from lkbuild.sandbox.plan import RootListing, plan

_COMMAND: Final = "/lkbuild-probe"
_SYSCTL: Final = Path("/proc/sys")


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What was found.

    Attributes:
        bwrap: the binary.
        launcher: lkbuild's own, where it is there and works.
        nested: user namespaces can't be forbidden inside; the sandbox works without that.
        problem: why the sandbox does not work, with what mends it; None where it works.
    """

    bwrap: Path | None
    launcher: Path | None = None
    nested: bool = False
    problem: HostError | None = None

    def sandbox(self) -> BubblewrapSandbox:
        """A sandbox that works here. Raises the problem."""
        if self.problem is not None:
            raise self.problem
        return BubblewrapSandbox(self.bwrap, launcher=self.launcher, nested=self.nested)


def probe(bwrap: Path | None = None, *, launcher: Path | None = None, sysctl: Path = _SYSCTL) -> Probe:
    """Try the sandbox: about 15 ms. The binaries are found where they are not given; `sysctl` is where the kernel's settings are read."""
    try:
        bwrap = bwrap or find_bwrap()
    except HostError as error:
        return Probe(bwrap=None, problem=error)
    said = _try(bwrap, nested=False)
    nested = said is not None
    if said is not None and _try(bwrap, nested=True) is not None:
        return Probe(bwrap=bwrap, problem=diagnose(said, sysctl))
    return Probe(bwrap=bwrap, launcher=_working(launcher or find_launcher(), nested=nested), nested=nested)


def diagnose(said: str, sysctl: Path = _SYSCTL) -> HostError:
    """The error for what bubblewrap said, with the setting that is the likely cause."""
    hints = [hint for check in (_debian, _count, _apparmor) if (hint := check(sysctl))]
    if "Can't mount proc" in said:
        hints.append("in a container: start it with `--security-opt systempaths=unconfined` (a masked /proc can't be mounted again)")
    if "SECCOMP" in said:
        hints.append("take a kernel with CONFIG_SECCOMP_FILTER, as distributions have it: some calls are refused inside, which needs that")
    if not hints:
        hints.append(
            "user namespaces are refused, by seccomp or a security module: in Docker, start the container with "
            "`--security-opt seccomp=unconfined --security-opt apparmor=unconfined --security-opt systempaths=unconfined`"
        )
    return HostError("the sandbox does not work on this host", detail=said, hint="\n".join(hints))


def _working(launcher: Path | None, *, nested: bool) -> Path | None:
    return launcher if launcher and _try(launcher, nested=nested) is None else None


def _try(program: Path, *, nested: bool) -> str | None:
    """None where the sandbox is set up; else what the program said."""
    with tempfile.TemporaryDirectory(prefix="lkbuild-probe-") as name:
        folder = Path(name)
        (folder / "work").mkdir()
        (folder / "tmp").mkdir()
        request = SandboxRun(
            arguments=(_COMMAND,), environment=(), root=None, mounts=(), work=folder / "work", log=folder / "log", timeout_s=10
        )
        options = plan(request, RootListing(), folder / "tmp", nested=nested)
        try:
            with seccomp.opened() as refused:
                argv = [str(program), "--seccomp", str(refused), *options]
                done = subprocess.run(argv, check=False, capture_output=True, timeout=10, stdin=subprocess.DEVNULL, pass_fds=(refused,))
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
    said = done.stderr.decode("utf-8", "replace").strip()
    return None if said.startswith(f"{program.name}: execvp {_COMMAND}") else said


def _read(sysctl: Path, name: str) -> int | None:
    try:
        return int((sysctl / name).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def _debian(sysctl: Path) -> str | None:
    if _read(sysctl, "kernel/unprivileged_userns_clone") != 0:
        return None
    return "allow user namespaces: `sysctl -w kernel.unprivileged_userns_clone=1` as root"


def _count(sysctl: Path) -> str | None:
    if _read(sysctl, "user/max_user_namespaces") != 0:
        return None
    return "allow user namespaces: `sysctl -w user.max_user_namespaces=10000` as root"


def _apparmor(sysctl: Path) -> str | None:
    # Ubuntu 23.10 and later: a program without an AppArmor profile gets a user namespace without capabilities.
    if _read(sysctl, "kernel/apparmor_restrict_unprivileged_userns") != 1:
        return None
    return "allow user namespaces: `sysctl -w kernel.apparmor_restrict_unprivileged_userns=0` as root, or an AppArmor profile for bwrap"
