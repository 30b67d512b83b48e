"""A BuildGrid: its scheduler on PostgreSQL, and buildbox workers with a store of their own, which a test may kill and start again.

Database and workers are Debian's packages by a lock, unpacked by lkbuild itself; the scheduler is a wheel. Everything runs as whoever runs
the tests, on unix sockets in one short folder. Does not know what is built.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.log_server import LogServer
from harness.workspace import REPOSITORY, Workspace

from lkbuild.sandbox.bubblewrap import find_bwrap
from lkbuild.sandbox.plan import ACCOUNTS, UID

HERE = REPOSITORY / "tests/build/buildgrid"
PATIENCE_S = 120
#: How long the scheduler waits for a word of a worker before it gives its action to another. A worker says one every second or two, but
#: on a machine that is busy it may take a minute to, and what it ran for half an hour is begun anew.
KEEPALIVE_S = 600
CONFIGURATION = """\
server:
  - !channel {{address: "unix:{folder}/scheduler.sock", insecure-mode: true}}
authorization: {{method: none}}
thread-pool-size: 300
connections:
  - !sql-connection &sql {{connection-string: "{database}", pool-size: 20, max-overflow: 40}}
storages:
  - !disk-storage &storage {{path: {folder}/storage}}
caches:
  - !lru-action-cache &cache {{storage: *storage, max-cached-refs: 100000, allow-updates: true, cache-failed-actions: false}}
schedulers:
  - !sql-scheduler &scheduler
    sql: *sql
    storage: *storage
    action-cache: *cache
    bot-session-keepalive-timeout: {keepalive}
    session-expiry-timer-interval: 1
    # It takes no action whose time limit is longer: of ours, a kernel's is the longest.
    max-execution-timeout: 86400
    poll-interval: 0.2
    bot-poll-interval: 0.2
    # A worker that has ended an action is given the next one in the answer. Else only what an assigner has looked at in vain is, and the
    # assigner, as it comes, sleeps for a second where it finds no worker free.
    proactive-fetch-to-capacity: true
    assigners: [!priority-age-assigner {{interval: 0.5, jitter-factor: 0}}]{logs}
    property-set: !dynamic-property-set
      match-property-keys: [OSFamily, ISA]
      wildcard-property-keys: [unixUID, unixGID]
instances:
  - name: ""
    services:
      - !action-cache {{cache: *cache}}
      - !execution {{scheduler: *scheduler}}
      - !cas {{storage: *storage}}
      - !bytestream {{storage: *storage}}
"""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a BuildGrid is made of: trees of the database and of the workers, and a folder with the scheduler's wheels."""

    database: Path
    workers: Path
    wheels: Path


def unpack(folder: Path, cache: Path) -> Parts:
    """The parts: packages below a folder, through the store; wheels beside the store, where the next run finds them."""
    return Parts(*_packages(folder, cache), _wheels(cache.with_name("lkbuild-tests")))


def _packages(workspace: Path, cache: Path) -> tuple[Path, Path]:
    shutil.copytree(HERE, workspace)
    shutil.copy2(REPOSITORY / "pkg/debian/archive-key.asc", workspace)
    services = Workspace(workspace, cache)
    if services.lkbuild("fetch", "//:workers").returncode:
        # The archive has newer versions only. Which version the workers have is not what is tested.
        print("tests/build/buildgrid/workers.lock names what is gone: resolved anew", file=sys.stderr)
        undated = Workspace(workspace, cache, command=(sys.executable, str(Path(__file__).with_name("undated_locks.py"))))
        done = undated.lkbuild("lock", "update", "//:workers_lock")
        assert done.returncode == 0, done.stderr
    return services.build("//:database").path, services.build("//:workers").path


def _wheels(place: Path) -> Path:
    """What requirements.txt names, every file by its digest, unpacked: it takes a minute, so once for a version of that file."""
    requirements = HERE / "requirements.txt"
    version = f"{hashlib.sha256(requirements.read_bytes()).hexdigest()[:16]}-{sys.version_info.major}{sys.version_info.minor}"
    wheels = place / f"buildgrid-{version}"
    if not wheels.exists():
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place) as made:
            base = sys._base_executable  # type: ignore[attr-defined]  # that of the tests need not have pip
            pip = [base, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:"]
            subprocess.run([*pip, "--require-hashes", "--requirement", requirements, "--target", f"{made}/all"], check=True)
            with contextlib.suppress(OSError):  # somebody else was first
                Path(made, "all").rename(wheels)
    return wheels


@dataclass
class BuildGrid:
    """The processes, by name: `database`, `scheduler`, `store` and each worker's. Those of a name that is down can be started again.

    What is killed dies with all that it has started, and everything with this process. A worker that ends by itself is started again.
    `logs`: where a server of logs is to be found once something runs; "": nobody hears what a command writes before its end.
    `keepalive_s`: after so long without a word a worker is taken for dead.
    """

    parts: Parts
    folder: Path
    logs: str = ""
    keepalive_s: int = KEEPALIVE_S
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    turn: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"unix:{self.folder}/scheduler.sock"

    @property
    def _database(self) -> str:
        return f"postgresql+psycopg2://build@/postgres?host={self.folder}"

    # --- database ---------------------------------------------------------------------------------------------------------

    def start_database(self) -> None:
        """Make it, the first time; returns once it answers."""
        (binaries,) = self.parts.database.glob("usr/lib/postgresql/*/bin")
        programs = "/" / binaries.relative_to(self.parts.database)
        # Not as root, which it refuses: as another user of a namespace of users.
        user = f"--unshare-user --uid {UID} --gid {UID} --proc /proc --dev /dev"
        inside = self._inside(self.parts.database, user)
        data = self.folder / "database"
        if not data.exists():
            made = [programs / "initdb", "--username=build", "--auth=trust", "--no-locale", "--encoding=UTF8", "--no-sync", data]
            with (self.folder / "database.log").open("wb") as log:
                subprocess.run([*inside, *made], check=True, stdout=log, stderr=log)
        options = [f"unix_socket_directories={self.folder}", "listen_addresses=", "fsync=off", "max_connections=300"]
        self._start("database", [*inside, programs / "postgres", "-D", data, *(word for option in options for word in ("-c", option))])
        asked = [programs / "pg_isready", "--quiet", "--host", self.folder]
        while subprocess.run([*inside, *asked], check=False).returncode:
            self._check("database")

    # --- scheduler --------------------------------------------------------------------------------------------------------

    def start_scheduler(self) -> None:
        """Returns once it listens."""
        configuration = self.folder / "scheduler.yaml"
        logs = f'\n    logstream: {{url: "{self.logs}"}}' if self.logs else ""
        text = CONFIGURATION.format(folder=self.folder, database=self._database, keepalive=self.keepalive_s, logs=logs)
        configuration.write_text(text)
        address = self.folder / "scheduler.sock"
        address.unlink(missing_ok=True)
        # Both commands in one process: most of what either takes is to import it.
        words = ["migrate", "apply", self._database], ["server", "start", str(configuration)]
        code = "from buildgrid.server.app import cli\n" + "".join(f"cli({command}, standalone_mode=False)\n" for command in words)
        here = f"--dev-bind / / --die-with-parent --setenv PYTHONPATH {self.parts.wheels}".split()
        self._start("scheduler", [find_bwrap(), *here, sys.executable, "-c", code])
        self._listening("scheduler", address)

    # --- workers ----------------------------------------------------------------------------------------------------------

    def start_store(self) -> None:
        """What the workers have of the scheduler's storage; returns once it listens."""
        address = self.folder / "store.sock"
        address.unlink(missing_ok=True)
        options = [f"--cas-remote={self.url}", f"--bind=unix:{address}", self.folder / "store"]
        # By copies: a mount of FUSE would be seen by its own process alone, whose mounts are not the workers'.
        self._start("store", [*self._worker_tree(), "--setenv", "BUILDBOX_STAGER", "copy-or-link", "/usr/bin/buildbox-casd", *options])
        self._listening("store", address)

    def start_worker(self, name: str, **platform: str) -> None:
        """Returns at once: what is queued waits for it."""
        told = {"OSFamily": "linux", "ISA": "x86-64"} | platform
        remotes = [f"--bots-remote={self.url}", f"--cas-remote=unix:{self.folder}/store.sock"]
        remotes += [f"--logstream-remote={self.logs}"] if self.logs else []
        runner = ["--buildbox-run=/usr/bin/buildbox-run-bubblewrap", "--concurrent-jobs=1"]
        properties = [word for pair in told.items() for word in ("--platform", "=".join(pair))]
        self._start(name, [*self._worker_tree(), "/usr/bin/buildbox-worker", *remotes, *runner, *properties, name])
        threading.Thread(target=self._supervise, args=(name, self.running[name], platform), daemon=True).start()

    def _supervise(self, name: str, process: subprocess.Popen[bytes], platform: dict[str, str]) -> None:
        """One whose session the scheduler has forgotten ends: whoever runs it starts it again."""
        process.wait()
        with self.turn:
            if self.running.get(name) is process:
                self.start_worker(name, **platform)

    def _worker_tree(self) -> list[str | Path]:
        # The runner makes sandboxes of its own: the kernel lets it mount /proc only where all of one is to be seen.
        return self._inside(self.parts.workers, "--dev-bind /proc /proc --dev-bind /dev /dev")

    # --- all of them ------------------------------------------------------------------------------------------------------

    def processes(self, name: str) -> list[int]:
        """All that run below a name."""
        return _below(self.running[name].pid) if name in self.running else []

    def kill(self, name: str) -> None:
        """As a machine dies: without a word. Returns once nothing of it runs, which on a busy machine is not at once."""
        with self.turn:
            process = self.running.pop(name)
        killed = (process.pid, *_below(process.pid))
        for pid in killed:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait(PATIENCE_S)
        while any(_runs(pid) for pid in killed):
            time.sleep(0.01)  # they are no children of ours: there is no event to wait for

    def _inside(self, tree: Path, options: str) -> list[str | Path]:
        root = (
            f"--ro-bind {tree}/usr /usr --symlink usr/bin /bin --symlink usr/lib /lib --symlink usr/lib64 /lib64 --symlink usr/sbin /sbin"
        )
        own = f"--ro-bind {ACCOUNTS}/passwd /etc/passwd --ro-bind {ACCOUNTS}/group /etc/group --tmpfs /tmp"
        folder = f"--bind {self.folder} {self.folder} --die-with-parent --clearenv --setenv PATH /usr/bin:/usr/sbin --setenv HOME /tmp"
        return [find_bwrap(), *f"{root} {own} {folder} {options}".split()]

    def _start(self, name: str, command: Sequence[str | Path]) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder)

    def _check(self, name: str) -> None:
        assert self.running[name].poll() is None, (self.folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")[-4000:]

    def _listening(self, name: str, address: Path) -> None:
        """Until it takes connections: one tells, whatever it costs to start."""
        while True:
            self._check(name)
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
                probe.connect(str(address))
                return
            time.sleep(0.05)  # there is no event to wait for


def _runs(pid: int) -> bool:
    """Whether a process has not ended: one that nobody has waited for yet has no command line any more."""
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except OSError:
        return False


def _below(pid: int) -> list[int]:
    """All that a process has started, by whichever of its threads, parents first."""
    found = []
    for thread in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):  # it is over
            for child in map(int, thread.read_text(encoding="ascii").split()):
                found += [child, *_below(child)]
    return found


@contextlib.contextmanager
def buildgrid(
    parts: Parts, *, workers: Sequence[str] = ("one", "two"), logs: bool = False, keepalive_s: int = KEEPALIVE_S
) -> Iterator[BuildGrid]:
    """A BuildGrid that runs; with `logs`, one whose logs are streamed, as `grid.logs` has it."""
    # Short: the path of a socket has 107 bytes.
    with tempfile.TemporaryDirectory(prefix="lkb-") as name, contextlib.ExitStack() as stack:
        grid = BuildGrid(parts, Path(name), f"unix:{name}/logs.sock" if logs else "", keepalive_s)
        try:
            if logs:
                stack.callback(LogServer(grid.logs, grid.url).stop)
            grid.start_database()
            grid.start_scheduler()
            grid.start_store()
            for worker in workers:
                grid.start_worker(worker)
            yield grid
        finally:
            for running in [*grid.running][::-1]:
                grid.kill(running)
