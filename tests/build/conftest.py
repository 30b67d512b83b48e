"""Programs of others that read and serve images, for the tests that have images to show."""

import os
from pathlib import Path

import pytest
from harness.images import Programs, unpacked

from lkbuild.cli.options import default_cache


@pytest.fixture(scope="session")
def tree(tmp_path_factory):
    cache = os.environ.get("LKBUILD_CACHE")
    return unpacked(tmp_path_factory.mktemp("programs") / "workspace", Path(cache) if cache else default_cache(os.environ))


@pytest.fixture
def programs(tree, ws):
    return Programs(tree, ws.root)


@pytest.fixture
def docked(ws, engine):
    """A workspace with an engine."""
    return ws.with_(**engine)
