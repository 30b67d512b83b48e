"""Exit codes: read from the error tree, so that the table can't be out of date. Does not know who raises what."""

from __future__ import annotations

from typing import Final

from lkbuild.base.errors import LkbuildError

#: A bug: what escapes without being a LkbuildError.
INTERNAL: Final = LkbuildError.exit_code
#: What a shell reports of a program that SIGPIPE killed: 128 + 13.
BROKEN_PIPE: Final = 141


def exit_codes() -> tuple[tuple[int, str], ...]:
    """(code, meaning), sorted: one line for each family of errors that lkbuild.base.errors declares."""
    meanings: dict[int, list[str]] = {0: ["All went well."], INTERNAL: ["A bug in lkbuild; a file with the traceback is named."]}
    meanings[BROKEN_PIPE] = ["The reader of the output went away."]
    for family in _families(LkbuildError):
        meanings.setdefault(family.exit_code, []).append((family.__doc__ or family.__name__).strip().partition("\n")[0])
    return tuple((code, " ".join(dict.fromkeys(lines))) for code, lines in sorted(meanings.items()))


def _families(above: type[LkbuildError]) -> list[type[LkbuildError]]:
    """All errors below one, depth first, that are declared beside it (others refine a family that is there)."""
    found: list[type[LkbuildError]] = []
    for family in above.__subclasses__():
        if family.__module__ == LkbuildError.__module__:
            found += [family, *_families(family)]
    return found
