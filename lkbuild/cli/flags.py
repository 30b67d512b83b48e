"""Flags: declared once, parsed from the command line and from LKBUILD_* variables, and shown in help.

Not argparse: importing it costs 10 ms of the 80 ms that a no-op build may take (design 13), and it knows neither variables nor
patterns that begin with a dash. This module does not know which flags exist, nor what they mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Final, TypeAlias

from lkbuild.base.errors import UsageError, nearest
from lkbuild.base.values import dataclass

#: What a switch may be in a variable.
TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"", "0", "false", "no", "off"})

Value: TypeAlias = bool | str | tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """A flag of a verb.

    Attributes:
        name: without dashes: `keep-going` is `--keep-going` and LKBUILD_KEEP_GOING.
        doc: one line of help.
        short: a single letter, or nothing.
        metavar: what its value is called; empty: a switch, which `--no-<name>` turns off again.
        repeatable: may stand several times; its variable holds a list separated by commas.
        choices: values it takes; empty: any.
    """

    name: str
    doc: str
    short: str = ""
    metavar: str = ""
    repeatable: bool = False
    choices: tuple[str, ...] = ()

    @property
    def variable(self) -> str:
        """The environment variable that stands for the flag where the command line does not have it."""
        return "LKBUILD_" + self.name.upper().replace("-", "_")


#: No number that a flag takes has more; and Python refuses to read one of thousands.
_DIGITS: Final = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """A parsed command line.

    Attributes:
        values: by flag name; what was given nowhere is absent.
        words: arguments that are no flags, in order (a pattern like `-//x` is a word).
        rest: what stands after `--`; None where no `--` stands.
        variables: for flags that a variable of the environment stood for, by name: that variable.
    """

    values: Mapping[str, Value] = field(default_factory=dict)
    words: tuple[str, ...] = ()
    rest: tuple[str, ...] | None = None
    variables: Mapping[str, str] = field(default_factory=dict)

    def switch(self, name: str) -> bool:
        """Whether a switch is on."""
        return self.values.get(name) is True

    def text(self, name: str) -> str | None:
        """A flag's value, or None where it was not given."""
        value = self.values.get(name)
        return value if isinstance(value, str) else None

    def texts(self, name: str) -> tuple[str, ...]:
        """The values of a repeatable flag, in order."""
        value = self.values.get(name)
        return value if isinstance(value, tuple) else ()

    def number(self, name: str) -> int | None:
        """A flag's value as a positive number. Raises UsageError where it is something else."""
        value = self.text(name)
        if value is None:
            return None
        if not (value.isascii() and value.isdecimal() and len(value) <= _DIGITS and int(value) > 0):
            what = self.variables.get(name, f"--{name}")
            raise UsageError(f"{what} takes a positive number of {_DIGITS} digits at most, not '{value}'")
        return int(value)


def parse(verb: str, flags: Sequence[Flag], arguments: Sequence[str], environment: Mapping[str, str]) -> Parsed:
    """Parse the arguments of a verb; where the command line does not have a flag, its variable counts.

    Raises:
        UsageError: a flag that the verb does not have, a value that is missing, superfluous or not among the choices.
    """
    return _Parser(verb, flags).parse(arguments, environment)


class _Parser:
    """One pass over the arguments."""

    def __init__(self, verb: str, flags: Sequence[Flag]) -> None:
        self._verb = verb
        self._long = {flag.name: flag for flag in flags}
        self._short = {flag.short: flag for flag in flags if flag.short}
        self._values: dict[str, Value] = {}
        self._queue: list[str] = []
        self._variables: dict[str, str] = {}

    def parse(self, arguments: Sequence[str], environment: Mapping[str, str]) -> Parsed:
        head, rest = _split_rest(arguments)
        words: list[str] = []
        self._queue = list(reversed(head))
        while self._queue:
            argument = self._queue.pop()
            if argument.startswith("--"):
                self._take_long(argument)
            elif _is_short(argument):
                self._take_short(argument)
            else:
                words.append(argument)
        self._take_environment(environment)
        return Parsed(values=self._values, words=tuple(words), rest=rest, variables=self._variables)

    def _take_long(self, argument: str) -> None:
        name, equals, value = argument[2:].partition("=")
        flag = self._long.get(name)
        if flag is None:
            positive = self._long.get(name.removeprefix("no-"))
            if name.startswith("no-") and positive is not None and not positive.metavar and not equals:
                self._values[positive.name] = False
                return
            raise self._unknown(f"--{name}")
        if flag.metavar:
            self._store(flag, value if equals else self._next(f"--{name}", flag), f"--{name}")
        elif equals:
            raise UsageError(f"--{name} takes no value", hint=f"write --{name} or --no-{name}")
        else:
            self._values[name] = True

    def _take_short(self, argument: str) -> None:
        letter, tail = argument[1], argument[2:]
        flag = self._short.get(letter)
        if flag is None:
            raise self._unknown(argument)
        if flag.metavar:
            self._store(flag, tail.removeprefix("=") or self._next(f"-{letter}", flag), f"-{letter}")
            return
        self._values[flag.name] = True
        if tail:
            self._queue.append(f"-{tail}")

    def _next(self, spelling: str, flag: Flag) -> str:
        if not self._queue:
            raise UsageError(f"{spelling} wants a value: {flag.metavar}", hint=flag.doc)
        return self._queue.pop()

    def _store(self, flag: Flag, value: str, spelling: str) -> None:
        if flag.choices and value not in flag.choices:
            raise UsageError(
                f"{spelling} does not take '{value}'", hint=nearest(value, flag.choices) or f"it takes: {', '.join(flag.choices)}"
            )
        if flag.repeatable:
            self._values[flag.name] = (*self._given(flag), value)
        else:
            self._values[flag.name] = value

    def _given(self, flag: Flag) -> tuple[str, ...]:
        value = self._values.get(flag.name, ())
        return value if isinstance(value, tuple) else ()

    def _take_environment(self, environment: Mapping[str, str]) -> None:
        for flag in self._long.values():
            text = environment.get(flag.variable)
            if text is None or flag.name in self._values:
                continue
            self._variables[flag.name] = flag.variable
            if not flag.metavar:
                self._values[flag.name] = _boolean(flag.variable, text)
            elif flag.repeatable:
                for part in text.split(","):
                    if part.strip():
                        self._store(flag, part.strip(), flag.variable)
            elif text:
                self._store(flag, text, flag.variable)

    def _unknown(self, spelling: str) -> UsageError:
        known = [f"--{name}" for name in self._long]
        hint = nearest(spelling, known) or f"`lkbuild help {self._verb}` lists its flags"
        return UsageError(f"`lkbuild {self._verb}` has no flag '{spelling}'", hint=hint)


def _split_rest(arguments: Sequence[str]) -> tuple[Sequence[str], tuple[str, ...] | None]:
    if "--" not in arguments:
        return arguments, None
    at = list(arguments).index("--")
    return arguments[:at], tuple(arguments[at + 1 :])


def _is_short(argument: str) -> bool:
    """`-k` is a flag; `-//x`, `-:x` and `-` are words."""
    return len(argument) > 1 and argument[0] == "-" and argument[1] not in "/:"


def _boolean(variable: str, text: str) -> bool:
    lowered = text.strip().lower()
    if lowered in TRUE:
        return True
    if lowered in _FALSE:
        return False
    raise UsageError(f"{variable} is a switch and can't be '{text}'", hint="use 1 or 0")
