"""The two streams: results on stdout, everything else on stderr. Knows colours, not what is said.

Colours follow NO_COLOR (no-color.org), FORCE_COLOR, TERM=dumb and whether stderr is a terminal, in this order after `--color`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, TextIO

from lkbuild.base.values import dataclass

_CODES: Final = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


@dataclass(frozen=True, slots=True)
class Style:
    """Colours text, or leaves it alone."""

    color: bool = False

    def __call__(self, text: str, *names: str) -> str:
        """The text in these colours (`bold`, `dim`, `red`, `green`, `yellow`, `cyan`)."""
        if not self.color or not text:
            return text
        codes = ";".join(_CODES[name] for name in names)
        return f"\x1b[{codes}m{text}\x1b[0m"


@dataclass(frozen=True, slots=True, kw_only=True)
class Console:
    """Where a verb writes.

    Attributes:
        color: `auto`, `always` or `never`.
        quiet: no notes.
        json: results are one JSON object.
    """

    stdout: TextIO
    stderr: TextIO
    environment: Mapping[str, str]
    color: str = "auto"
    quiet: bool = False
    json: bool = False

    @property
    def style(self) -> Style:
        """How stderr is coloured."""
        return Style(wants_color(self.color, self.environment, terminal=self.stderr.isatty()))

    @property
    def stdout_style(self) -> Style:
        """How results are coloured: where stdout is a terminal, and never in a pipe that did not ask for it."""
        return Style(wants_color(self.color, self.environment, terminal=self.stdout.isatty()))

    @property
    def live(self) -> bool:
        """Whether stderr can show a display that changes: a terminal that moves its cursor, and nobody's log."""
        return self.stderr.isatty() and self.environment.get("TERM") not in (None, "", "dumb") and not in_ci(self.environment)

    def result(self, text: str) -> None:
        """A result, with its newline."""
        self.stdout.write(text if text.endswith("\n") else f"{text}\n")

    def results(self, lines: Iterable[str]) -> None:
        """Results, a line each: written at once, for there may be thousands."""
        self.stdout.write("\n".join([*lines, ""]))

    def json_result(self, value: Any) -> None:
        """The one JSON object."""
        self.stdout.write(self.json_text(value))

    def json_line(self, value: Any) -> None:
        """One of several JSON objects, on a line of its own."""
        self.stdout.write(json_of(value) + "\n")

    @staticmethod
    def json_text(value: Any) -> str:
        """The object as it is written."""
        return json_of(value, indent=2) + "\n"

    def note(self, text: str) -> None:
        """Something the user may want to know, on stderr."""
        if not self.quiet:
            self.stderr.write(text if text.endswith("\n") else f"{text}\n")
            self.stderr.flush()


def json_of(value: Any, *, indent: int | None = None) -> str:
    """JSON that is UTF-8 whatever names of files it holds: a byte of one that is not is escaped as Python has it (os.fsdecode)."""
    from json import dumps  # noqa: PLC0415 - only for --json

    text = dumps(value, indent=indent, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return dumps(value, indent=indent)
    return text


def wants_color(choice: str, environment: Mapping[str, str], *, terminal: bool) -> bool:
    """Whether to colour: the flag, else NO_COLOR, else FORCE_COLOR or CLICOLOR_FORCE, else a terminal that is not dumb."""
    if choice in ("always", "never"):
        return choice == "always"
    if environment.get("NO_COLOR"):
        return False
    if any(environment.get(name, "") not in ("", "0") for name in ("FORCE_COLOR", "CLICOLOR_FORCE")):
        return True
    return terminal and environment.get("TERM") not in (None, "", "dumb")


def in_ci(environment: Mapping[str, str]) -> bool:
    """Whether a continuous integration system watches: CI is set, and not to a kind of no."""
    return environment.get("CI", "").lower() not in ("", "0", "false")
