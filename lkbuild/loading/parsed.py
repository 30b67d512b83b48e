"""Packages remembered from one process to the next, so that of ten thousand targets only an edited BUILD.yaml is parsed again.

Making a package is a pure function of its BUILD.yaml, of the rules' declarations and of what `Files` answers. So an entry keeps those
answers beside the package, and is good as long as asking again gives the same. How an entry lies on the disk is not known here.

An entry has what it was made from, the outline, and pickles of each attribute's values and of the package, which are taken apart by who
asks for them. A query over a hundred thousand targets asks for none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from lkbuild.base.digest import Digest
from lkbuild.loading.listing import Entry, Files
from lkbuild.loading.outline import Outline, outline_of
from lkbuild.loading.remembered import Remembered, pickled, restored
from lkbuild.model.rule import Rule
from lkbuild.model.target import COMMON_ATTRS, Package

_Answers = dict[tuple[str, str], Any]


class LoadedPackage:
    """A package of which as much is made as was asked for."""

    def __init__(self, outline: Outline, package: Package | bytes, values: Mapping[str, bytes], asked: frozenset[str]) -> None:
        """`package`: as it is, or pickled, and then `values` has pickles of the values of each attribute. `asked`: see there."""
        self.outline = outline
        #: Paths of the directories and files, beside its BUILD.yaml, that it was made from.
        self.asked = asked
        self._package = package
        self._values = values

    @classmethod
    def of(cls, package: Package, rules: Callable[[str], Rule | None], asked: RecordingFiles) -> LoadedPackage:
        """That of a package that was just made."""
        return cls(outline_of(package, rules), package, {}, asked.paths())

    @property
    def package(self) -> Package:
        """All of it."""
        found = self._package
        if isinstance(found, bytes):
            found = self._package = cast("Package", restored(found))
        return found

    def values(self, attribute: str) -> list[Any]:
        """The values of an attribute, of each target in the order of the outline; None of one that has no such attribute."""
        if not isinstance(self._package, bytes):
            return _values(self._package, attribute)
        kept = self._values.get(attribute)
        return [None] * len(self.outline.names) if kept is None else restored(kept)

    def kept(self) -> tuple[Outline, bytes, Mapping[str, bytes]]:
        """What is written of it: the arguments that make it again."""
        own = dict.fromkeys(name for target in self.package.targets.values() for name in target.attrs)
        values = {name: pickled(_values(self.package, name)) for name in (*COMMON_ATTRS, *own)}
        return self.outline, pickled(self.package), values


def _values(package: Package, attribute: str) -> list[Any]:
    common = attribute in COMMON_ATTRS
    return [target.attrs.get(attribute, getattr(target, attribute) if common else None) for target in package.targets.values()]


class ParsedPackages:
    """Packages of one workspace."""

    def __init__(self, remembered: Remembered, find: Callable[[str], Rule | None]) -> None:
        """`find`: a rule by its name."""
        self._remembered = remembered
        self._find = find
        self._declared: dict[str, str] = {}

    def get(self, name: str, data: bytes, conditions: frozenset[str], files: Files) -> LoadedPackage | None:
        """The package that a BUILD.yaml of this content makes, or None where it is not known or something else has changed."""
        found = self._remembered.get(name, _key(data, conditions))
        if found is None:
            return None
        answers, rules, outline, package, values = found
        if not isinstance(outline, Outline) or outline.package != name:
            return None
        if any(self._declaration(rule) != declared for rule, declared in rules.items()):
            return None
        if any(_ask(files, *question) != answer for question, answer in answers.items()):
            return None
        return LoadedPackage(outline, package, values, frozenset(path for _, path in answers))

    def put(self, loaded: LoadedPackage, data: bytes, conditions: frozenset[str], asked: RecordingFiles) -> None:
        """Keep a package. A disk that refuses costs time, not correctness."""
        outline = loaded.outline
        rules = {rule: self._declaration(rule) for rule in dict.fromkeys(outline.rules)}
        self._remembered.put(outline.package, _key(data, conditions), (asked.answers, rules, *loaded.kept()))

    def _declaration(self, name: str) -> str:
        """What a rule says of its attributes and dependencies, as a digest: all of it is text, numbers and values of these."""
        found = self._declared.get(name)
        if found is None:
            rule = self._find(name)
            text = repr((rule.attrs, rule.test, rule.implicit)) if rule is not None else ""
            found = self._declared[name] = Digest.of(text.encode("utf-8", "surrogateescape")).hash
        return found


class RecordingFiles:
    """`Files` that remembers what it was asked and what it answered."""

    def __init__(self, files: Files) -> None:
        """Answers come from `files`."""
        self._files = files
        self.answers: _Answers = {}

    def paths(self) -> frozenset[str]:
        """What it was asked about."""
        return frozenset(path for _, path in self.answers)

    def entries(self, directory: str) -> Mapping[str, Entry] | None:
        """See `Files`."""
        found = self._files.entries(directory)
        if ("entries", directory) not in self.answers:  # each source of a package asks, and is told the same
            self.answers["entries", directory] = _names(found)
        return found

    def read(self, path: str, limit: int) -> bytes | None:
        """See `Files`."""
        found = self._files.read(path, limit)
        self.answers[f"read {limit}", path] = _digest(found)
        return found

    def skipped(self, directory: str) -> bool:
        """See `Files`."""
        found = self.answers["skipped", directory] = self._files.skipped(directory)
        return found


def _ask(files: Files, question: str, path: str) -> Any:
    if question == "entries":
        return _names(files.entries(path))
    if question == "skipped":
        return files.skipped(path)
    return _digest(files.read(path, int(question.removeprefix("read "))))


def _names(entries: Mapping[str, Entry] | None) -> dict[str, str] | None:
    return None if entries is None else {name: entry.value for name, entry in entries.items()}


def _digest(data: bytes | None) -> str | None:
    return None if data is None else Digest.of(data).hash


def _key(data: bytes, conditions: frozenset[str]) -> tuple[object, ...]:
    return Digest.of(data).hash, tuple(sorted(conditions))
