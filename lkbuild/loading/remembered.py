"""Values kept in a folder from one process to the next, each an entry of a name. Damage, and another lkbuild, make an entry unknown.

What stands in an entry is a checksum and a pickle, in the user's own cache folder; it is read by nothing but this lkbuild's own values.
Does not know what the values mean, nor when one is out of date: its key says that.
"""

from __future__ import annotations

import io
import pickle
import sys
from pathlib import Path
from typing import Any, Final

from lkbuild import __version__
from lkbuild.base.atomic import write_atomic
from lkbuild.base.digest import Digest

#: Raised when what is kept changes its meaning.
_FORMAT: Final = 4
#: The only modules whose classes an entry may hold: values, none of which does anything when it is made.
_TRUSTED: Final = ("lkbuild.base.", "lkbuild.model.", "lkbuild.loading.", "lkbuild.syntax.")
_CHECKSUM: Final = 64
_MAKER: Final = (_FORMAT, __version__, sys.version)


class Remembered:
    """Entries in a folder, which need not exist."""

    def __init__(self, folder: Path) -> None:
        """Of one workspace."""
        self._folder = folder

    def get(self, name: str, key: object) -> Any:
        """The value that was put under a name with this key, or None."""
        try:
            kept = self._path(name).read_bytes()
            check, kept = kept[:_CHECKSUM], kept[_CHECKSUM:]
            if Digest.of(kept).hash.encode() != check:
                return None
            maker, found, value = restored(kept)
        except Exception:  # noqa: BLE001 - pickle raises anything for what another lkbuild has written
            return None
        return value if (maker, found) == (_MAKER, key) else None

    def put(self, name: str, key: object, value: object) -> None:
        """Keep a value in place of what the name had. A disk that refuses costs time, not correctness."""
        kept = pickled((_MAKER, key, value))
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_atomic(self._path(name), Digest.of(kept).hash.encode() + kept)
        except OSError:
            return

    def _path(self, name: str) -> Path:
        return self._folder / Digest.of(name.encode("utf-8", "surrogateescape")).short


def pickled(value: Any) -> bytes:
    """A value as bytes."""
    return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)


def restored(data: bytes) -> Any:
    """The value of `pickled`. Raises whatever pickle raises, and UnpicklingError for a class that is no value of this lkbuild."""
    return _Reader(io.BytesIO(data)).load()


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """Only values of this lkbuild."""
        if module.startswith(_TRUSTED) and name.isidentifier():
            found = super().find_class(module, name)
            if isinstance(found, type):
                return found
        raise pickle.UnpicklingError(module)
