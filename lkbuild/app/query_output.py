"""Answers of a query in their longer forms: targets as a BUILD.yaml would declare them, and the actions that they come to.

Does not evaluate expressions.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from lkbuild.app.attribute_text import plain
from lkbuild.app.selection import Selected, analyze
from lkbuild.app.session import Session
from lkbuild.base.digest import Digest
from lkbuild.base.label import Label
from lkbuild.execution.plan import artifacts_of
from lkbuild.model.action import PlannedAction
from lkbuild.model.artifact import Artifact, Inline, Output, SourceFile
from lkbuild.model.configuration import NodeKey
from lkbuild.model.target import Target


def declarations(session: Session, labels: list[Label]) -> Iterator[str]:
    """Each target as YAML, with what was written for it: selects as selects, globs as the files that they matched, no defaults."""
    import yaml  # noqa: PLC0415 - of two forms of a query, one

    for label in labels:
        target = session.loader.target(label)
        yield f"# {label.short}, {target.position.file}:{target.position.line}"
        text = yaml.safe_dump(
            {label.name: _declared(session, target)}, sort_keys=False, allow_unicode=True, default_flow_style=None, width=120
        )
        yield from text.splitlines()


def _declared(session: Session, target: Target) -> dict[str, Any]:
    rule = session.rules.get(target.rule)
    found: dict[str, Any] = {"rule": target.rule}
    common = {"doc": target.doc, "tags": target.tags, "arches": target.arches, "testonly": target.testonly, "manual": target.manual}
    found |= {name: plain(value) for name, value in common.items() if value}
    for name, value in target.attrs.items():
        declared = rule.attrs.get(name) if rule is not None else None
        if value != (declared.default if declared is not None else None):
            found[name] = plain(value, package=target.label.package)
    return found


def actions(session: Session, labels: list[Label]) -> Iterator[str]:
    """The actions of some targets, in every configuration asked for: one JSON object a line."""
    wanted = [
        Selected(NodeKey(label, configuration))
        for configuration in session.configurations()
        for label in labels
        if not session.loader.target(label).arches or configuration.arch in session.loader.target(label).arches
    ]
    analyses = analyze(session, wanted)
    for item in wanted:
        for planned in analyses.by_node[item.node].actions:
            yield json.dumps(_action(planned, item.node), ensure_ascii=False)


def _action(planned: PlannedAction, node: NodeKey) -> dict[str, Any]:
    spec, info = planned.spec, planned.info
    return {
        "action": str(info.id),
        "label": node.label.short,
        "configuration": str(node.configuration),
        "mnemonic": info.mnemonic,
        "arguments": list(spec.arguments),
        "environment": dict(spec.environment),
        "root": _origin(spec.root) if spec.root is not None else None,
        "inputs": [{"path": item.path, **_origin(item.artifact)} for item in spec.inputs],
        "outputs": [{"path": output.path, "tree": output.tree} for output in spec.outputs],
        "platform": dict(spec.platform),
        "timeout_s": spec.timeout_s,
        "needs": list(dict.fromkeys(str(part.action) for part in artifacts_of(spec) if isinstance(part, Output))),
        "sources": list(info.sources),
    }


def _origin(artifact: Artifact) -> dict[str, Any]:
    match artifact:
        case SourceFile():
            return {"source": artifact.path}
        case Inline():
            return {"inline": len(artifact.data), "digest": Digest.of(artifact.data).hash, "executable": artifact.executable}
        case Output():
            return {"made_by": str(artifact.action), "output": artifact.path}
