"""The stores that the suites of this folder run on: one line makes a new implementation take them all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lkbuild.store.disk import DiskStore
from lkbuild.store.memory import MemoryStore

Store = DiskStore | MemoryStore
FACTORIES: dict[str, Callable[[Path], Store]] = {"disk": lambda path: DiskStore.open(path / "store"), "memory": MemoryStore}


@pytest.fixture(params=sorted(FACTORIES))
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    made = FACTORIES[request.param](tmp_path)
    yield made
    if isinstance(made, DiskStore):
        made.close()
