"""Use case: `lkbuild cache serve`: buildbox-casd for each namespace, nginx before them, until the user has had enough or one of them ends.

Each runs in the sandbox, with the network, its own files and nothing else: whatever becomes of this process, nothing of it is left. Does
not know what nginx is told (lkbuild.app.service.nginx does).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, NoReturn

from lkbuild.app.options import BuildOptions
from lkbuild.app.service import certificates
from lkbuild.app.service.nginx import INSTALLED, Places, folder_of, nginx_configuration, socket_of
from lkbuild.app.service.programs import find_casd, service_tree
from lkbuild.base.errors import HostError, UsageError
from lkbuild.base.values import dataclass
from lkbuild.loading.serve_policy import SERVE_FILE, load_serve_policy
from lkbuild.model.events import EventSink
from lkbuild.model.ports import SandboxRun
from lkbuild.model.serve_policy import GRPC, HTTP, SERVED_RIGHTS, Served, ServePolicy
from lkbuild.sandbox.interactive import started
from lkbuild.sandbox.plan import WORK, Access
from lkbuild.sandbox.process import NOTHING, Child, wait_for_any

#: Where things are for the servers.
_PLACES: Final = Places(certificates=WORK, run="/serve", data="/data")
_CERTIFICATES: Final = ("server.pem", "server.key", "ca.pem")
_CASD: Final = "buildbox-casd"
#: How long a server may take to come up: it may have to look through all that it holds.
_PATIENCE_S: Final = 120.0
_TICK_S: Final = 0.05
_GRACE_S: Final = 10.0
_TAIL: Final = 4096
_BIND: Final = re.compile(r"bind\(\) to (?P<address>\S+) failed \(\d+: (?P<why>[^)]+)\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A server that was started: what it is for, and where its messages are."""

    name: str
    child: Child
    log: Path


def configuration(folder: Path) -> str:
    """Nginx's configuration for the policy of a folder, as for a machine or container of its own. Raises UsageError, LoadError."""
    return nginx_configuration(load_serve_policy(folder), INSTALLED)


def serve(options: BuildOptions, folder: Path, sink: EventSink, listening: Callable[[Mapping[str, Any]], None]) -> None:
    """Serve what a folder's policy says, until an interrupt. `listening` is told once, when everything is up.

    Raises:
        UsageError: there is no policy, or no certificate that can be used.
        LoadError: the policy is wrong.
        HostError: a port is taken, a program is missing, or a server ends.
    """
    policy = load_serve_policy(folder)
    _check_certificates(folder, policy)
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # that a server is not up yet is no news
    casd = find_casd() if any(_is_ours(served) for served in policy.namespaces) else None
    with _alone(folder), service_tree(options, sink) as tree, tempfile.TemporaryDirectory(prefix="lkbuild-serve-") as run:
        try:
            with _running(folder, policy, casd, tree, Path(run)) as servers:
                listening(_told(policy))
                _watch(servers)
        except KeyboardInterrupt:  # Terminated is one
            return


@contextlib.contextmanager
def _running(folder: Path, policy: ServePolicy, casd: Path | None, tree: Path, run: Path) -> Iterator[list[Running]]:
    """All of them, up."""
    places = _Host(folder, run, tree)
    (run / "nginx.conf").write_text(nginx_configuration(policy, _PLACES), encoding="utf-8")
    servers: list[Running] = []
    with contextlib.ExitStack() as stack:
        for number, served in enumerate(policy.namespaces):
            places.make(served)
            if casd is not None and _is_ours(served):
                servers.append(stack.enter_context(places.start(served.name, _command(number, served), ((casd, _CASD),))))
                _await(servers[-1], partial(_answers, run / socket_of(number), served))
        mounts = tuple((folder / name, name) for name in _CERTIFICATES)
        command = ("/usr/sbin/nginx", "-p", _PLACES.run, "-e", "stderr", "-c", f"{_PLACES.run}/nginx.conf")
        servers.append(stack.enter_context(places.start("nginx", command, mounts)))
        # nginx writes it when it listens at every port.
        _await(servers[-1], (run / "nginx.pid").exists)
        yield servers


@dataclass(frozen=True, slots=True)
class _Host:
    """Where things are on this machine: the user's folder, that of this run, the root of the servers."""

    folder: Path
    run: Path
    tree: Path

    def make(self, served: Served) -> None:
        """The folders of a namespace."""
        (self.folder / "data" / folder_of(served)).mkdir(mode=0o700, parents=True, exist_ok=True)

    @contextlib.contextmanager
    def start(self, name: str, command: tuple[str, ...], mounts: tuple[tuple[Path, str], ...]) -> Iterator[Running]:
        """A server that is stopped at the end of the block."""
        data, logs = self.folder / "data", self.folder / "log"
        for path in (data, logs):
            path.mkdir(mode=0o700, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix="work-", dir=self.run))
        log = logs / f"{name.replace('/', '+')}.log"
        request = SandboxRun(arguments=command, environment=(), root=self.tree, mounts=mounts, work=work, log=log, timeout_s=0)
        access = Access(network=True, writable=((data, _PLACES.data), (self.run, _PLACES.run)))
        with log.open("wb") as file, started(request, access, stdin=NOTHING, stdout=file, stderr=file) as child:
            try:
                yield Running(name=name, child=child, log=log)
            finally:
                if child.process.poll() is None:
                    child.stop(_GRACE_S)


def _command(number: int, served: Served) -> tuple[str, ...]:
    """How its server is started: in the sandbox, over a socket that only nginx and we can reach."""
    quota = (f"--quota-high={served.size}",) if served.size is not None else ()
    bind = ("--shutdown-deadline=5", "--bind", f"unix:{_PLACES.run}/{socket_of(number)}", f"--local-server-instance={served.name}")
    return (f"{WORK}/{_CASD}", *bind, *quota, f"{_PLACES.data}/{folder_of(served)}")


def _answers(socket: Path, served: Served) -> bool:
    from lkbuild.remote.probing import answers  # noqa: PLC0415 - gRPC is slow to import

    return socket.exists() and answers(f"unix:{socket}?{served.name}")


def _await(server: Running, is_up: Callable[[], bool]) -> None:
    """Return when it is up. Raises HostError where it has ended, or takes too long."""
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        if server.child.wait(_TICK_S):
            raise _ended(server)
        if is_up():
            return
        if time.monotonic() > deadline:
            raise HostError(f"{server.name} has not come up in {_PATIENCE_S:g} s", detail=_tail(server.log), hint=f"see {server.log}")


def _watch(servers: Sequence[Running]) -> NoReturn:
    """Wait for the end of any. Raises HostError for it."""
    ended = wait_for_any([server.child for server in servers])
    raise _ended(next(server for server in servers if server.child is ended))


def _ended(server: Running) -> HostError:
    tail = _tail(server.log)
    taken = _BIND.search(tail)
    if taken is not None:
        return HostError(
            f"can't listen at {taken['address']}: {taken['why']}", hint=f"another program may have the port: give another in {SERVE_FILE}"
        )
    return HostError(f"{server.name} has ended", detail=tail or None, hint=f"all it said is in {server.log}")


def _tail(log: Path) -> str:
    """The end of what a server has said."""
    with contextlib.suppress(OSError), log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _TAIL))
        return file.read().decode("utf-8", "replace").strip()
    return ""


def _is_ours(served: Served) -> bool:
    """Whether its server is to be started."""
    return served.protocol == GRPC and served.server is None


def _check_certificates(folder: Path, policy: ServePolicy) -> None:
    now = certificates.now_utc()
    for name in _CERTIFICATES:
        try:
            with (folder / name).open("rb"):
                pass
        except OSError as error:
            raise UsageError(f"can't read {folder / name}: {error.strerror}", hint=_again(folder)) from error
    for name in ("server.pem", "ca.pem"):
        found = certificates.look_at(folder / name)
        if found is not None and found.until <= now:
            raise UsageError(f"{folder / name} has expired on {found.until:%Y-%m-%d}", hint=_again(folder))
    found = certificates.look_at(folder / "server.pem")
    if found is not None and (lacking := [name for name in policy.names if name not in found.names]):
        raise UsageError(f"{folder / 'server.pem'} is not for {lacking[0]}", hint=_again(folder))


def _again(folder: Path) -> str:
    return f"`lkbuild cache serve --init {folder}` makes what is missing"


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Nobody else serves this folder meanwhile. Raises UsageError where somebody does."""
    with (folder / "lock").open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(f"{folder} is being served already", hint="stop the other `lkbuild cache serve`") from None
        yield


def _told(policy: ServePolicy) -> dict[str, Any]:
    """What is served, as `--json` has it."""
    return {
        "version": 1,
        "ok": True,
        "namespaces": [
            {
                "url": served.url(policy.names[0]),
                "listen": f"{policy.listen}:{served.port}",
                "server": served.server or ("nginx" if served.protocol == HTTP else _CASD),
                "clients": {
                    name: " ".join(right for right in SERVED_RIGHTS if right in rights) or "nothing" for name, rights in served.clients
                },
            }
            for served in policy.namespaces
        ],
    }
