"""One command line, parsed: the value that a verb works on, and the declaration that a verb makes of itself."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lkbuild.base.errors import UsageError
from lkbuild.base.values import dataclass
from lkbuild.cli.console import Console
from lkbuild.cli.flags import Flag, Parsed, parse
from lkbuild.cli.options import build_options

if TYPE_CHECKING:
    from lkbuild.app.options import BuildOptions
    from lkbuild.base.snapshot_format import Key


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What a verb says about itself: enough to parse it and to write its help.

    Attributes:
        usage: its arguments, after the verb.
        doc: what it does, a paragraph or two.
        examples: (command line, what it does).
        run: does it; returns the exit code.
        words: the least and the greatest number of words it takes; None: no limit.
    """

    name: str
    usage: str
    doc: str
    examples: tuple[tuple[str, str], ...]
    flags: tuple[Flag, ...]
    run: Callable[[Invocation], int]
    words: tuple[int, int | None] = (0, None)

    def main(self, invocation: Invocation) -> int:
        """Show help where it was asked for, check the number of words, run."""
        if invocation.parsed.switch("help"):
            from lkbuild.cli.helptext import verb_help  # noqa: PLC0415 - only for help

            invocation.console.result(verb_help(self))
            return 0
        self._check_words(len(invocation.parsed.words))
        return self.run(invocation)

    def _check_words(self, given: int) -> None:
        least, greatest = self.words
        if given < least:
            raise UsageError(f"`lkbuild {self.name}` wants {self.usage}", hint=self._example())
        if greatest is not None and given > greatest:
            allowed = {0: "no argument", 1: "one argument"}.get(greatest, f"no more than {greatest} arguments")
            raise UsageError(f"`lkbuild {self.name}` takes {allowed}, not {given}", hint=self._example())

    def _example(self) -> str:
        return f"for example: {self.examples[0][0]}" if self.examples else f"`lkbuild help {self.name}` explains it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """A command line, with the process around it. `given`: its words as they stood, verb and all, where that is known."""

    command: Command
    parsed: Parsed
    environment: Mapping[str, str]
    cwd: Path
    console: Console
    given: tuple[str, ...] = ()

    @classmethod
    def parse(cls, command: Command, arguments: Sequence[str], environment: Mapping[str, str], given: Sequence[str] = ()) -> Invocation:
        """Parse the arguments of a verb. Raises UsageError."""
        parsed = parse(command.name, command.flags, arguments, environment)
        console = Console(
            stdout=sys.stdout,
            stderr=sys.stderr,
            environment=environment,
            color=parsed.text("color") or "auto",
            quiet=parsed.switch("quiet"),
            json=parsed.switch("json"),
        )
        return cls(command=command, parsed=parsed, environment=environment, cwd=_cwd(), console=console, given=tuple(given))

    @property
    def patterns(self) -> tuple[str, ...]:
        """Target patterns: words, and what stands after `--` (negative patterns, most of all)."""
        return (*self.parsed.words, *(self.parsed.rest or ()))

    @property
    def key(self) -> Key:
        """What decides what the command does and how it says so, apart from files."""
        from lkbuild.base.snapshot_format import key_of  # noqa: PLC0415 - not for --help

        return key_of(self.given, self.environment, str(self.cwd))

    def options(self) -> BuildOptions:
        """The options of the use case. Raises UsageError."""
        return build_options(self.parsed, self.environment, self.cwd)


def _cwd() -> Path:
    try:
        return Path(os.getcwd())  # noqa: PTH109 - Path.cwd() costs an import on the way to help
    except FileNotFoundError:
        raise UsageError("the current directory does not exist any more", hint="change to another one") from None
