"""A store with one remote behind it: a machine that shares, without a build. Never waits between tries.

It gives an answer minutes, unless a test says otherwise: a real server on a machine that is busy is no fault to be told.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lkbuild.remote.address import parse_address
from lkbuild.remote.cache import Remotes
from lkbuild.remote.guard import Time
from lkbuild.remote.opening import Guarding, Listeners, Plan, open_peer
from lkbuild.remote.peer import Peer, Rights
from lkbuild.remote.tally import Tally
from lkbuild.store.disk import DiskStore

PATIENCE_S = 300.0


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
    """Makes machines: `new_machine(name, url)`; `said`: more of its Plan."""
    with contextlib.ExitStack() as stack:

        def make(name: str, url: str, rights: Rights | None = None, quiet_s: float = PATIENCE_S, **said: Any) -> Machine:
            store = DiskStore.open(tmp_path / name)
            stack.callback(store.close)
            tally, told = Tally(), []
            plan = Plan(address=parse_address(url), rights=rights or Rights(), quiet_s=quiet_s, answer_s=2 * PATIENCE_S, **said)
            peer = open_peer(
                plan, store.blobs, tally, Listeners(tell=told.append, report=told.append), Guarding(time=Time(sleep=lambda seconds: None))
            )
            remotes = Remotes([peer], store.blobs, [tally])
            stack.callback(remotes.close)
            return Machine(store, peer, remotes, tally, told)

        yield make
