"""What was asked for as artifacts: selected things analysed, and the outputs that several architectures have together joined.

Does not build anything, and does not know what is joined: a target's `Joint` says which builtin does it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lkbuild.analysis.analyzer import Analyses
from lkbuild.app.selection import Selected, analyze, artifacts
from lkbuild.app.session import Session
from lkbuild.base.label import Label
from lkbuild.base.values import dataclass
from lkbuild.graph.closure import Closure, Edge
from lkbuild.model.action import BUILTIN, ActionInfo, ActionSpec, DeclaredOutput, Input, PlannedAction
from lkbuild.model.artifact import ActionId, NamedArtifact, Output
from lkbuild.model.configuration import ARCHES, NodeKey
from lkbuild.model.providers import Files, Joint
from lkbuild.model.rule import Analysis


@dataclass(frozen=True, slots=True)
class Requested:
    """A selected thing with the artifacts that it means. `joins`: the selected things in whose place it is, if it is."""

    selected: Selected
    files: tuple[NamedArtifact, ...]
    joins: tuple[Selected, ...] = ()

    def actions(self) -> tuple[ActionId, ...]:
        """The actions that make them."""
        return tuple(dict.fromkeys(item.artifact.action for item in self.files if isinstance(item.artifact, Output)))


def request(session: Session, selected: Sequence[Selected]) -> tuple[Analyses, tuple[Requested, ...]]:
    """Analyse what was selected. Where a `Joint` output is wanted for several architectures, one thing is requested in their place."""
    analyses = analyze(session, selected)
    together: dict[tuple[Label, str | None], list[Selected]] = {}
    for item in selected:
        together.setdefault((item.node.label, item.group), []).append(item)
    requested: dict[Selected, Requested] = {}
    for item in selected:
        alike = together[item.node.label, item.group]
        joint = analyses.by_node[item.node].get(Joint)
        builtin = joint.groups.get(item.group) if joint and item.group else None
        if builtin is None or len(alike) == 1:
            requested[item] = Requested(item, artifacts(item, analyses))
        elif item == alike[0]:
            analyses, joined = _joined(analyses, alike, builtin)
            requested[joined] = Requested(joined, analyses.by_node[joined.node].files(), tuple(alike))
    return analyses, tuple(requested.values())


def _joined(analyses: Analyses, items: Sequence[Selected], builtin: tuple[str, int]) -> tuple[Analyses, Selected]:
    """The analyses with one more node, which joins an output of some others: its architecture is theirs, `amd64+arm64`, or `all`."""
    first = items[0]
    arches = tuple(item.node.configuration.arch for item in items)
    name = "all" if set(arches) == set(ARCHES) else "+".join(arches)
    node = NodeKey(first.node.label, replace(first.node.configuration, arch=name))
    parts = [(arch, made) for arch, item in zip(arches, items, strict=True) for made in artifacts(item, analyses)]
    made = parts[0][1]
    tree = isinstance(made.artifact, Output) and made.artifact.tree
    spec = ActionSpec(
        arguments=(f"{BUILTIN}{builtin[0]}", str(builtin[1])),
        inputs=tuple(Input(arch, part.artifact) for arch, part in parts),
        outputs=(DeclaredOutput(made.name, tree=tree),),
    )
    action = ActionId(f"{node}.{first.group}", 0)
    info = ActionInfo(id=action, mnemonic=builtin[0], label=node.label.short, message=f"join {first.text} of {', '.join(arches)}")
    files = Files((NamedArtifact(made.name, Output(action, made.name, tree)),))
    analysis = Analysis(node, (PlannedAction(spec, info),), {Files.__name__: files})
    edges = tuple(Edge(item.node) for item in items)
    closure = Closure((*analyses.closure.order, node), {**analyses.closure.edges, node: edges})
    return Analyses(closure, {**analyses.by_node, node: analysis}), Selected(node, first.group)
