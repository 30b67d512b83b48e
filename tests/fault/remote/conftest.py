"""A server that misbehaves, and machines that share through it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from harness.machines import new_machine
from harness.reapi_server import ReapiServer

__all__ = ["new_machine"]


@pytest.fixture
def server() -> Iterator[ReapiServer]:
    made = ReapiServer()
    yield made
    made.stop()
