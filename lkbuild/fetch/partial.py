"""A download that is under way: a file named by the SHA-256 that it shall have, kept over an interruption.

One process or thread works on a partial at a time (flock(2)); it ends by being taken into the store, or stays for the next try. What is on
disk is hashed again when a download goes on: nothing is believed of an earlier process but the bytes.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from blake3 import blake3

_CHUNK: Final = 1 << 20
_WAIT_S: Final = 0.1


class Partial:
    """The file, its digests so far, and where its bytes came from."""

    def __init__(self, path: Path, handle: int) -> None:
        """Of an open and locked file; `opened` makes it."""
        self.path = path
        self._handle = handle
        self.reread()
        #: Whether it was put together from more than one transfer.
        self.joined = self.size > 0

    @property
    def size(self) -> int:
        """Bytes so far."""
        return self._size

    @property
    def sha256(self) -> str:
        """Of the bytes so far."""
        return self._sha256.hexdigest()

    @property
    def blake3(self) -> str:
        """Of the bytes so far."""
        return self._blake3.hexdigest()

    def reread(self) -> None:
        """Hash what is on disk."""
        self._sha256, self._blake3, self._size = hashlib.sha256(), blake3(), 0
        os.lseek(self._handle, 0, os.SEEK_SET)
        while chunk := os.read(self._handle, _CHUNK):
            self._count(chunk)

    def write(self, chunk: bytes) -> None:
        """Append. Not buffered: what was received survives the process. Raises OSError."""
        rest = memoryview(chunk)
        while rest:
            rest = rest[os.write(self._handle, rest) :]
        self._count(chunk)

    def _count(self, chunk: bytes) -> None:
        self._sha256.update(chunk)
        self._blake3.update(chunk)
        self._size += len(chunk)

    def reset(self) -> None:
        """Forget everything."""
        os.ftruncate(self._handle, 0)
        self._origin.unlink(missing_ok=True)
        self.reread()
        self.joined = False

    def validator(self, url: str) -> str | None:
        """The validator (RFC 9110, 13.1.5) of the bytes so far, if they came from this URL."""
        try:
            origin = json.loads(self._origin.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        same = isinstance(origin, dict) and origin.get("url") == url
        return str(origin["validator"]) if same and origin.get("validator") else None

    def came_from(self, url: str, validator: str | None) -> None:
        """Note where the bytes come from. A weak entity tag is no validator for ranges."""
        usable = validator if validator and not validator.startswith("W/") else None
        self._origin.write_text(json.dumps({"url": url, "validator": usable}), encoding="utf-8")

    @property
    def _origin(self) -> Path:
        return self.path.with_name(self.path.name + ".origin")

    def remove(self) -> None:
        """The bytes are elsewhere, or of no use."""
        self.path.unlink(missing_ok=True)
        self._origin.unlink(missing_ok=True)


@contextlib.contextmanager
def opened(folder: Path, sha256: str, waiting: Callable[[], None]) -> Iterator[Partial]:
    """The partial for a digest, locked until the block ends. `waiting` is called while another holds it; it may raise."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / sha256
    handle = _locked(path, waiting)
    try:
        yield Partial(path, handle)
    finally:
        os.close(handle)


def _locked(path: Path, waiting: Callable[[], None]) -> int:
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Its last holder may have moved it into the store between our open and our lock: then the name is another file's, or nobody's.
            if _still_named(path, handle):
                return handle
        except BlockingIOError:
            pass
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)
        waiting()
        time.sleep(_WAIT_S)


def _still_named(path: Path, handle: int) -> bool:
    try:
        return path.stat().st_ino == os.fstat(handle).st_ino
    except FileNotFoundError:
        return False
