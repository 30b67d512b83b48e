"""What goes through a sink is in the file, or it is an error."""

from __future__ import annotations

import errno
import os
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from blake3 import blake3

from lkbuild.store import codec
from lkbuild.store.expanded import create_file


@pytest.fixture
def bound() -> Iterator[None]:
    """What a test says of the largest file that may be written ends with it, and so does what the signal does."""
    limits, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    signal.signal(signal.SIGXFSZ, handler)


def put(path: Path, data: bytes, *, compressed: bool) -> None:
    sink = codec.Sink(create_file(path), compressed=compressed)
    try:
        sink.write(data)
        sink.finish(0o444, 0)
    finally:
        sink.abort()


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.usefixtures("bound")
def test_a_disk_that_takes_all_but_the_last_bytes_is_an_error(tmp_path: Path, *, compressed: bool) -> None:
    """The last write is a short one and no other follows that would fail."""
    data = blake3(b"").hexdigest(length=200_000).encode()  # of which zstd makes half
    put(tmp_path / "whole", data, compressed=compressed)
    most = (tmp_path / "whole").stat().st_size - 10
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    with pytest.raises(OSError, match=os.strerror(errno.EFBIG)):
        put(tmp_path / "cut", data, compressed=compressed)
