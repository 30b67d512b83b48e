"""The remotes that the suite of this folder runs on, and machines that share through them: one line makes a new kind take it all."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from harness.casd import casd
from harness.http_cache import HttpCache
from harness.machines import new_machine
from harness.nginx import nginx, unpack
from harness.reapi_server import Behaviour, ReapiServer


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


__all__ = ["new_machine"]

KINDS: dict[str, Callable[[Path], contextlib.AbstractContextManager[str]]] = {
    "casd": lambda path: casd(path / "casd"),
    "casd-instance": _with_instance,
    "blake3-zstd": lambda path: in_process(Behaviour()),
    "blake3-plain": lambda path: in_process(Behaviour(zstd=False)),
    "sha256-zstd-small-batches": lambda path: in_process(Behaviour(blake3=False, batch_bytes=64 << 10)),
    "http": lambda path: http(),
}


@pytest.fixture(scope="session")
def nginx_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpack(tmp_path_factory.mktemp("nginx") / "workspace")


@pytest.fixture(params=[*sorted(KINDS), pytest.param("nginx", marks=pytest.mark.network)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "nginx":
        with nginx(request.getfixturevalue("nginx_tree"), tmp_path / "nginx") as address:
            yield address
        return
    with KINDS[request.param](tmp_path) as address:
        yield address
