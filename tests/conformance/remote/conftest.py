"""The remotes that the suite of this folder runs on, and machines that share through them: one line makes a new kind take it all."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from harness.casd import casd
from harness.http_cache import HttpCache
from harness.reapi_server import Behaviour, ReapiServer

from lkbuild.remote.address import parse_address
from lkbuild.remote.cache import Remotes
from lkbuild.remote.opening import Plan, open_peer
from lkbuild.remote.peer import Peer, Rights
from lkbuild.remote.tally import Tally
from lkbuild.store.disk import DiskStore


@contextlib.contextmanager
def in_process(behaviour: Behaviour) -> Iterator[str]:
    server = ReapiServer(behaviour)
    yield server.url
    server.stop()


@contextlib.contextmanager
def http() -> Iterator[str]:
    server = HttpCache()
    yield server.url
    server.stop()


@contextlib.contextmanager
def _with_instance(path: Path) -> Iterator[str]:
    with casd(path / "casd", "--local-server-instance=team/main") as url:
        yield f"{url}?team/main"


KINDS: dict[str, Callable[[Path], contextlib.AbstractContextManager[str]]] = {
    "casd": lambda path: casd(path / "casd"),
    "casd-instance": _with_instance,
    "blake3-zstd": lambda path: in_process(Behaviour()),
    "blake3-plain": lambda path: in_process(Behaviour(zstd=False)),
    "sha256-zstd-small-batches": lambda path: in_process(Behaviour(blake3=False, batch_bytes=64 << 10)),
    "http": lambda path: http(),
}


@dataclass
class Machine:
    """A store of its own with one remote behind it."""

    store: DiskStore
    peer: Peer
    remotes: Remotes
    tally: Tally = field(default_factory=Tally)
    told: list[str] = field(default_factory=list)


@pytest.fixture
def new_machine(tmp_path: Path) -> Iterator[Callable[..., Machine]]:
    """Makes machines: `new_machine(name, url)`."""
    with contextlib.ExitStack() as stack:

        def make(name: str, url: str, rights: Rights | None = None, quiet_s: float = 30.0) -> Machine:
            store = DiskStore.open(tmp_path / name)
            stack.callback(store.close)
            tally, told = Tally(), []
            plan = Plan(address=parse_address(url), rights=rights or Rights(), quiet_s=quiet_s)
            peer = open_peer(plan, store.blobs, tally, told.append, lambda: False)
            remotes = Remotes([peer], store.blobs, tally)
            stack.callback(remotes.close)
            return Machine(store, peer, remotes, tally, told)

        yield make


@pytest.fixture(params=sorted(KINDS))
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with KINDS[request.param](tmp_path) as address:
        yield address
