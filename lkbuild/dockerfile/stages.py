"""The stages of a Dockerfile that its target needs, the images of others that they build upon, and what of them reaches out.

A name in a FROM, a `COPY --from` or a mount's `from` is an earlier stage, `scratch`, or an image from elsewhere: a `Use`. Whoever builds
says by what name the engine knows each, and gets the text to build. Does not know what an image is. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Final

from lkbuild.base.errors import LoadError, Position, nearest
from lkbuild.base.values import dataclass
from lkbuild.dockerfile.lines import Instruction, Text, read
from lkbuild.dockerfile.words import WordError, expand, split

SCRATCH: Final = "scratch"
_FROM: Final = re.compile(r"(\S+)(?:\s+[aA][sS]\s+(\S+))?\Z")
_RUN: Final = re.compile(r"[rR][uU][nN]\b")
#: What ADD brings from elsewhere: a URL, or a git repository.
_AWAY: Final = re.compile(r"(https?|git|ssh)://|git@")


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """An image from elsewhere that a Dockerfile builds upon or copies from.

    Attributes:
        reference: as it is written, variables replaced.
        execution: it is for the architecture that the build runs on (`--platform=$BUILDPLATFORM`).
        position: where it is named first.
    """

    reference: str
    execution: bool
    position: Position = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A stage: its FROM, and the instructions that follow. `base` and `platform` have their variables replaced."""

    name: str
    base: str
    platform: str
    start: Instruction
    instructions: tuple[Instruction, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dockerfile:
    """A Dockerfile, read for a target stage and for build arguments.

    Attributes:
        text: its lines.
        arguments: values of the ARGs before the first FROM.
        given: build arguments, with those that name the platforms.
        stages: all of them.
        needed: indices of those that the target needs, itself the last.
        declared: names of all ARGs.
    """

    text: Text
    arguments: Mapping[str, str]
    given: Mapping[str, str]
    stages: tuple[Stage, ...]
    needed: tuple[int, ...]
    declared: frozenset[str]

    @property
    def target(self) -> int:
        """The stage that becomes the image."""
        return self.needed[-1]

    def below(self, index: int) -> int | None:
        """The stage that a stage begins with, or None where that is no stage."""
        return _stage_named(self.stages[:index], self.stages[index].base)

    def use_of(self, index: int) -> Use | None:
        """The image from elsewhere that a stage begins with, or None."""
        stage = self.stages[index]
        if stage.base == SCRATCH or self.below(index) is not None:
            return None
        return Use(reference=stage.base, execution=self._is_tool(index), position=self.position(stage.start))

    def uses(self) -> tuple[Use, ...]:
        """All images from elsewhere that the target needs, each once."""
        found: dict[Use, None] = {}
        for index in self.needed:
            use = self.use_of(index)
            found.update({use: None} if use else {})
            found.update((copied, None) for _, copied in self._copied(index))
        return tuple(found)

    @property
    def runs(self) -> bool:
        """Whether stages that are needed run programs of the architecture that the image is for."""
        return any(item.name == "RUN" for index in self.needed if not self._is_tool(index) for item in self.stages[index].instructions)

    def reaching(self) -> Iterator[tuple[Position, str]]:
        """Where the stages that are needed ask for more than their inputs: places, and what they ask for."""
        for index in self.needed:
            for item in self.stages[index].instructions:
                network = item.flag("network") if item.name == "RUN" else None
                if network not in (None, "none"):
                    yield self.position(item), f"RUN --network={network} asks for the network"
                if item.name == "ADD" and _AWAY.match(item.rest) and not item.flag("checksum"):
                    yield self.position(item), "ADD fetches something that no checksum names"

    def rewritten(self, names: Mapping[Use, str], *, isolated: bool) -> str:
        """The text for an engine that knows each image by a name: line by line as it was, without the directive `syntax`.

        A stage that is not needed begins with nothing. `isolated`: each RUN says itself that it has no network.
        """
        lines = list(self.text.source.lines)
        head = lines[: self.text.directives]
        kept = [line for line in head if "syntax" not in line.partition("=")[0].lower()]
        lines[: len(head)] = [*kept, *["#"] * (len(head) - len(kept))]
        for index, stage in enumerate(self.stages):
            for item in stage.instructions:
                if isolated and item.name == "RUN" and item.flag("network") is None:
                    lines[item.first] = _RUN.sub("RUN --network=none", lines[item.first], count=1)
            use = self.use_of(index)
            if use is not None:
                start = stage.start
                base = names[use] if index in self.needed else SCRATCH
                platform = f"--platform={stage.platform} " if stage.platform and index in self.needed else ""
                lines[start.first] = f"FROM {platform}{base}" + (f" AS {stage.name}" if stage.name else "")
                lines[start.first + 1 : start.last + 1] = [""] * (start.last - start.first)
            for item, copied in self._copied(index):
                base = names.get(copied, SCRATCH)
                for number in range(item.first, item.last + 1):
                    lines[number] = re.sub(rf"from={re.escape(copied.reference)}(?=[\s,]|\Z)", f"from={base}", lines[number], count=1)
        return "\n".join([*lines, ""])

    def position(self, item: Instruction) -> Position:
        """Where an instruction stands."""
        return self.text.source.position((item.first, 0))

    def _is_tool(self, index: int) -> bool:
        """Whether a stage is for the architecture that the build runs on, where that is another."""
        below = self.below(index)
        platform = self.stages[index].platform
        if below is not None and not platform:
            return self._is_tool(below)
        return platform == self.given.get("BUILDPLATFORM") != self.given.get("TARGETPLATFORM")

    def _copied(self, index: int) -> Iterator[tuple[Instruction, Use]]:
        for item, name in _sources(self.stages[index]):
            if _stage_named(self.stages[:index], name) is None and name != SCRATCH:
                yield item, Use(reference=name, execution=False, position=self.position(item))


def parse(text: str, file: str, *, given: Mapping[str, str], target: str = "") -> Dockerfile:
    """Read a Dockerfile for a target stage; "": the last. Raises LoadError."""
    found = read(text, file)
    at = next((number for number, item in enumerate(found.instructions) if item.name == "FROM"), None)
    if at is None:
        raise found.source.error((0, 0), "a Dockerfile begins with FROM", "FROM scratch, or the image to build upon")
    arguments = _arguments(found, found.instructions[:at], given)
    values = {**platforms(given), **arguments}
    starts = [number for number, item in enumerate(found.instructions) if item.name == "FROM"]
    stages = tuple(
        _stage(found, found.instructions[start], found.instructions[start + 1 : end], values)
        for start, end in zip(starts, [*starts[1:], len(found.instructions)], strict=True)
    )
    index = _stage_named(stages, target) if target else len(stages) - 1
    if index is None:
        names = [stage.name for stage in stages if stage.name]
        raise found.source.error((0, 0), f"there is no stage '{target}'", nearest(target, names) or f"stages: {', '.join(names)}")
    declared = frozenset(name for item in found.instructions if item.name == "ARG" for name in _declared(item))
    return Dockerfile(text=found, arguments=arguments, given=given, stages=stages, needed=_needed(stages, index), declared=declared)


def platforms(given: Mapping[str, str]) -> dict[str, str]:
    """Of the build arguments those that a FROM knows without declaring them."""
    return {name: value for name, value in given.items() if name.startswith(("TARGET", "BUILD"))}


def _arguments(text: Text, items: tuple[Instruction, ...], given: Mapping[str, str]) -> dict[str, str]:
    values: dict[str, str] = {}
    for item in items:
        if item.name != "ARG":
            raise text.source.error((item.first, 0), f"{item.name} before the first FROM", "only ARG may stand there")
        values.update(arguments_of(text, item, {**platforms(given), **values}, given))
    return values


def arguments_of(text: Text, item: Instruction, values: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """The values that an ARG declares: those given, else its defaults; one that has neither is not there. Raises LoadError."""
    found: dict[str, str] = {}
    for word in words_of(text, item, {**values, **found}):
        name, equals, default = word.partition("=")
        if name in given:
            found[name] = given[name]
        elif equals:
            found[name] = default
    return found


def words_of(text: Text, item: Instruction, values: Mapping[str, str]) -> list[str]:
    """The words of an instruction. Raises LoadError at it."""
    try:
        return split(item.rest, values, text.escape)
    except WordError as error:
        raise text.source.error((item.first, 0), f"{item.name}: {error}", "the words of an instruction are written as in a shell") from None


def text_of(text: Text, item: Instruction, rest: str, values: Mapping[str, str]) -> str:
    """Part of an instruction with its variables replaced. Raises LoadError at it."""
    try:
        return expand(rest, values, text.escape)
    except WordError as error:
        raise text.source.error((item.first, 0), f"{item.name}: {error}", "the words of an instruction are written as in a shell") from None


def _declared(item: Instruction) -> Iterator[str]:
    yield from (word.partition("=")[0] for word in item.rest.split())


def _stage(text: Text, start: Instruction, items: tuple[Instruction, ...], values: Mapping[str, str]) -> Stage:
    found = _FROM.match(start.rest)
    if found is None:
        raise text.source.error((start.first, 0), "FROM takes one image, and a name for the stage", "FROM image AS name")
    base = text_of(text, start, found.group(1), values)
    if not base:
        hint = "give the argument a default before the first FROM, or a value by the target's build arguments"
        raise text.source.error((start.first, 0), f"the image '{found.group(1)}' comes to nothing", hint)
    platform = text_of(text, start, start.flag("platform") or "", values)
    return Stage(name=found.group(2) or "", base=base, platform=platform, start=start, instructions=items)


def _stage_named(stages: tuple[Stage, ...], name: str) -> int | None:
    """The last stage of that name, or of that number."""
    for index in range(len(stages) - 1, -1, -1):
        if stages[index].name and stages[index].name.lower() == name.lower():
            return index
    return int(name) if name.isascii() and name.isdecimal() and int(name) < len(stages) else None


def _sources(stage: Stage) -> Iterator[tuple[Instruction, str]]:
    """What a stage copies or mounts from."""
    for item in stage.instructions:
        for name, value in item.flags:
            if name == "from":
                yield item, value
            if name == "mount":
                yield from ((item, part.removeprefix("from=")) for part in value.split(",") if part.startswith("from="))


def _needed(stages: tuple[Stage, ...], target: int) -> tuple[int, ...]:
    found: set[int] = set()
    open_: list[int] = [target]
    while open_:
        index = open_.pop()
        if index in found:
            continue
        found.add(index)
        names = [stages[index].base, *(name for _, name in _sources(stages[index]))]
        open_ += [below for name in names if (below := _stage_named(stages[:index], name)) is not None]
    return (*sorted(found - {target}), target)


def refuse_reaching(dockerfile: Dockerfile) -> None:
    """Raise LoadError at the first instruction that asks for the network."""
    for position, what in dockerfile.reaching():
        hint = "fetch it by a lock (http_file, deb_lock) and put it in the context; or say `network: true`, and the result is not shared"
        raise LoadError(what, position=position, hint=hint)
