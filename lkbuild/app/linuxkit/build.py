"""Use case: the image of a linuxkit.yml, without a BUILD.yaml: the targets that one would hold are made in memory.

The files are read, checked and merged first, so that errors stand at their places; their images are those of a lock, or are locked
against a layout. Then it is a build like any other, with the same actions and keys.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from lkbuild.analysis.analyzer import Analyzer
from lkbuild.analysis.load_rules import RuleRegistry
from lkbuild.app.executing import build_requested, plan
from lkbuild.app.linuxkit.inputs import ImagesFrom, read_config, source_of
from lkbuild.app.linuxkit.spec import check
from lkbuild.app.options import BuildOptions
from lkbuild.app.request import Requested
from lkbuild.app.selection import Selected, analyze, artifacts
from lkbuild.app.session import Loaded, host_arch, open_session
from lkbuild.base.errors import LoadError, Position
from lkbuild.base.label import Label
from lkbuild.base.values import dataclass
from lkbuild.linuxkit.config import Warned
from lkbuild.linuxkit.metadata import plain, written
from lkbuild.linuxkit.specs import warnings
from lkbuild.loading.defaults import default_of
from lkbuild.loading.workspace import WorkspaceLoader
from lkbuild.locks.kinds import KINDS
from lkbuild.model.artifact import SourceFile
from lkbuild.model.attrs import FrozenMap, Text
from lkbuild.model.configuration import Configuration, NodeKey
from lkbuild.model.events import BuildFinished, EventSink
from lkbuild.model.report import BuildReport
from lkbuild.model.target import Target

#: No image is called so: see the names that the command takes.
_LOCK: Final = Label("", "+lock")
_FILE: Final = "linuxkit.yml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A configuration that is ready to be built.

    Attributes:
        root: the folder below which all that it needs lies.
        text: the configuration, merged and resolved; sources relative to the root.
        sources: the files that it names, relative to the root.
        layout: the OCI layout, relative to the root; "" where images come from registries.
        images: the references that are named.
        lock: the images, resolved.
        warnings: what to tell the user.
    """

    root: Path
    text: str
    sources: tuple[str, ...]
    layout: str
    images: tuple[str, ...]
    lock: str
    warnings: tuple[Warned, ...]


def prepare(files: Sequence[str], *, images: ImagesFrom, arch: str | None, cwd: Path, environment: Mapping[str, str]) -> Prepared:
    """Read, check and merge the files, and resolve their images. Raises LkbuildError at what is wrong."""
    config = read_config(files, cwd, environment)
    check(config, images.known(arch or host_arch()), cwd)
    sources = {index: path for index, part in enumerate(config.files) if part.get("source") and (path := source_of(part, cwd)) is not None}
    layout = [images.layout.resolve()] if images.layout else []
    root = Path(os.path.commonpath([cwd.resolve(), *layout, *(path.resolve().parent for path in sources.values())]))
    merged = plain(config)
    for index, path in sources.items():
        merged["files"][index]["source"] = path.resolve().relative_to(root).as_posix()
    inside = layout[0].relative_to(root).as_posix() if layout else ""
    references = tuple(sorted({reference for reference, _ in config.references()}))
    return Prepared(
        root=root,
        text=written(merged, "yaml"),
        sources=tuple(dict.fromkeys(path.resolve().relative_to(root).as_posix() for path in sources.values())),
        layout=inside,
        images=references,
        lock=_lock(root, inside, references) if layout else images.lock_text(),
        warnings=tuple(warnings(config)),
    )


def build(options: BuildOptions, prepared: Prepared, name: str, sink: EventSink) -> BuildReport:
    """Build the image as the target `//:<name>`. Failures of actions are in the report."""
    started = time.monotonic()
    report: BuildReport | None = None
    options = replace(options, out=options.out or options.cwd / "lkbuild-out")
    try:
        with open_session(options, _loaded(prepared, name)) as session:
            configurations = [Configuration(arch=arch, exec_arch=host_arch(), settings=()) for arch in options.arches or (host_arch(),)]
            selected = tuple(Selected(NodeKey(Label("", name), configuration)) for configuration in configurations)
            analyses = analyze(session, selected)
            requested = tuple(Requested(item, artifacts(item, analyses)) for item in selected)
            if options.dry_run:
                report = plan(session, analyses, requested, sink, started)
            else:
                report = build_requested(session, analyses, requested, sink, started).report
            return report
    finally:
        sink.emit(BuildFinished(ok=report is not None and report.ok, seconds=time.monotonic() - started))


def _lock(root: Path, layout: str, named: Iterable[str]) -> str:
    def download(sources: tuple[str, ...], *, sha256: str | None, size: int | None, limit: int) -> bytes:
        del sha256, size
        with (root / sources[0].removeprefix("workspace:")).open("rb") as file:
            return file.read(limit)

    return KINDS["oci"].update(json.dumps({"layout": layout, "images": list(named)}), "", download)


def _loaded(prepared: Prepared, name: str) -> Loaded:
    """A workspace of two targets, with the rules that lkbuild brings along."""
    rules = RuleRegistry.of_workspace(prepared.root)
    position = Position(file=_FILE)
    data = tuple(SourceFile(path) for path in prepared.sources)
    image = {"srcs": (Text(_FILE, prepared.text),), "lock": _LOCK, "data": data}
    lock = {"layout": prepared.layout, "images": prepared.images, "lock": Text("linuxkit.lock", prepared.lock)}
    targets = {
        target.label: target
        for target in (
            _target(rules, Label("", name), "linuxkit_image", image, position),
            _target(rules, _LOCK, "oci_lock", lock, position),
        )
    }

    def find(label: Label, referrer: Position | None = None) -> Target:
        found = targets.get(label)
        if found is None:
            raise LoadError(f"there is no {label} without a BUILD.yaml", position=referrer)
        return found

    return Loaded(
        root=prepared.root,
        rules=rules,
        loader=WorkspaceLoader(prepared.root, rules.get, rules.names),
        analyzer=Analyzer(target=find, rule=rules.get, tool=rules.tool),
    )


def _target(rules: RuleRegistry, label: Label, rule: str, given: Mapping[str, Any], position: Position) -> Target:
    found = rules.get(rule)
    if found is None:
        raise LoadError(f"lkbuild is incomplete: there is no rule {rule}")
    attrs = FrozenMap({name: given[name] if name in given else default_of(attr) for name, attr in found.attrs.items()})
    return Target(label=label, rule=rule, attrs=attrs, position=position)
