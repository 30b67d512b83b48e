"""Errors of one BUILD.yaml, and of several, told in one run: who mends one of them wants to know of the others.

Does not know what was looked for.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from lkbuild.base.errors import AnalysisError, LkbuildError, LoadError, Position


class LoadErrors(LoadError):
    """More than one error, none of which is the cause of another."""

    def __init__(self, errors: tuple[LkbuildError, ...]) -> None:
        super().__init__("\n".join(f"{error.position}: {error.message}" if error.position else error.message for error in errors))
        self._errors = errors

    def each(self) -> tuple[LkbuildError, ...]:
        """See LkbuildError."""
        return self._errors


class Gathering:
    """Errors met on the way through places that do not depend on each other. One that is met twice, for two architectures, is one."""

    __slots__ = ("_errors",)  # each attribute of each target has one

    def __init__(self) -> None:
        self._errors: dict[tuple[str, Position | None, str | None], LkbuildError] = {}

    @contextlib.contextmanager
    def going_on(self) -> Iterator[None]:
        """Gather what goes wrong in the block. Raises at once where that is a rule's fault: all who use it would say the same."""
        try:
            yield
        except (LoadError, AnalysisError) as error:
            self.add(error)
            if not all(isinstance(one, LoadError) for one in error.each()):
                self.tell()

    def add(self, error: LkbuildError) -> None:
        """Gather an error. Where it is caught costs nothing where there is none, as `going_on` does: for what is done a million times."""
        for one in error.each():
            self._errors.setdefault((one.message, one.position, one.label), one)

    def __bool__(self) -> bool:
        """Whether there was any."""
        return bool(self._errors)

    def tell(self) -> None:
        """Raise what was gathered, if anything was: LoadErrors where it is more than one, those of one file from its top to its end."""
        if not self._errors:
            return
        errors = tuple(self._errors.values())
        if len(errors) == 1:
            raise errors[0]
        places = [error.position for error in errors]
        if all(places) and len({place.file for place in places if place}) == 1:
            errors = tuple(sorted(errors, key=_place))
        raise LoadErrors(errors)


def _place(error: LkbuildError) -> tuple[int, int]:
    return (error.position.line, error.position.column) if error.position else (0, 0)
