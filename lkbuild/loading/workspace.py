"""The workspace: packages and targets by name, loaded when asked for and kept in memory; patterns to labels.

Reads directories through `DiskFiles`, and BUILD.yaml by the pure modules beside it. Does not know how rules are found, nor what the
graph is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from lkbuild import __version__
from lkbuild.base.checkpoint import Checkpoint, onward
from lkbuild.base.digest import Digest
from lkbuild.base.errors import LoadError, Position, nearest
from lkbuild.base.label import Label, Pattern
from lkbuild.loading.buildfile import Rules, package_of, sections
from lkbuild.loading.coerce import Scope
from lkbuild.loading.disk import Answer, DiskFiles
from lkbuild.loading.listing import BUILD_FILE, Entry, is_package, join
from lkbuild.loading.outline import Outline
from lkbuild.loading.parsed import LoadedPackage, ParsedPackages, RecordingFiles
from lkbuild.loading.remembered import Remembered
from lkbuild.loading.root import find_workspace
from lkbuild.loading.settings import conditions, workspace_of
from lkbuild.loading.several import Gathering
from lkbuild.loading.sources import locate
from lkbuild.model.rule import Rule
from lkbuild.model.target import Package, Target, Workspace
from lkbuild.syntax.nodes import MAX_BYTES, Fields
from lkbuild.syntax.source import Source

__all__ = ["WorkspaceLoader", "find_workspace"]

#: The workspace's own entry among the packages that are remembered: no package has such a name.
_SECTION: Final = "//"


class WorkspaceLoader:
    """Loads a workspace. What was loaded stays as it was: make a new loader to see a change on disk."""

    def __init__(
        self,
        root: Path,
        rules: Callable[[str], Rule | None],
        rule_names: Callable[[], Iterable[str]],
        *,
        parsed: Path | None = None,
    ) -> None:
        """Make one.

        Args:
            root: a directory as `find_workspace` gives it.
            rules: finds a rule by name.
            rule_names: names all of them.
            parsed: a folder of the user's where packages are remembered for the next process.
        """
        self.root = root
        self._rules = Rules(rules, rule_names)
        self._files = DiskFiles(root)
        self._packages: dict[str, LoadedPackage | LoadError] = {}
        self._remembered = Remembered(parsed) if parsed else None
        self._parsed = ParsedPackages(self._remembered, rules) if self._remembered else None

    # -- loading --------------------------------------------------------------------------------------------------------

    @cached_property
    def workspace(self) -> Workspace:
        """The `workspace:` section. Raises LoadError."""
        data = self._read("")
        key = Digest.of(data).hash
        workspace = self._remembered.get(_SECTION, key) if self._remembered else None
        if not isinstance(workspace, Workspace):
            workspace = workspace_of(*self._root, self._files, __version__)
            if self._remembered:
                self._remembered.put(_SECTION, key, workspace)
        self._files.ignore = frozenset(workspace.ignore)
        return workspace

    @cached_property
    def declared(self) -> bool:
        """Whether there is a BUILD.yaml at the root: a LinuxKit configuration is built without one."""
        return self._files.read(BUILD_FILE, MAX_BYTES) is not None

    @cached_property
    def _root(self) -> tuple[Source, Fields]:
        return _parse("", self._read(""))

    @cached_property
    def _conditions(self) -> frozenset[str]:
        return conditions(self.workspace.settings)

    def skipped(self, directory: str) -> bool:
        """Whether wildcards leave a directory out. Raises LoadError where the `workspace:` section does not say."""
        return bool(self.workspace) and self._files.skipped(directory)

    def package(self, name: str, referrer: Position | None = None) -> Package:
        """The package in a directory ("" is the root).

        Raises:
            LoadError: there is none (at `referrer`, where its name was written), or its BUILD.yaml is wrong.
        """
        return self._loaded(name, referrer).package

    def outline(self, name: str, referrer: Position | None = None) -> Outline:
        """What queries ask of a package: no target of it is made where it is remembered. Raises LoadError like `package`."""
        return self._loaded(name, referrer).outline

    def values(self, name: str, attribute: str) -> list[Any]:
        """The values of an attribute of a package's targets, in the order of its outline. Raises LoadError like `package`."""
        return self._loaded(name).values(attribute)

    def _loaded(self, name: str, referrer: Position | None = None) -> LoadedPackage:
        found = self._packages.get(name)
        if found is None:
            self._check_package(name, referrer)
            try:
                found = self._load(name, referrer)
            except LoadError as error:
                found = error
            self._packages[name] = found
        if isinstance(found, LoadError):
            raise found
        return found

    def looked_at(self) -> Iterator[str]:
        """Workspace-relative paths of all directories and files that answers so far depend on; some may not exist."""
        return self._files.looked_at()

    def answers(self) -> dict[str, Answer]:
        """What the disk answered about each of these paths: `lkbuild.loading.disk.answer_of` asks again."""
        return self._files.answers()

    def loaded(self) -> dict[str, LoadedPackage]:
        """The packages that were loaded without an error so far, by name."""
        return {name: found for name, found in self._packages.items() if isinstance(found, LoadedPackage)}

    def knows(self, path: str) -> bool:
        """Whether answers so far depend on a workspace-relative path."""
        return self._files.knows(path)

    def stats(self) -> dict[str, tuple[int, ...]]:
        """What stat said of each of these paths before it was read; nothing of what was not there."""
        return self._files.stats()

    def differs(self, path: str) -> bool:
        """Whether a workspace-relative path is one that answers so far depend on, and no longer what it was."""
        return self._files.differs(path)

    def _load(self, name: str, referrer: Position | None) -> LoadedPackage:
        known = self._conditions
        data = self._read(name, referrer)
        found = self._parsed.get(name, data, known, self._files) if self._parsed else None
        if found is not None:
            return found
        source, root = _parse(name, data) if name else self._root
        recording = RecordingFiles(self._files)
        loaded = LoadedPackage.of(package_of(Scope(source, name, recording, known), root, self._rules), self._rules.find, recording)
        if self._parsed:
            self._parsed.put(loaded, data, known, recording)
        return loaded

    def _read(self, package: str, referrer: Position | None = None) -> bytes:
        data = self._files.read(join(package, BUILD_FILE), MAX_BYTES)
        if data is None:
            raise LoadError(f"no BUILD.yaml in '{package or self.root}'", position=referrer, hint="create it, or correct the name")
        return data

    def _check_package(self, name: str, referrer: Position | None) -> None:
        """Refuse what is no package directory: one that does not exist, is ignored, or is reached by a link."""
        self._check_directory(name, referrer)
        if name and BUILD_FILE not in (self._files.entries(name) or {}):
            raise self._no_package(name, referrer)

    def _check_directory(self, name: str, referrer: Position | None) -> None:
        _ = self.workspace  # its `ignore` counts
        directory = ""
        for segment in name.split("/") if name else ():
            entry = (self._files.entries(directory) or {}).get(segment)
            below = join(directory, segment)
            if entry is Entry.LINKED_DIRECTORY:
                raise LoadError(f"'{below}' is a symbolic link", position=referrer, hint="name the package by its real path")
            if entry is not Entry.DIRECTORY:
                raise self._no_package(name, referrer)
            if self._files.skipped(below):
                hint = "outputs, caches, hidden directories and what ignore: in the root BUILD.yaml lists hold none"
                raise LoadError(f"'{below}' holds no packages", position=referrer, hint=hint)
            directory = below

    def _no_package(self, name: str, referrer: Position | None) -> LoadError:
        parent, _, last = name.rpartition("/")
        try:
            if last in self._targets_of(parent):
                return LoadError(f"no package '{name}'", position=referrer, hint=f"did you mean '//{parent}:{last}'?")
            below = next(self.packages(name), None)
            hint = nearest(name, self.packages()) if below is None else f"there are packages below it: '//{name}/...', '//{below}'"
        except LoadError:  # what lies on the way is broken too: say what was asked about
            hint = None
        return LoadError(f"no package '{name}'", position=referrer, hint=hint or f"a package is a directory with a {BUILD_FILE}")

    def _targets_of(self, name: str) -> Iterable[str]:
        return self.package(name).targets if is_package(self._files, name) else ()

    # -- targets --------------------------------------------------------------------------------------------------------

    def target(self, label: Label, referrer: Position | None = None) -> Target:
        """The target of a label. Raises LoadError, for one that does not exist at `referrer` and with the nearest name."""
        found = self.package(label.package, referrer).targets.get(label.name)
        if found is None:
            raise self._no_target(label, referrer)
        return found

    def _no_target(self, label: Label, referrer: Position | None) -> LoadError:
        names = self.package(label.package).targets
        hint = nearest(label.name, names) or (f"it has: {', '.join(list(names)[:12])}" if names else "it has no targets")
        if locate(self._files, label.package, label.name) is None:
            own = referrer is not None and referrer.file == join(label.package, BUILD_FILE)
            what = "write it without the colon" if own else "others get files from a target that lists them, such as a filegroup"
            hint = f"'{label.name}' is a file of it: {what}; {hint}"
        return LoadError(f"no target '{label.name}' in package '//{label.package}'", position=referrer, hint=hint, label=str(label))

    def resolve(self, label: Label, referrer: Position | None = None) -> tuple[Label, str | None]:
        """A target and, where the label names one of its outputs (`//images:desktop.iso`), the output group `iso`.

        `//pkg/x.oci` is short for `//pkg/x:x.oci`, as `//pkg/x` is for `//pkg/x:x`. A target of exactly that name comes first, then
        the longest name that is one. Raises LoadError where there is neither.
        """
        label = self._long(label)
        targets = self.package(label.package, referrer).targets
        if label.name in targets:
            return label, None
        name, dot, group = label.name.rpartition(".")
        while dot:
            if name in targets and group:
                return Label(label.package, name), label.name[len(name) + 1 :]
            name, dot, group = name.rpartition(".")
        raise self._no_target(label, referrer)

    def _long(self, label: Label) -> Label:
        """The label with its package, where the short form named a package and an output of the target of its name."""
        folder, _, last = label.package.rpartition("/")
        name, dot, _ = last.rpartition(".")
        while dot and name and last == label.name and not is_package(self._files, label.package):
            if is_package(self._files, join(folder, name)):
                return Label(join(folder, name), label.name)
            name, dot, _ = name.rpartition(".")
        return label

    # -- patterns -------------------------------------------------------------------------------------------------------

    def packages(self, below: str = "", checkpoint: Checkpoint = onward) -> Iterator[str]:
        """Names of the packages at and below a directory, sorted by path; links are not followed. Raises LoadError."""
        checkpoint()
        _ = self.workspace
        entries = self._files.entries(below) or {}
        if BUILD_FILE in entries:
            yield below
        for name, entry in entries.items():
            directory = join(below, name)
            if entry is Entry.DIRECTORY and not self._files.skipped(directory):
                yield from self.packages(directory, checkpoint)

    def expand(self, patterns: Sequence[Pattern], checkpoint: Checkpoint = onward) -> tuple[Label, ...]:
        """The labels that patterns select, in order; `-x` takes away what earlier ones selected, wildcards leave `manual` out.

        A single label stays as it is written, so it may name an output of a target (see `resolve`). A checkpoint stands before each
        directory that is looked into and each package that is loaded.
        Raises LoadError for a pattern that selects nothing, and for all packages that are wrong at once.
        """
        selected: dict[Label, None] = {}
        wrong = Gathering()
        for pattern in patterns:
            with wrong.going_on():
                if pattern.negative:
                    self._subtract(pattern, selected)
                else:
                    selected.update(dict.fromkeys(self._select(pattern, checkpoint)))
        wrong.tell()
        return tuple(selected)

    def _select(self, pattern: Pattern, checkpoint: Checkpoint) -> list[Label]:
        label = pattern.label
        if label is not None:
            self.resolve(label)
            return [label]
        return [Label(outline.package, name) for outline in self.outlines(pattern, checkpoint) for name in outline.wild()]

    def outlines(self, pattern: Pattern, checkpoint: Checkpoint = onward) -> list[Outline]:
        """The outlines of the packages that a wildcard means. Raises LoadError where it selects no target, or of all that are wrong."""
        self._check_directory(pattern.package, None)
        names = list(self.packages(pattern.package, checkpoint)) if pattern.recursive else [pattern.package]
        if not names:
            hint = self._no_package(pattern.package, None).hint
            raise LoadError(f"no package matches '{pattern}'", hint=hint)
        found: list[Outline] = []
        wrong = Gathering()
        for name in names:
            checkpoint()
            with wrong.going_on():
                found.append(self.outline(name))
        wrong.tell()
        if not any(outline.wild() for outline in found):
            manual = any(outline.names for outline in found)
            hint = "those that it matches are manual: name them one by one" if manual else "the packages that it matches have no targets"
            raise LoadError(f"'{pattern}' selects no target", hint=hint)
        return found

    def _subtract(self, pattern: Pattern, selected: dict[Label, None]) -> None:
        if pattern.label is not None:
            self.resolve(pattern.label)
        elif not pattern.recursive:
            self.package(pattern.package)
        for label in [label for label in selected if pattern.matches(label)]:
            del selected[label]


def _parse(package: str, data: bytes) -> tuple[Source, Fields]:
    """A BUILD.yaml as it is written, its sections checked. Raises LoadError."""
    from lkbuild.syntax.parser import parse  # noqa: PLC0415 - takes 15 ms to import, and what is remembered is not parsed

    source, root = parse(data, join(package, BUILD_FILE))
    return source, sections(source, root, package)
