"""What a command line selects: patterns to (label, output group) in configurations, and the artifacts that they mean.

Does not build anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from pathlib import Path

from lkbuild.analysis.analyzer import Analyses
from lkbuild.app.session import Session
from lkbuild.base.errors import AnalysisError, LoadError, UsageError, nearest
from lkbuild.base.label import Label, Pattern
from lkbuild.base.values import dataclass
from lkbuild.model.artifact import NamedArtifact
from lkbuild.model.configuration import NodeKey
from lkbuild.model.providers import OutputGroups


@dataclass(frozen=True, slots=True)
class Selected:
    """One requested thing: a node, and one of its output groups by name, or None for its default outputs.

    `named`: its label was written, and no wildcard found it.
    """

    node: NodeKey
    group: str | None = None
    named: bool = field(default=True, compare=False)

    @property
    def text(self) -> str:
        """As a user would write it."""
        return f"{self.node.label.short}.{self.group}" if self.group else self.node.label.short


def parse_patterns(session: Session, patterns: Sequence[str]) -> tuple[Pattern, ...]:
    """Patterns as given on a command line in `cwd`; none: the workspace's default targets. Raises UsageError."""
    if not patterns:
        found = session.loader.workspace.default_targets
        if not found:
            raise UsageError("nothing to build", hint="name a target (//...), or set default_targets in the workspace section")
        return found
    try:
        package = session.options.cwd.relative_to(session.root).as_posix()
    except ValueError:
        package = "."
    return tuple(Pattern.parse(_from_root(text, session.root), package="" if package == "." else package) for text in patterns)


def _from_root(text: str, root: Path) -> str:
    """A pattern whose path was written from the root of the file system, as one from the workspace's; any other as it is."""
    sign, body = ("-", text[1:]) if text.startswith("-") else ("", text)
    if not body.startswith("/") or body.startswith("//"):
        return text
    path, colon, name = body.partition(":")
    for folder in (Path(path), Path(path).resolve()):  # the second for a workspace that was reached by a link
        if folder.is_relative_to(root):
            inside = folder.relative_to(root).as_posix()
            return f"{sign}//{'' if inside == '.' else inside}{colon}{name}"
    raise UsageError(f"'{text}' is outside of the workspace {root}", hint="write //package/path:name")


def select(session: Session, patterns: Sequence[str]) -> tuple[Selected, ...]:
    """All that the patterns select, in every configuration asked for.

    What a wildcard finds but can't be built for an architecture is left out; what is named is not.
    """
    return tuple(item for item in found(session, patterns) if item.named or fits(session, item))


def found(session: Session, patterns: Sequence[str]) -> tuple[Selected, ...]:
    """The same with what wildcards find for architectures that it can't be built for."""
    parsed = parse_patterns(session, patterns)
    wildcards = [pattern for pattern in parsed if pattern.label is None or pattern.negative]
    named = [pattern.label for pattern in parsed if pattern.label is not None and not pattern.negative]
    requested: dict[tuple[Label, str | None], bool] = {}
    for label in named:
        requested[session.loader.resolve(label)] = True
    if any(not pattern.negative for pattern in wildcards):
        for label in session.loader.expand(parsed, session.checkpoint):
            if label not in named:  # one may name an output, and no target
                requested.setdefault((label, None), False)
    elif wildcards:
        kept = set(session.loader.expand(parsed, session.checkpoint))
        requested = {key: explicit for key, explicit in requested.items() if key[0] in kept or key[1]}
    return tuple(
        Selected(NodeKey(label, configuration), group, explicit)
        for configuration in session.configurations()
        for (label, group), explicit in requested.items()
    )


def fits(session: Session, item: Selected) -> bool:
    """Whether its target says that it can be built for the architecture."""
    session.checkpoint()
    arches = session.loader.outline(item.node.label.package).arches.get(item.node.label.name)
    return not arches or item.node.configuration.arch in arches


def artifacts(selected: Selected, analyses: Analyses) -> tuple[NamedArtifact, ...]:
    """The artifacts that a selected thing means. Raises LoadError for a group that the target does not have."""
    analysis = analyses.by_node[selected.node]
    if selected.group is None:
        return analysis.files()
    groups = analysis.get(OutputGroups)
    if groups is None or selected.group not in groups.groups:
        known = groups.groups if groups else ()
        raise LoadError(
            f"{selected.node.label.short} has no output '{selected.group}'",
            hint=nearest(selected.group, known) or (f"it has: {', '.join(known)}" if known else "it has its default outputs alone"),
        )
    return groups.groups[selected.group]


def all_files(node: NodeKey, analyses: Analyses) -> tuple[NamedArtifact, ...]:
    """All that a target can be asked for: its default outputs and those of its groups."""
    analysis = analyses.by_node[node]
    groups = analysis.get(OutputGroups)
    return (*analysis.files(), *(item for files in (groups.groups.values() if groups else ()) for item in files))


def analyze(session: Session, selected: Sequence[Selected]) -> Analyses:
    """Analyse what was selected."""
    try:
        return session.analyzer.analyze(dict.fromkeys(item.node for item in selected), session.checkpoint)
    except RecursionError as error:
        raise AnalysisError("attributes nested too deeply") from error
