"""What every kind of lock shares: the download function that it is given, and the problems that a check finds.

Does not know any kind of lock (lkbuild.locks.kinds lists them).
"""

from __future__ import annotations

from typing import Protocol

from lkbuild.base.values import dataclass


class Download(Protocol):
    """Brings bytes from outside; lkbuild.app passes the fetcher's."""

    def __call__(self, sources: tuple[str, ...], *, sha256: str | None, size: int | None, limit: int) -> bytes:
        """The bytes of the first source that works.

        Args:
            sources: `deb:<path>`, `pypi-index:<project>`, `pypi:<project>/<file>`, or URLs; tried in order. Or
                `workspace:<path>` alone: a file of the workspace (raises OSError). Or `archive:<path>!<member>` alone: a file of a tar
                of the workspace; without a member, what is in it: a JSON object from path to name and size (of links: what they lead to).
            sha256: hexadecimal; other bytes are refused. None: the caller verifies by other means (a signature).
            size: exact size where it is known.
            limit: never more bytes than this.

        Raises:
            FetchError: nothing had the right bytes.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LockProblem:
    """Why a lock does not hold what its target asks for. `line` is a line of the lock file, from 1; 1 where none is to blame."""

    message: str
    line: int = 1
    hint: str | None = "run `lkbuild lock update`"


@dataclass(frozen=True, slots=True, kw_only=True)
class LockChange:
    """A difference between two locks. `old` and `new` are versions, empty for what was added or removed; `arches` may be empty."""

    name: str
    old: str
    new: str
    arches: tuple[str, ...] = ()

    def __str__(self) -> str:
        where = f" ({', '.join(self.arches)})" if self.arches else ""
        if not self.old:
            return f"+ {self.name} {self.new}{where}"
        if not self.new:
            return f"- {self.name} {self.old}{where}"
        return f"~ {self.name} {self.old} -> {self.new}{where}"
