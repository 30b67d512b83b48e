"""Use case: a BUILD.yaml from LinuxKit's files. Text is kept where the loader finds in it what LinuxKit does, else written anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from lkbuild.analysis.load_rules import RuleRegistry
from lkbuild.app.linuxkit.inputs import STDIN, read_config, source_of
from lkbuild.base.atomic import write_atomic
from lkbuild.base.errors import LkbuildError, LoadError, UsageError
from lkbuild.base.values import dataclass
from lkbuild.linuxkit.config import Config, Warned
from lkbuild.linuxkit.convert import Section, build_file, moved, rewritten, sections
from lkbuild.linuxkit.metadata import plain, plain_value
from lkbuild.linuxkit.specs import warnings
from lkbuild.loading.buildfile import Rules, package_of
from lkbuild.loading.buildfile import sections as build_sections
from lkbuild.loading.coerce import Scope
from lkbuild.loading.disk import DiskFiles
from lkbuild.loading.listing import BUILD_FILE
from lkbuild.loading.root import find_workspace
from lkbuild.model.references import expand
from lkbuild.syntax.parser import parse

_HOME: Final = "~/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """What was written, and where; sections that lost their comments; what to tell the user."""

    path: Path
    text: str
    anew: tuple[str, ...]
    warnings: tuple[Warned, ...]


def convert(files: Sequence[str], *, name: str, layout: str, cwd: Path, environment: Mapping[str, str], dry_run: bool = False) -> Converted:
    """Write BUILD.yaml in the current folder, where there is none yet. Raises LkbuildError."""
    if STDIN in files:
        raise UsageError("standard input can't be converted", hint="a BUILD.yaml is made from files: name one")
    path = cwd / BUILD_FILE
    if path.exists() and not dry_run:
        raise UsageError(f"there is a {BUILD_FILE} already", hint="--dry-run prints what would be written")
    config = read_config(files, cwd, environment)
    wanted, sources = _wanted(config, cwd)
    parts: dict[str, list[Section]] = {}
    for file in files:
        for part in sections((cwd / file).read_bytes(), file):
            parts.setdefault(part.name, []).append(part)
    target = _Target(cwd, name, layout, sources, _head(files, cwd))
    texts: dict[str, str] = {}
    anew = []
    for section in sorted(wanted, key=lambda found: list(parts).index(found) if found in parts else len(parts)):
        text = moved(parts[section]) if section in parts else None
        if text is None or target.values({section: text}).get(section) != wanted[section]:
            text = rewritten(section, wanted[section])
            anew.append(section)
        texts[section] = text
    if target.values(texts) != wanted:
        raise LoadError("this configuration has no form in a BUILD.yaml", hint="name its files: srcs: [linuxkit.yml]")
    if not dry_run:
        write_atomic(path, target.text(texts).encode())
    return Converted(path=path, text=target.text(texts), anew=tuple(anew), warnings=tuple(warnings(config)))


def _wanted(config: Config, cwd: Path) -> tuple[dict[str, Any], list[str]]:
    """What the sections must say, and the files that they name as sources, both as seen from the current folder."""
    wanted, sources = plain(config), []
    for index, part in enumerate(config.files):
        found = source_of(part, cwd) if part.get("source") else None
        if found is None or part.get("source").startswith(_HOME):
            continue
        if not found.resolve().is_relative_to(cwd.resolve()):
            raise part.places.error(("source",), f"'{part.get('source')}' lies outside of this folder", "convert in a folder above both")
        inside = found.resolve().relative_to(cwd.resolve()).as_posix()
        sources.append(inside)
        if (cwd / part.places.file).parent.resolve() != cwd.resolve():
            wanted["files"][index]["source"] = inside
    return wanted, sorted(set(sources))


def _head(files: Sequence[str], cwd: Path) -> list[str]:
    head = [f"# Made from {', '.join(files)} by `lkbuild linuxkit convert`; `lkbuild lock update` makes oci.lock."]
    try:
        find_workspace(cwd)
    except LkbuildError:
        return [*head, "workspace: {name: linuxkit}", ""]
    return head


class _Target:
    """A BUILD.yaml that is being made, read as the loader reads it."""

    def __init__(self, cwd: Path, name: str, layout: str, sources: Sequence[str], head: Sequence[str]) -> None:
        self._files = DiskFiles(cwd)
        registry = RuleRegistry.of_workspace(cwd)
        self._rules = Rules(registry.get, registry.names)
        self._name = name
        self._layout = layout
        self._sources = sources
        self._head = head

    def text(self, texts: Mapping[str, str]) -> str:
        """The file with these sections."""
        return build_file(self._head, self._name, texts, layout=self._layout, sources=self._sources)

    def values(self, texts: Mapping[str, str]) -> dict[str, Any]:
        """What the loader finds in these sections, as LinuxKit has it; nothing where it refuses them."""
        try:
            source, root = parse(self.text(texts).encode(), BUILD_FILE)
            scope = Scope(source, "", self._files, frozenset())
            attrs = package_of(scope, build_sections(source, root, ""), self._rules).targets[self._name].attrs
        except LkbuildError:
            return {}
        return {section: _expanded(section, _without_none(plain_value(attrs[section]))) for section in texts if attrs.get(section)}


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_none(item) for name, item in value.items() if item is not None}
    return [_without_none(item) for item in value] if isinstance(value, list) else value


def _expanded(section: str, value: Any) -> Any:
    """The references of a section with their hosts: two texts may name one image."""
    if section == "init":
        return [expand(item) for item in value]
    for item in [value] if isinstance(value, dict) else value:
        if item.get("image"):
            item["image"] = expand(item["image"])
    return value
