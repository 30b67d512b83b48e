"""The language of queries: Bazel's, in the parts that a workspace of one repository needs.

    EXPR := PATTERN | FUNCTION(ARGUMENT, ...) | (EXPR) | EXPR + EXPR | EXPR ^ EXPR | EXPR - EXPR      (also union, intersect, except)
    deps(X[, depth])  rdeps(UNIVERSE, X[, depth])  somepath(A, B)  allpaths(A, B)  kind(REGEX, X)  attr(NAME, REGEX, X)  filter(REGEX, X)

All operators bind equally, from the left, as in Bazel. Labels are text, as `str` gives them. Does not know where targets come
from: `World` does.
"""

from __future__ import annotations

import re
from typing import Final, Protocol, TypeAlias

from lkbuild.base.errors import UsageError, nearest
from lkbuild.base.label import short_text
from lkbuild.base.values import dataclass
from lkbuild.graph.targets import TargetGraph

_TOKEN: Final = re.compile(r"\s*(?:(?P<quoted>\"[^\"]*\"|'[^']*')|(?P<mark>[(),+^])|(?P<word>[^\s(),+^\"']+))")
_OPERATORS: Final = {"+": "union", "union": "union", "^": "intersect", "intersect": "intersect", "-": "except", "except": "except"}
#: Arguments of each function: e an expression, w a word, n a number that may be left out.
_FUNCTIONS: Final = {
    "deps": "en",
    "rdeps": "een",
    "somepath": "ee",
    "allpaths": "ee",
    "kind": "we",
    "attr": "wwe",
    "filter": "we",
}


class World(Protocol):
    """What an expression may ask of a workspace."""

    def pattern(self, text: str) -> frozenset[str]:
        """The labels that a pattern selects."""
        ...

    def kind(self, label: str) -> str:
        """The rule of a target."""
        ...

    def attribute(self, label: str, name: str) -> str:
        """An attribute of a target as text."""
        ...

    def graph(self, labels: frozenset[str]) -> TargetGraph:
        """The graph of some targets and all that they need."""
        ...


@dataclass(frozen=True, slots=True)
class Call:
    """A function or an operator with its arguments."""

    name: str
    arguments: tuple[Expression, ...]


Expression: TypeAlias = "str | Call"


def parse(text: str) -> Expression:
    """Read an expression. Raises UsageError with a caret at what is wrong."""
    return _Parser(text).whole()


def evaluate(expression: Expression, world: World) -> frozenset[str]:
    """The labels that an expression means. Raises UsageError, LoadError."""
    if isinstance(expression, str):
        return world.pattern(expression)
    arguments = expression.arguments
    match expression.name:
        case "union":
            return _set(arguments[0], world) | _set(arguments[1], world)
        case "intersect":
            return _set(arguments[0], world) & _set(arguments[1], world)
        case "except":
            return _set(arguments[0], world) - _set(arguments[1], world)
        case "deps":
            roots = _set(arguments[0], world)
            return world.graph(roots).below(roots, _depth(arguments[1:]))
        case "rdeps":
            universe = _set(arguments[0], world)
            return world.graph(universe).above(_set(arguments[1], world), _depth(arguments[2:]))
        case "somepath":
            start = _set(arguments[0], world)
            return frozenset(world.graph(start).path(start, _set(arguments[1], world)))
        case "allpaths":
            start = _set(arguments[0], world)
            return world.graph(start).between(start, _set(arguments[1], world))
        case _:
            return _filtered(expression.name, arguments, world)


def _filtered(name: str, arguments: tuple[Expression, ...], world: World) -> frozenset[str]:
    *words, last = arguments
    found = _set(last, world)
    pattern = _regex(str(words[-1]))
    if name == "kind":
        return frozenset(label for label in found if pattern.search(world.kind(label)))
    if name == "attr":
        return frozenset(label for label in found if pattern.search(world.attribute(label, str(words[0]))))
    return frozenset(label for label in found if pattern.search(short_text(label)))


def _set(expression: Expression, world: World) -> frozenset[str]:
    return evaluate(expression, world)


def _depth(rest: tuple[Expression, ...]) -> int | None:
    return int(str(rest[0])) if rest else None


def _regex(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise UsageError(f"'{text}' is no regular expression: {error}") from error


class _Parser:
    """Recursive descent over tokens with their places."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = [*self._scan(), ("", len(text))]
        self._next = 0

    def whole(self) -> Expression:
        """The expression, and nothing after it."""
        found = self._chain()
        piece, place = self._tokens[self._next]
        if piece:
            raise self._error("expected an operator or the end", place)
        return found

    def _scan(self) -> list[tuple[str, int]]:
        found = []
        position = 0
        while self._text[position:].strip():
            match = _TOKEN.match(self._text, position)
            if match is None:
                raise self._error("this quote is not closed", position + len(self._text[position:]) - len(self._text[position:].lstrip()))
            found.append((match.group().strip(), match.end() - len(match.group().strip())))
            position = match.end()
        return found

    def _chain(self) -> Expression:
        left = self._term()
        while self._tokens[self._next][0] in _OPERATORS:
            operator = _OPERATORS[self._take()]
            left = Call(operator, (left, self._term()))
        return left

    def _term(self) -> Expression:
        piece, place = self._tokens[self._next]
        if piece == "(":
            self._take()
            inner = self._chain()
            self._expect(")")
            return inner
        if not piece or piece in "),+^":
            raise self._error("expected a pattern, a function or (", place)
        self._take()
        if self._tokens[self._next][0] != "(" or piece[0] in "\"'":
            return piece.strip("\"'")
        if piece not in _FUNCTIONS:
            raise self._error(f"no function '{piece}'", place, nearest(piece, _FUNCTIONS) or f"there are: {', '.join(_FUNCTIONS)}")
        return self._call(piece, place)

    def _call(self, name: str, place: int) -> Call:
        self._expect("(")
        arguments: list[Expression] = []
        for index, kind in enumerate(_FUNCTIONS[name]):
            if kind == "n" and self._tokens[self._next][0] == ")":
                break
            if index:
                self._expect(",", "',' or ')'" if kind == "n" else "','")
            arguments.append(self._chain() if kind == "e" else self._word(kind))
        if self._tokens[self._next][0] != ")":
            raise self._error(f"{name} takes {len(_FUNCTIONS[name])} arguments", place)
        self._take()
        return Call(name, tuple(arguments))

    def _word(self, kind: str) -> str:
        piece, place = self._tokens[self._next]
        word = piece.strip("\"'")
        if not piece or piece in "(),+^" or (kind == "n" and not word.isdecimal()):
            raise self._error("expected a number" if kind == "n" else "expected a word", place)
        self._take()
        return word

    def _take(self) -> str:
        self._next += 1
        return self._tokens[self._next - 1][0]

    def _expect(self, mark: str, wording: str = "") -> None:
        piece, place = self._tokens[self._next]
        if piece != mark:
            raise self._error(f"expected {wording or repr(mark)}", place)
        self._take()

    def _error(self, message: str, place: int, hint: str | None = None) -> UsageError:
        return UsageError(f"query: {message}", hint=hint, detail=f"{self._text}\n{' ' * place}^")
