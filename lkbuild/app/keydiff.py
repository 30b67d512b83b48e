"""Use case: two keys, or two builds, compared by their recorded manifests. The builds may be of two machines: a record is a file.

Builds nothing. What differs is told by `lkbuild.app.explanation`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from lkbuild.app.explanation import Change, Explainer
from lkbuild.app.history import SUFFIX, BuildRecord, Entry, History
from lkbuild.app.options import BuildOptions
from lkbuild.app.session import open_session
from lkbuild.app.why import stored
from lkbuild.base.errors import UsageError
from lkbuild.base.values import dataclass

_KEY: Final = re.compile(r"[0-9a-f]{6,64}\Z")
_INVOCATION: Final = re.compile(r"\d{8}(-\d.*)?\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherResult:
    """One action, of one key, that made other bytes in the two builds: it is not reproducible."""

    action: str
    path: str
    was: str | None
    now: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyDiff:
    """What differs.

    Attributes:
        was, now: what was compared: invocation ids, or actions with the beginning of their keys.
        changes: in the order of the build, so that the first is the first that differs.
        gone, added: actions that only one of two builds has.
        results: of actions that ran in both with one key.
    """

    was: str
    now: str
    changes: tuple[Change, ...]
    gone: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    results: tuple[OtherResult, ...] = ()

    @property
    def equal(self) -> bool:
        """Whether nothing differs."""
        return not (self.changes or self.gone or self.added or self.results)

    def to_json(self) -> dict[str, Any]:
        """The form of `--json`."""
        return {
            "was": self.was,
            "now": self.now,
            "equal": self.equal,
            "changes": [change.to_json() for change in self.changes],
            "gone": list(self.gone),
            "added": list(self.added),
            "results": [{"action": item.action, "path": item.path, "was": item.was, "now": item.now} for item in self.results],
        }


def diff(options: BuildOptions, was: str, now: str) -> KeyDiff:
    """Compare two keys, or two builds.

    Args:
        options: of the workspace whose builds are meant.
        was: a key or the beginning of one (of a recipe or an action), an invocation id or the beginning of one, or a record's path.
        now: the same; both must be keys, or both builds.

    Raises:
        UsageError: nothing recorded has that name, or several have.
    """
    with open_session(options) as session:
        history = History(session.state)
        one, other = (_find(history, options, text) for text in (was, now))
        explainer = Explainer(history, other[0], stored(session))
        if one[1] is None and other[1] is None:
            return _builds(explainer, one[0], other[0])
        if one[1] is None or other[1] is None:
            raise UsageError("a key can't be compared with a build", hint="give two keys, or two builds")
        changes = tuple(explainer.changes(one[0], one[1], other[1]))
        return KeyDiff(was=_named(one[1]), now=_named(other[1]), changes=changes, results=tuple(_results(one[1], other[1])))


def _find(history: History, options: BuildOptions, text: str) -> tuple[BuildRecord, Entry | None]:
    if "/" in text or text.endswith(SUFFIX):
        record = history.build(str(options.cwd / text))
        if record is None:
            raise UsageError(f"{text} is no record of a build", hint=f"records are files that end in {SUFFIX}, below {history.folder}")
        return record, None
    if _INVOCATION.match(text) and (record := history.build(text)) is not None:
        return record, None
    if _KEY.match(text):
        return _key(history, text)
    known = ", ".join(record.id for record in history.records())
    raise UsageError(f"no build '{text}' is recorded", hint=f"there are: {known}" if known else "build something first")


def _key(history: History, text: str) -> tuple[BuildRecord, Entry]:
    """The newest record of a key. One prefix may mean one key only, in whatever records."""
    found: dict[str, tuple[BuildRecord, Entry]] = {}
    for record in history.records():
        for entry in record.actions:
            if entry.recipe.startswith(text) or entry.key.startswith(text):
                found.setdefault(entry.recipe, (record, entry))
    if not found:
        raise UsageError(f"no recorded action has a key that begins with {text}", hint="`lkbuild build --json` prints keys")
    if len(found) > 1:
        raise UsageError(f"{len(found)} keys begin with {text}", hint=", ".join(_named(entry) for _, entry in found.values()))
    return next(iter(found.values()))


def _named(entry: Entry) -> str:
    return f"{entry.text} {entry.recipe[:16]}"


def _builds(explainer: Explainer, was: BuildRecord, now: BuildRecord) -> KeyDiff:
    changes: list[Change] = []
    results: list[OtherResult] = []
    for entry in now.actions:
        before = was.by_name.get(entry.name)
        if before is None:
            continue
        if before.recipe == entry.recipe:
            results += _results(before, entry)
        else:
            changes += explainer.own_changes(was, before, entry)
    return KeyDiff(
        was=was.id,
        now=now.id,
        changes=tuple(changes),
        gone=tuple(entry.text for entry in was.actions if entry.name not in now.by_name),
        added=tuple(entry.text for entry in now.actions if entry.name not in was.by_name),
        results=tuple(results),
    )


def _results(was: Entry, now: Entry) -> Iterator[OtherResult]:
    if was.recipe != now.recipe or not was.outputs or not now.outputs:
        return
    before, after = (dict(line.rpartition(" ")[::2] for line in entry.outputs.splitlines()) for entry in (was, now))
    for path in sorted({*before, *after}):
        if before.get(path) != after.get(path):
            yield OtherResult(action=now.text, path=path, was=before.get(path), now=after.get(path))
