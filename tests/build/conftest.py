"""Programs of others that read and serve images, for the tests that have images to show."""

import pytest
from harness.images import Programs, unpacked
from harness.workspace import user_store


@pytest.fixture(scope="session")
def tree(tmp_path_factory):
    return unpacked(tmp_path_factory.mktemp("programs") / "workspace", user_store())


@pytest.fixture
def programs(tree, ws):
    return Programs(tree, ws.root)


@pytest.fixture
def docked(ws, engine):
    """A workspace with an engine."""
    return ws.with_(**engine)
