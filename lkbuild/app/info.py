"""Use case: tell what lkbuild knows: the workspace, the store, the rules, the schema of BUILD.yaml. Reads only."""

from __future__ import annotations

from typing import Any

from lkbuild import __version__
from lkbuild.app.options import BuildOptions
from lkbuild.app.session import open_session
from lkbuild.app.trace import kept
from lkbuild.base.errors import UsageError
from lkbuild.loading.schema import json_schema
from lkbuild.store.disk import DiskStore
from lkbuild.store.info import info as store_info


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
        }


def rules(options: BuildOptions) -> dict[str, Any]:
    """Every rule with the first line of its documentation and its attributes."""
    with open_session(options) as session:
        found = {}
        for name in session.rules.names():
            rule = session.rules.get(name)
            if rule is not None:
                attrs = {key: f"{attr.doc}{' (required)' if attr.required else ''}" for key, attr in rule.attrs.items()}
                found[name] = {"doc": rule.doc.partition("\n")[0], "attributes": attrs}
        return found


def schema(options: BuildOptions) -> dict[str, Any]:
    """A JSON Schema of BUILD.yaml, for editors."""
    with open_session(options) as session:
        loaded = (session.rules.get(name) for name in session.rules.names())
        return json_schema([rule for rule in loaded if rule is not None])
