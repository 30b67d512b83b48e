"""Errors of several BUILD.yaml, told in one run: who mends one of them wants to know of the others. Does not know what was looked for."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from lkbuild.base.errors import AnalysisError, LkbuildError, LoadError


class LoadErrors(LoadError):
    """More than one error, none of which is the cause of another."""

    def __init__(self, errors: tuple[LkbuildError, ...]) -> None:
        super().__init__("\n".join(f"{error.position}: {error.message}" if error.position else error.message for error in errors))
        self._errors = errors

    def each(self) -> tuple[LkbuildError, ...]:
        """See LkbuildError."""
        return self._errors


class Gathering:
    """Errors met on the way through places that do not depend on each other. The same error, met twice, is one."""

    def __init__(self) -> None:
        self._errors: dict[LkbuildError, None] = {}

    @contextlib.contextmanager
    def going_on(self) -> Iterator[None]:
        """Gather what goes wrong in the block. Raises at once where that is a rule's fault: all who use it would say the same."""
        try:
            yield
        except (LoadError, AnalysisError) as error:
            self._errors.update(dict.fromkeys(error.each()))
            if not all(isinstance(one, LoadError) for one in error.each()):
                self.tell()

    def tell(self) -> None:
        """Raise what was gathered, if anything was: LoadErrors where it is more than one."""
        errors = tuple(self._errors)
        if errors:
            raise errors[0] if len(errors) == 1 else LoadErrors(errors)
