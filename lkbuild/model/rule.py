"""The rule API: all that a rule sees.

A rule is a pure function from attributes and dependencies to actions and providers. It gets a `RuleContext`, emits actions
through it, and returns providers. It can't open a file, and its source is in no key: what it emits is.

    RULE = Rule(name="filegroup", doc="...", attrs={"srcs": Attr(type=ListOf(item=File()), doc="...")}, analyze=analyze)

Does not know how rules are found, nor how actions run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field
from typing import Any, Final, NoReturn, TypeVar, cast

from lkbuild.base.errors import AnalysisError, Position
from lkbuild.base.label import Label
from lkbuild.base.values import dataclass
from lkbuild.model.action import (
    BUILTIN,
    ActionInfo,
    ActionSpec,
    DeclaredOutput,
    Input,
    PlannedAction,
    Resources,
)
from lkbuild.model.artifact import ActionId, Artifact, Inline, NamedArtifact, Output, SourceFile, TargetRef
from lkbuild.model.attrs import Attr
from lkbuild.model.configuration import Configuration, NodeKey
from lkbuild.model.providers import Files
from lkbuild.model.target import Target

P = TypeVar("P")
#: MAX_ARG_STRLEN less the byte that ends it (execve(2)): one argument or environment entry of a command.
_STRING_MAX: Final = 131_071


@dataclass(frozen=True, slots=True)
class Analysis:
    """What a rule made of a target in a configuration: its actions, and its providers by class name."""

    node: NodeKey
    actions: tuple[PlannedAction, ...]
    providers: Mapping[str, Any]

    def get(self, kind: type[P]) -> P | None:
        """The provider of that class, or None.

        By name, not by identity: a rule folder of a workspace may load the class a second time.
        """
        return self.providers.get(kind.__name__)

    def files(self) -> tuple[NamedArtifact, ...]:
        """The default outputs; empty where it gives no `Files`."""
        found = self.get(Files)
        return found.files if found else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovered:
    """A dependency that stands in no attribute but in the text of a file that one holds, with its place there."""

    label: Label
    execution: bool = False
    position: Position


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What a kind of target means.

    Attributes:
        name: as written after `rule:`.
        doc: what it is for, in Markdown; the first sentence is its summary.
        attrs: its own attributes, beside those that every rule has.
        analyze: the pure function. Returns providers, at most one of each class.
        test: `lkbuild test` runs its targets; they are testonly.
        groups: output groups that its targets may have, each with what it is for.
        implicit: labels of further dependencies by name: tools and toolchains that a user does not write.
        discover: further dependencies that its attributes' text names, as a Dockerfile's FROM does. Pure; asked for each configuration.
    """

    name: str
    doc: str
    attrs: Mapping[str, Attr]
    analyze: Callable[[RuleContext], Sequence[Any]]
    test: bool = False
    groups: Mapping[str, str] = field(default_factory=dict)
    implicit: Mapping[str, str] = field(default_factory=dict)
    discover: Callable[[Target, Configuration], Iterable[Discovered]] | None = None


@dataclass(frozen=True, slots=True)
class Shared:
    """Actions that many targets have in common, and what the function that emitted them returned."""

    actions: tuple[PlannedAction, ...]
    value: Any


class RuleContext:
    """One target in one configuration, as its rule sees it. Collects the actions that the rule emits."""

    def __init__(
        self,
        *,
        target: Target,
        configuration: Configuration,
        attrs: Mapping[str, Any],
        dependencies: Callable[[Label, bool], Analysis],
        tool: Callable[[str, str | None], bytes],
        shared: dict[str, Shared] | None = None,
    ) -> None:
        """Made by the engine.

        Args:
            target: the target, its selects resolved.
            configuration: what it is built for.
            attrs: with selects resolved.
            dependencies: gives the analyses of direct dependencies, for a label and whether it is a tool.
            tool: gives the content of a file in the `tools/` folder of this rule, or of the rule named second.
            shared: what targets have asked for by `shared` so far.
        """
        self.target = target
        self.label = target.label
        self.configuration = configuration
        self.arch = configuration.arch
        self.attrs = attrs
        self.actions: list[PlannedAction] = []
        self._dependencies = dependencies
        self._tool = tool
        self._owner = str(NodeKey(target.label, configuration))
        self._display: str = target.label.short
        self._position: Position | None = target.position
        self._shared = shared if shared is not None else {}
        self._taken: dict[str, Shared] = {}

    # -- dependencies ---------------------------------------------------------------------------------------------------

    def dep(self, label: Label, *, execution: bool = False) -> Analysis:
        """The analysis of a direct dependency; `execution` as its attribute declares it."""
        return self._dependencies(label, execution)

    def require(self, label: Label, kind: type[P], *, attr: Sequence[str | int] = (), execution: bool = False) -> P:
        """A provider of a dependency, or an error at the attribute that names it."""
        found = self.dep(label, execution=execution).get(kind)
        if found is None:
            self.fail(f"{label.short} gives no {kind.__name__}", attr=attr)
        return found

    def files(
        self, value: SourceFile | TargetRef | Iterable[SourceFile | TargetRef], *, execution: bool = False
    ) -> tuple[NamedArtifact, ...]:
        """The artifacts of a file attribute's value: source files under their workspace path, outputs under their name."""
        if isinstance(value, SourceFile):
            return (NamedArtifact(value.path, value),)
        if isinstance(value, TargetRef):
            return self.dep(value.label, execution=execution).files()
        return tuple(item for part in value for item in self.files(part, execution=execution))

    def inputs(self, value: SourceFile | TargetRef | Iterable[SourceFile | TargetRef], *, execution: bool = False) -> tuple[Input, ...]:
        """The same as inputs of an action: source files at their workspace path, outputs at `<package>/<name>`."""
        found: dict[str, Input] = {}
        for part in (value,) if isinstance(value, SourceFile | TargetRef) else value:
            package = part.label.package if isinstance(part, TargetRef) else ""
            for item in self.files(part, execution=execution):
                inside = package and not isinstance(item.artifact, SourceFile)
                path = f"{package}/{item.name}" if inside else item.name
                if found.setdefault(path, Input(path, item.artifact)).artifact != item.artifact:
                    self.fail(f"two inputs are called {path}")
        return tuple(found.values())

    def tool(self, name: str, *, rule: str | None = None) -> Inline:
        """A file of the rule's own `tools/` folder, or of another rule's, to be an input of actions: its content is in their keys."""
        return Inline(self._tool(name, rule), executable=True)

    def fail(self, message: str, *, attr: Sequence[str | int] = (), hint: str | None = None) -> NoReturn:
        """Refuse the target, at the position of an attribute (a path like `("services", 0, "name")`)."""
        raise AnalysisError(message, position=self.target.at(*attr), hint=hint, label=str(self.label))

    # -- actions --------------------------------------------------------------------------------------------------------

    def run(  # noqa: PLR0913 - an action's parts; keywords all
        self,
        mnemonic: str,
        arguments: Sequence[str],
        *,
        root: Artifact,
        outputs: Sequence[DeclaredOutput],
        inputs: Iterable[Input] = (),
        environment: Mapping[str, str] | None = None,
        message: str = "",
        timeout_s: int = 3600,
        resources: Resources | None = None,
    ) -> tuple[Output, ...]:
        """Emit an action that runs a command in the sandbox; returns its outputs in the order declared."""
        if not arguments:
            self.fail(f"{mnemonic} has no command")
        texts = [("an argument", text) for text in arguments] + [(name, f"{name}={text}") for name, text in (environment or {}).items()]
        for name, text in texts:
            if "\0" in text:  # Linux passes what stands before it
                message = f"{name} of the command holds the character U+0000, which no program takes"
                self.fail(message, hint="have the command make it: printf")
            if len(text) > _STRING_MAX // 4 and (size := len(text.encode("utf-8", "surrogateescape"))) > _STRING_MAX:
                self.fail(f"{name} of the command is {size} bytes long, where Linux passes {_STRING_MAX}", hint="give it fewer files")
        spec = ActionSpec(
            arguments=tuple(arguments),
            environment=tuple(sorted((environment or {}).items())),
            inputs=tuple(inputs),
            root=root,
            outputs=tuple(outputs),
            timeout_s=timeout_s,
        )
        return self._add(spec, mnemonic, message, resources or Resources())

    def builtin(  # noqa: PLR0913 - as `run`
        self,
        name: str,
        version: int,
        arguments: Sequence[str],
        *,
        outputs: Sequence[DeclaredOutput],
        inputs: Iterable[Input] = (),
        message: str = "",
        sources: Sequence[str] = (),
        resources: Resources | None = None,
        reproducible: bool = True,
    ) -> tuple[Output, ...]:
        """Emit an action that the engine does in its own process (docs/reference/builtins.md lists them)."""
        spec = ActionSpec(
            arguments=(f"{BUILTIN}{name}", str(version), *arguments),
            inputs=tuple(inputs),
            outputs=tuple(outputs),
        )
        return self._add(spec, name, message, resources or Resources(light=bool(sources)), tuple(sources), reproducible=reproducible)

    def shared(self, name: str, make: Callable[[RuleContext], P]) -> P:
        """What `make` emits and returns, once for all targets that ask for this name: thousands of genrules have one shell.

        It may use nothing of the target, and of the configuration only the execution architecture.
        """
        owner = f"{name} ({self.configuration.for_execution()})"
        found = self._shared.get(owner)
        if found is None:
            context = RuleContext(
                target=self.target, configuration=self.configuration, attrs={}, dependencies=self._dependencies, tool=self._tool
            )
            context._owner, context._display, context._position = owner, name, None
            value = make(context)
            found = self._shared[owner] = Shared(tuple(context.actions), value)
        self._taken[owner] = found
        return cast("P", found.value)

    def emitted(self) -> tuple[PlannedAction, ...]:
        """All actions that the target needs and no dependency has: its own, and those that it shares with others."""
        return (*(action for shared in self._taken.values() for action in shared.actions), *self.actions)

    def _add(
        self,
        spec: ActionSpec,
        mnemonic: str,
        message: str,
        resources: Resources,
        sources: tuple[str, ...] = (),
        *,
        reproducible: bool = True,
    ) -> tuple[Output, ...]:
        for item in spec.outputs:
            if leads_out(item.path):
                self.fail(f"an output of {mnemonic} can't be {item.path or 'nothing'}", hint=NO_WAY_OUT)
        identity = ActionId(self._owner, len(self.actions))
        info = ActionInfo(
            id=identity,
            mnemonic=mnemonic,
            label=self._display,
            message=message or f"{mnemonic} {self._display}",
            position=self._position,
            resources=resources,
            sources=sources,
            reproducible=reproducible,
        )
        self.actions.append(PlannedAction(spec, info))
        return tuple(Output(identity, item.path, item.tree) for item in spec.outputs)


#: What to do where `leads_out` is true of a name that somebody wrote.
NO_WAY_OUT: Final = "give it a name in its own folder: without '..', without '.' and without a '/' at either end"


def leads_out(path: str) -> bool:
    """Whether a relative path may be something else than a place below the folder that it is meant for."""
    return "\0" in path or not {"", ".", ".."}.isdisjoint(path.split("/"))
