"""Errors as part of the product: where, what, why it is wrong, what to do.

The tree, with the exit code of each family (Bazel's numbers where Bazel has one; `lkbuild help exit-codes`):

    LkbuildError
    ├── UsageError            2   a command line that can't be obeyed
    ├── LoadError             7   a BUILD.yaml, label or workspace that is wrong
    ├── AnalysisError         7   a rule refuses its attributes, a cycle, a visibility violation
    ├── BuildFailed           1   an action failed, or its outputs are not what was declared
    │   └── NotReproducible  50   `--check` got other bytes
    ├── TestsFailed           3
    ├── NoTests               4
    ├── Interrupted           8
    ├── RegistryError        34   a registry refuses what is pushed, or can't be reached
    ├── LockError            48   a lock file that is out of date, or an input that can't be fetched
    │   └── FetchError       48
    ├── RemoteFailed         34   a remote cache that is required can't be used
    │   └── Untrusted        34   a remote result that no trusted builder has signed, under --trust=strict
    ├── StoreError           36   the store can't be used or is damaged
    └── HostError            36   this host lacks something; the hint says how to mend it

Anything else that escapes is a bug and exits 37. This module does not print; `lkbuild.cli.render` does.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import ClassVar

from lkbuild.base.restoring import restored_quickly
from lkbuild.base.values import dataclass


@restored_quickly
@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A place in a file: workspace-relative path, line and column from 1, and the text of that line where it is known."""

    file: str
    line: int = 1
    column: int = 1
    line_text: str | None = None

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class LkbuildError(Exception):
    """Base of everything a user can cause or must hear of.

    Attributes:
        message: one line: what is wrong.
        position: where, if it is in a file.
        hint: what to do about it, one or more lines.
        label: the target that it is about, as text.
        detail: more lines (the end of a log, a cycle's path), shown below.
        related: other places with what they have to do with it.
    """

    exit_code: ClassVar[int] = 37

    def __init__(
        self,
        message: str,
        *,
        position: Position | None = None,
        hint: str | None = None,
        label: str | None = None,
        detail: str | None = None,
        related: tuple[tuple[Position, str], ...] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.position = position
        self.hint = hint
        self.label = label
        self.detail = detail
        self.related = related

    def each(self) -> tuple[LkbuildError, ...]:
        """The errors that it stands for, each of which is to be told: itself, unless it has gathered several."""
        return (self,)


class UsageError(LkbuildError):
    """A command line that can't be obeyed."""

    exit_code = 2


class LoadError(LkbuildError):
    """A BUILD.yaml, label or workspace that is wrong."""

    exit_code = 7


class AnalysisError(LkbuildError):
    """A rule refuses what it was given, a cycle, a missing dependency, a visibility violation."""

    exit_code = 7


class BuildFailed(LkbuildError):
    """An action failed, or did not make what it declared."""

    exit_code = 1


class NotReproducible(BuildFailed):
    """The same action made other bytes."""

    exit_code = 50


class TestsFailed(LkbuildError):
    """At least one test failed."""

    __test__ = False  # pytest collects classes of this name
    exit_code = 3


class NoTests(LkbuildError):
    """`lkbuild test` found nothing to test."""

    exit_code = 4


class Interrupted(LkbuildError):
    """Stopped by the user, in order; what was built is kept."""

    exit_code = 8


class RegistryError(LkbuildError):
    """A registry refuses what is pushed to it, or can't be reached."""

    exit_code = 34


class LockError(LkbuildError):
    """A lock file that is wrong or out of date."""

    exit_code = 48


class FetchError(LockError):
    """An input that can't be fetched, or is not what the lock says."""


class RemoteFailed(LkbuildError):
    """A remote cache that is required can't be used."""

    exit_code = 34


class Untrusted(RemoteFailed):
    """A remote result that no trusted builder has signed, under --trust=strict."""


class StoreError(LkbuildError):
    """The store can't be used, or is damaged."""

    exit_code = 36


class HostError(LkbuildError):
    """This host lacks something that lkbuild needs."""

    exit_code = 36


class Terminated(KeyboardInterrupt):
    """SIGTERM: like Ctrl-C, but from one who is not at the terminal, so that nobody else has got it."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """A hint that names the known name nearest to a mistyped one, or None where nothing is near."""
    found = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"did you mean '{found[0]}'?" if found else None
