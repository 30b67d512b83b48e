"""Use case: tell what lkbuild knows: the workspace, the store, the rules, the schema of BUILD.yaml. Reads only."""

from __future__ import annotations

from typing import Any, Final

from lkbuild import __version__
from lkbuild.analysis.load_rules import RuleRegistry, bundled_rules
from lkbuild.app.history import History
from lkbuild.app.options import BuildOptions
from lkbuild.app.session import open_session, state_folder
from lkbuild.app.trace import kept
from lkbuild.base.errors import UsageError
from lkbuild.loading.root import workspace_above
from lkbuild.loading.schema import json_schema
from lkbuild.model.rule import Rule
from lkbuild.store.disk import DiskStore
from lkbuild.store.info import info as store_info
from lkbuild.store.info import stored_bytes

#: So many of the largest targets are told.
_TARGETS: Final = 20


def workspace(options: BuildOptions) -> dict[str, Any]:
    """The workspace's root, settings and configurations."""
    with open_session(options) as session:
        found = session.loader.workspace
        return {
            "version": __version__,
            "name": found.name,
            "root": str(session.root),
            "out": str(session.out),
            "store": str(options.cache),
            "configuration": [str(item) for item in session.configurations()],
            "settings": {name: list(setting.values) for name, setting in found.settings.items()},
            "configs": {name: dict(values) for name, values in found.configs.items()},
            "packages": sum(1 for _ in session.loader.packages()),
            "rules": [str(folder) for folder in session.rules.folders],
        }


def trace(options: BuildOptions) -> dict[str, Any]:
    """Timelines of the last builds that ran something, newest first. Raises UsageError where there are none."""
    with open_session(options) as session:
        found = [str(file) for file in kept(session.state)]
    if not found:
        raise UsageError("no build of this workspace left a trace", hint="build something first")
    return {"trace": found[0], "older": found[1:]}


def store(options: BuildOptions) -> dict[str, Any]:
    """What the store holds."""
    with DiskStore.open(options.cache) as opened:
        found = store_info(opened)
        return {
            "root": found.root,
            "total_bytes": found.total_bytes,
            "content_bytes": found.content_bytes,
            "kinds": {kind.kind: {"count": kind.count, "bytes": kind.bytes} for kind in found.kinds},
            "actions": found.actions,
            "recipes": found.recipes,
            "database_bytes": found.database_bytes,
            "targets": _by_target(options, opened),
        }


def _by_target(options: BuildOptions, opened: DiskStore) -> dict[str, dict[str, int]]:
    """What the recorded builds of this workspace made, the largest targets first; a blob that several made counts for each."""
    root = options.workspace or workspace_above(options.cwd)
    if root is None:
        return {}
    recipes: dict[str, set[str]] = {}
    for record in History(state_folder(options.cache, root)).records():
        for entry in record.actions:
            recipes.setdefault(entry.label, set()).add(entry.recipe)
    sizes = {label: stored_bytes(opened, several) for label, several in recipes.items()}
    largest = sorted(sizes, key=lambda label: (-sizes[label], label))[:_TARGETS]
    return {label: {"bytes": sizes[label]} for label in largest if sizes[label]}


def rules(options: BuildOptions) -> dict[str, Any]:
    """Every rule with the first paragraph of its documentation and its attributes."""
    found = {}
    for rule in _rules(options):
        attrs = {key: f"{attr.doc}{' (required)' if attr.required else ''}" for key, attr in rule.attrs.items()}
        found[rule.name] = {"doc": " ".join(rule.doc.partition("\n\n")[0].split()), "attributes": attrs}
    return found


def groups() -> dict[tuple[str, ...], dict[str, str]]:
    """The output groups of the rules that lkbuild brings, with what each is for; rules that have the same stand together."""
    registry = RuleRegistry((bundled_rules(),))
    found: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for name in registry.names():
        rule = registry.get(name)
        if rule is not None and rule.groups:
            found.setdefault(tuple(rule.groups.items()), []).append(name)
    return {tuple(names): dict(items) for items, names in found.items()}


def schema(options: BuildOptions) -> dict[str, Any]:
    """A JSON Schema of BUILD.yaml, for editors."""
    return json_schema(_rules(options))


def _rules(options: BuildOptions) -> list[Rule]:
    """Those that a BUILD.yaml here may name: outside a workspace, those that lkbuild brings."""
    root = options.workspace or workspace_above(options.cwd)
    registry = RuleRegistry((bundled_rules(),)) if root is None else RuleRegistry.of_workspace(root)
    loaded = (registry.get(name) for name in registry.names())
    return [rule for rule in loaded if rule is not None]
