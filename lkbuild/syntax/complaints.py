"""libyaml's complaints in words that a user of BUILD.yaml knows, at the place where the mistake is.

libyaml says what its grammar missed ("did not find expected key"), often a line after the cause. This module knows those messages
and nothing else; one that it does not know becomes a plain "not valid YAML" at libyaml's place.
"""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

from lkbuild.base.errors import LoadError
from lkbuild.syntax.source import Source, Spot

_QUOTE: Final = "put the text in quotes"
#: How deep a BUILD.yaml may be nested. libyaml has a limit of its own, and meets it first where it scans ahead.
MAX_DEPTH: Final = 100
TOO_DEEP: Final = (f"nested deeper than {MAX_DEPTH} levels", "is a bracket not closed?")
_INDENT: Final = "check the indentation: keys of one mapping start in one column"


class _Complaint(NamedTuple):
    """What a message of libyaml means. `at_start`: the mistake is where the construct began, not where libyaml noticed it."""

    problem: str
    context: str
    message: str
    hint: str
    at_start: bool = False


_KNOWN: Final = (
    _Complaint("exceeded maximum nesting depth", "", *TOO_DEEP),
    _Complaint("mapping values are not allowed", "", "a ':' is not expected here", f"{_QUOTE} if it holds ': '; else {_INDENT}"),
    _Complaint("unexpected end of stream", "quoted", "the quote that opens here is never closed", "close it", at_start=True),
    _Complaint(
        "unexpected document indicator", "quoted", "the quote that opens here is not closed before '---'", "close it", at_start=True
    ),
    _Complaint("unknown escape", "", "unknown escape in double quotes", "write \\\\ for a backslash, or use single quotes"),
    _Complaint("did not find expected hexdecimal", "", "this escape needs hexadecimal digits", "write \\x41, \\u00e9 or \\U0001F600"),
    _Complaint("',' or ']'", "", "expected ',' or ']' in the list", "separate items by commas and close the bracket"),
    _Complaint("',' or '}'", "", "expected ',' or '}' in the mapping", "separate entries by commas and close the brace"),
    _Complaint(
        "expected '-' indicator", "", "a list goes on here without '-'", "start each item with '- '; a list can't be mixed with keys"
    ),
    _Complaint("did not find expected key", "", "this line does not fit the mapping around it", _INDENT),
    _Complaint("could not find expected ':'", "", "a key without ':'", "write name: value", at_start=True),
    _Complaint(
        "did not find expected node content", "", "a value is missing here", f"write one; {_QUOTE} if it starts with a special character"
    ),
    _Complaint("undefined tag handle", "", "tags ('!name') are not supported", f"write the value itself; {_QUOTE} if it starts with '!'"),
    _Complaint("", "tag", "tags ('!name') are not supported", f"write the value itself; {_QUOTE} if it starts with '!'"),
    _Complaint("", "anchor", "anchors ('&name') are not supported", f"write the value out; {_QUOTE} if it starts with '&'"),
    _Complaint("", "alias", "aliases ('*name') are not supported", f"write the value out; {_QUOTE} if it starts with '*'"),
    _Complaint("", "block scalar", "the text block does not start right", "write | or > and the text on the next lines, indented"),
    _Complaint("", "directive", "a '%' directive is not supported", f"take it out; {_QUOTE} if it is a value"),
    _Complaint("incompatible YAML document", "", "a '%' directive is not supported", "take it out"),
    _Complaint("block sequence entries are not allowed", "", "a '- ' is not expected here", "start the list on its own line below the key"),
    _Complaint("mapping keys are not allowed", "", "a key is not expected here", _INDENT),
    _Complaint("expected <document start>", "", "a new document starts here", "a BUILD.yaml is one document; take it out"),
)


def translate(source: Source, error: Any, open_bracket: Spot | None) -> LoadError:
    """Our error for a `yaml.YAMLError` (the C loader's: it may lack any of its parts), given the innermost bracket that is open."""
    problem, context = getattr(error, "problem", None) or "", getattr(error, "context", None) or ""
    noticed, began = _spot(error, "problem_mark"), _spot(error, "context_mark")
    spot = noticed or began or (0, 0)
    if "cannot start any token" in problem or "tab" in problem:
        return _bad_start(source, spot)
    if open_bracket is not None and "quoted" not in context and _at_end(source, spot):
        return source.error(open_bracket, "what opens here is never closed", "close it with ] or }")
    found = _tab_indent(source, spot) or _bare_label(source, spot) or _bare_colon(source, spot)
    if found is not None:
        return found
    for known in _KNOWN:
        if known.problem in problem and known.context in context:
            return _known(source, known, spot, began)
    return source.error(spot, "this is not valid YAML", _INDENT)


def _known(source: Source, known: _Complaint, spot: Spot, began: Spot | None) -> LoadError:
    if began is None or began == spot:
        return source.error(_within(source, spot), known.message, known.hint)
    if known.at_start:
        return source.error(began, known.message, known.hint)
    return source.error(spot, known.message, known.hint, related=((began, "it begins here"),))


def _bad_start(source: Source, spot: Spot) -> LoadError:
    """A character that can't start a value: a tab, or one that YAML reserves."""
    line = source.lines[spot[0]] if spot[0] < len(source.lines) else ""
    tabbed = _tab_indent(source, spot)
    if tabbed is not None:
        return tabbed
    found = line[spot[1] : spot[1] + 1]
    if found == "\t":
        return source.error(spot, "a tab can't stand here", "use spaces")
    return source.error(spot, f"a value can't start with '{found}'", _QUOTE)


def _tab_indent(source: Source, spot: Spot) -> LoadError | None:
    line = source.lines[spot[0]] if spot[0] < len(source.lines) else ""
    match = re.match(r" *\t", line)
    if not match or spot[1] > len(line) - len(line.lstrip()):
        return None
    return source.error((spot[0], match.end() - 1), "a tab can't indent", "use spaces")


def _bare_label(source: Source, spot: Spot) -> LoadError | None:
    """`[:name]`: plain text in YAML 1.2, but libyaml still reads the ':' of YAML 1.1 there."""
    line = source.lines[spot[0]] if spot[0] < len(source.lines) else ""
    match = re.match(r":[^\s,\]}]+", line[spot[1] :])
    if not match:
        return None
    return source.error(spot, f"'{match.group()}' needs quotes inside brackets", f'write "{match.group()}"')


def _bare_colon(source: Source, spot: Spot) -> LoadError | None:
    line = source.lines[spot[0]] if spot[0] < len(source.lines) else ""
    if line[: spot[1]].strip() or not line[spot[1] :].startswith(":"):
        return None
    return source.error(spot, "a key is missing before ':'", "write name: value")


def _at_end(source: Source, spot: Spot) -> bool:
    """Whether nothing but space and comments follows."""
    rest = (source.lines[spot[0]][spot[1] :], *source.lines[spot[0] + 1 :]) if spot[0] < len(source.lines) else ()
    return all(not line.strip() or line.lstrip().startswith("#") for line in rest)


def _within(source: Source, spot: Spot) -> Spot:
    """The place itself, or the end of the last line that holds text where libyaml points behind the end."""
    line, column = spot
    while line > 0 and (line >= len(source.lines) or not source.lines[line].strip()):
        line -= 1
        column = len(source.lines[line].rstrip())
    return line, column


def _spot(error: Any, name: str) -> Spot | None:
    mark = getattr(error, name, None)
    return (mark.line, mark.column) if mark is not None else None
