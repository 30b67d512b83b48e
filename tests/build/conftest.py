"""Programs of others that read and serve images, for the tests that have images to show."""

import os
from pathlib import Path

import pytest
from harness import engine as engines
from harness.images import Programs, unpacked

from lkbuild.cli.options import default_cache

#: Read before tests take it from the environment.
ON_CI = "CI" in os.environ


@pytest.fixture(scope="session")
def tree(tmp_path_factory):
    cache = os.environ.get("LKBUILD_CACHE")
    return unpacked(tmp_path_factory.mktemp("programs") / "workspace", Path(cache) if cache else default_cache(os.environ))


@pytest.fixture
def programs(tree, ws):
    return Programs(tree, ws.root)


@pytest.fixture(scope="session")
def engine(tmp_path_factory):
    """A Docker engine, as an environment."""
    if os.geteuid() != 0 and not ON_CI:
        pytest.skip("a Docker engine needs root")
    cache = os.environ.get("LKBUILD_CACHE")
    tree = engines.unpacked(tmp_path_factory.mktemp("engine") / "workspace", Path(cache) if cache else default_cache(os.environ))
    with engines.engine(tree) as environment:
        yield environment


@pytest.fixture
def docked(ws, engine):
    """A workspace with an engine."""
    return ws.with_(**engine)
