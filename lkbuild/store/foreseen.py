"""The first parts of a list, read and hashed before the others are there, while whoever makes those leaves a processor idle.

Where a stored list begins with the same parts, they are hashed once and not twice: with what followed them there they must come to that
list's digest, which proves each of them. What is found is a fact about bytes, and nobody depends on it: where a part is not there, or
another list comes, it is forgotten. Knows no database.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, Protocol

from blake3 import blake3

from lkbuild.base.ahead import ahead
from lkbuild.base.digest import Digest
from lkbuild.base.errors import LkbuildError
from lkbuild.base.values import dataclass
from lkbuild.model.ports import BlobMissing

#: A proof reads what followed the parts as well: it pays where that is less than such a part of them.
_WORTH_PROVING: Final = 2


@dataclass(frozen=True, slots=True)
class Known:
    """A stored list: its digest, and its parts."""

    whole: Digest
    parts: tuple[Digest, ...]


class Source(Protocol):
    """Where parts are."""

    def chunks(self, digest: Digest) -> Iterator[bytes]:
        """The bytes of a part, checked at their end. Raises BlobMissing."""
        ...

    def unchecked(self, digest: Digest) -> Iterator[bytes]:
        """What lies where the bytes of a part should: whoever asks checks it. Raises BlobMissing where nothing does."""
        ...

    def recent_lists(self) -> Iterable[Known]:
        """Some of the stored lists, those used last first."""
        ...


class Begun:
    """The digest of a whole, of which some first parts have been read."""

    def __init__(self, parts: Sequence[Digest] = ()) -> None:
        """`parts`: those that `add` will be given the bytes of."""
        self.parts = tuple(parts)
        self._hash, self._size = blake3(), 0

    def add(self, chunks: Iterable[bytes]) -> None:
        """Go on with these bytes."""
        for chunk in chunks:
            self._hash.update(chunk)
            self._size += len(chunk)

    def digest(self) -> Digest:
        """Of all bytes so far."""
        return Digest(self._hash.hexdigest(), self._size)

    def followed_by(self, chunks: Iterable[bytes]) -> Digest:
        """What the digest would be with these bytes after them."""
        other = Begun()
        other._hash, other._size = self._hash.copy(), self._size
        other.add(chunks)
        return other.digest()


class Foresight:
    """The one list that is expected. Safe to use from many threads."""

    def __init__(self, source: Source) -> None:
        """`source`: where parts are."""
        self._source = source
        self._guard = threading.Lock()
        self._expected: _Reader | None = None

    def expect(self, parts: Sequence[Digest]) -> None:
        """A list that begins with these is to come, so they are read; what was expected before is not."""
        reader = None
        with contextlib.suppress(RuntimeError):  # no thread can be started: then nothing is read before it is needed
            reader = _Reader(parts, self._source) if parts else None
        self._replace(reader)

    def begun(self, parts: Sequence[Digest]) -> Begun:
        """What is known of a list that has come: once the expected parts are read, where it begins with them; else nothing."""
        with self._guard:
            reader = self._expected
            if reader is None or tuple(parts[: len(reader.parts)]) != reader.parts:
                return Begun()
            self._expected = None
        return reader.end() or Begun()

    def stop(self) -> None:
        """Expect nothing. Returns when nothing is read any more."""
        self._replace(None)

    def _replace(self, following: _Reader | None) -> None:
        with self._guard:
            before, self._expected = self._expected, following
        if before is not None:
            before.stop()


class _Unwanted(Exception):
    """Nobody needs it any more."""


class _Reader:
    """Reads parts in the background."""

    def __init__(self, parts: Sequence[Digest], source: Source) -> None:
        self.parts = tuple(parts)
        self._source = source
        self._unwanted = threading.Event()
        self._begun: Begun | None = None
        self._thread = threading.Thread(target=self._run, name="foreseen parts", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        # What is wrong with a part is found, and told, by who needs it.
        with contextlib.suppress(BlobMissing, LkbuildError, OSError, _Unwanted):
            self._begun = self._proven() or self._checked()

    def _proven(self) -> Begun | None:
        known = next((known for known in self._source.recent_lists() if self._proves(known)), None)
        if known is None:
            return None
        begun, rest = Begun(self.parts), known.parts[len(self.parts) :]
        try:
            begun.add(self._bytes(self.parts, self._source.unchecked))
            return begun if begun.followed_by(self._bytes(rest, self._source.unchecked)) == known.whole else None
        except BlobMissing:  # of what followed them, perhaps
            return None

    def _proves(self, known: Known) -> bool:
        size = sum(part.size for part in self.parts)
        return known.parts[: len(self.parts)] == self.parts and (known.whole.size - size) * _WORTH_PROVING <= size

    def _checked(self) -> Begun:
        begun = Begun(self.parts)
        with ahead(self._bytes(self.parts, self._source.chunks)) as chunks:
            begun.add(chunks)
        return begun

    def _bytes(self, parts: Iterable[Digest], read: Callable[[Digest], Iterator[bytes]]) -> Iterator[bytes]:
        for part in parts:
            for chunk in read(part):
                if self._unwanted.is_set():
                    raise _Unwanted
                yield chunk

    def end(self) -> Begun | None:
        """All of it, once it is read; None where something is wrong with it."""
        self._thread.join()
        return self._begun

    def stop(self) -> None:
        """It is not needed: returns when nothing is read any more."""
        self._unwanted.set()
        self._thread.join()
