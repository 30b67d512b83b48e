"""Images of Dockerfiles in rules: what a Dockerfile builds upon becomes dependencies, and the build of it an action.

A FROM names `lkbuild://pkg/base` (a label), a reference that `bases:` maps to a label, or an image of `image_lock:`. All that the build
may depend on is in the action: the engine that does it is not. Pure.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Any, Final

from lkbuild.base.errors import AnalysisError
from lkbuild.base.label import Label, LabelError
from lkbuild.base.values import dataclass
from lkbuild.dockerfile.config import image_config, told
from lkbuild.dockerfile.ignore import ignored
from lkbuild.dockerfile.stages import Dockerfile, Use, parse, refuse_reaching
from lkbuild.model.action import DeclaredOutput, Input, Resources
from lkbuild.model.artifact import Inline, NamedArtifact, Output, SourceFile, TargetRef
from lkbuild.model.attrs import Attr, Boolean, File, FrozenMap, LabelOf, ListOf, MapOf, String, Text, TextFile
from lkbuild.model.configuration import Configuration
from lkbuild.model.providers import Files, OutputGroups
from lkbuild.model.rule import Discovered, RuleContext
from lkbuild.model.target import Target

from .oci import LockedImages
from .oci_layout import GROUP, JOINT
from .providers import BaseInfo, LayerInfo, PackageInfo

SCHEME: Final = "lkbuild:"
#: What a build of an engine takes: a light process here, but a compiler there.
_RESOURCES: Final = Resources(seconds=10)

DOCKERFILE_ATTRS: Final[Mapping[str, Attr]] = {
    "bases": Attr(
        type=MapOf(value=LabelOf(provides=("BaseInfo",))),
        default=FrozenMap(),
        doc="References in FROM, and the targets that are meant by them. A reference without a tag means any tag.",
    ),
    "image_lock": Attr(type=LabelOf(provides=("OciLockInfo",)), doc="The `oci_lock` that holds the images of others in FROM."),
}


def own_attrs(*, implied: bool) -> dict[str, Attr]:
    """The attributes of a Dockerfile and its context; `implied`: it lies where LinuxKit looks for it."""
    return {
        "dockerfile": Attr(
            type=TextFile(), implied=("Dockerfile",) if implied else (), doc="The Dockerfile that it is built of, by an engine."
        ),
        "context": Attr(
            type=ListOf(item=File()),
            default=(),
            implied=("**", "**/.*", "**/.*/**") if implied else (),
            doc="The files that COPY sees, at their paths in this package; of a target, at its output's name.",
        ),
        "dockerignore": Attr(
            type=TextFile(), implied=(".dockerignore",) if implied else (), doc="Patterns of files that are left out of the context."
        ),
        **DOCKERFILE_ATTRS,
    }


PACKAGE_ATTRS: Final[Mapping[str, Attr]] = {
    **own_attrs(implied=False),
    "build_args": Attr(type=MapOf(value=String(lenient=True)), default=FrozenMap(), doc="Values of ARGs of the Dockerfile."),
    "stage": Attr(type=String(), default="", doc="The stage of the Dockerfile that becomes the image. Default: the last."),
    "network": Attr(
        type=Boolean(),
        default=False,
        doc="Whether the Dockerfile may reach the network: then nobody can build the same, and results are neither shared nor taken.",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """A Dockerfile to be built.

    Attributes:
        arguments: build arguments, those of the platforms not among them.
        stage, network: as the attributes.
        again: whatever the engine remembers is not taken.
        name: of the image.
        given: container fields that stand in place of the image's own.
        labels: more labels of the image.
        extra: more files of the context.
        optional: build arguments that count only where the Dockerfile declares them.
    """

    arguments: Mapping[str, str] = field(default_factory=dict)
    stage: str = ""
    network: bool = False
    again: bool = False
    name: str
    given: Mapping[str, Any] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    extra: tuple[Input, ...] = ()
    optional: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """What a Dockerfile comes to: its image layout, its layer, and the `config` of its image as far as it is told."""

    layout: Output
    layer: Output
    config: Mapping[str, Any]

    def providers(self, ctx: RuleContext, container: Mapping[str, Any]) -> list[Any]:
        """What a package is to others."""
        name = ctx.label.name
        return [
            PackageInfo(name=name, layers=(self.layer,), container=FrozenMap(container)),
            LayerInfo((self.layer,)),
            BaseInfo(layout=(Input("", self.layout),), config=FrozenMap(self.config)),
            Files((NamedArtifact(f"000-{name}.tar", self.layer),)),
            OutputGroups({GROUP: (NamedArtifact(f"{name}.{GROUP}", self.layout),)}),
            JOINT,
        ]


def dependencies_of(target: Target, configuration: Configuration, build: Build) -> Iterator[Discovered]:
    """The targets that a Dockerfile names. Raises LoadError."""
    text = target.attrs["dockerfile"]
    if text is None or text.missing:
        return
    for use in _parsed(text, configuration, build).uses():
        label = _label(use, target)
        if label is not None:
            yield Discovered(label=label, execution=use.execution, position=use.position)


def build_image(ctx: RuleContext, build: Build) -> Built:
    """Emit the build of the target's Dockerfile. Raises LoadError, AnalysisError."""
    text = ctx.attrs["dockerfile"]
    if text.missing:
        ctx.fail(f"there is no file {text.path}", attr=("dockerfile",))
    file = _parsed(text, ctx.configuration, build)
    if not build.network:
        refuse_reaching(file)
    uses = file.uses()
    names = {use: f"lkbuild-base-{number}" for number, use in enumerate(uses)}
    bases = {use: _base(ctx, use) for use in uses}
    read = image_config(file, {use: base.config for use, base in bases.items()})
    own = _overrides(build.given)
    platform = {name: value for name, value in file.given.items() if name.startswith("BUILD") and name in text.content}
    request = {
        "arch": ctx.arch,
        "name": build.name,
        "stage": build.stage,
        "network": build.network,
        "again": build.again,
        "arguments": {**_counted(file, build), **platform},
        "told": read,
        "config": own,
        "labels": dict(build.labels),
    }
    (layout,) = ctx.builtin(
        "dockerfile",
        1,
        [json.dumps(request, sort_keys=True)],
        inputs=[
            Input("Dockerfile", Inline(file.rewritten(names, isolated=not build.network).encode())),
            *_context(ctx, build),
            *(item for use, base in bases.items() for item in base.inputs(f"bases/{names[use]}")),
        ],
        outputs=[DeclaredOutput(f"{ctx.label.name}.{GROUP}", tree=True)],
        message=f"build the Dockerfile of {ctx.label.short} for {ctx.arch}",
        resources=_RESOURCES,
        reproducible=not build.network,
    )
    (layer,) = ctx.builtin(
        "oci_image_root",
        1,
        [],
        inputs=[Input("image", layout)],
        outputs=[DeclaredOutput("layer.tar")],
        message=f"layer of {ctx.label.short}",
    )
    labels = {**read.get("Labels", {}), **build.labels}
    return Built(layout=layout, layer=layer, config=told({**read, **own, "Labels": labels}))


def container_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """What an image's configuration says, as container fields; its user is not among them."""
    found = {
        "command": (*config.get("Entrypoint", ()), *config.get("Cmd", ())),
        "env": tuple(config.get("Env", ())),
        "cwd": config.get("WorkingDir", ""),
    }
    return {name: value for name, value in found.items() if value}


def user_of(ctx: RuleContext, config: Mapping[str, Any]) -> dict[str, int]:
    """The user of an image as container fields: those that the target sets stand anyhow."""
    user, _, group = str(config.get("User", "")).partition(":")
    found = {}
    for name, text in (("uid", user), ("gid", group)):
        if not text or text == "root" or ctx.attrs[name] is not None:
            continue
        if not (text.isascii() and text.isdecimal()):
            ctx.fail(f"the Dockerfile's USER {text} is a name, which only its image knows", attr=("dockerfile",), hint=f"say `{name}:`")
        found[name] = int(text)
    return found


def _parsed(text: Text, configuration: Configuration, build: Build) -> Dockerfile:
    given: dict[str, str] = {**build.optional, **build.arguments}
    for prefix, arch in (("TARGET", configuration.arch), ("BUILD", configuration.exec_arch)):
        parts = {"PLATFORM": f"linux/{arch}", "OS": "linux", "ARCH": arch, "VARIANT": ""}
        given.update({f"{prefix}{name}": value for name, value in parts.items()})
    return parse(text.content, text.path, given=given, target=build.stage)


def _counted(file: Dockerfile, build: Build) -> dict[str, str]:
    """The build arguments that the Dockerfile declares."""
    optional = {name: value for name, value in build.optional.items() if name in file.declared}
    return {**optional, **build.arguments}


def _label(use: Use, target: Target) -> Label | None:
    """The target that is meant by a reference, or None where that is a locked image. Raises LabelError as LoadError at the reference."""
    if use.reference.startswith(SCHEME):
        try:
            return Label.parse(use.reference.removeprefix(SCHEME), package=target.label.package)
        except LabelError as error:
            message = f"'{use.reference}' names no target: {error.message}"
            raise AnalysisError(message, position=use.position, hint=error.hint, label=str(target.label)) from None
    bases: Mapping[str, Label] = target.attrs["bases"]
    name = use.reference.partition("@")[0]
    untagged = name[: name.rfind(":")] if ":" in name.rpartition("/")[2] else name
    return bases.get(use.reference) or bases.get(untagged)


def _base(ctx: RuleContext, use: Use) -> BaseInfo:
    label = _label(use, ctx.target)
    if label is not None:
        found = ctx.dep(label, execution=use.execution).get(BaseInfo)
        if found is None:
            hint = "a package or an oci_image is one"
            raise AnalysisError(f"{label.short} is no image to build upon", position=use.position, hint=hint, label=str(ctx.label))
        return found
    lock = ctx.attrs["image_lock"]
    if lock is None:
        raise AnalysisError(
            f"'{use.reference}' is whatever an engine or a registry has under this name",
            position=use.position,
            hint=f"write {SCHEME}//package for a target, map it to one by `bases:`, or lock it: `image_lock:` is the label of an oci_lock",
            label=str(ctx.label),
        )
    images = LockedImages(ctx, lock)
    return images.base(images.entry(use.reference, use.position, execution=use.execution))


def _context(ctx: RuleContext, build: Build) -> Iterator[Input]:
    """The files of the context, at their paths in it."""
    patterns = ctx.attrs["dockerignore"]
    left_out = ignored(patterns.content, patterns.path) if patterns is not None else lambda _: False
    prefix = f"{ctx.label.package}/" if ctx.label.package else ""
    found: dict[str, Input] = {}
    for index, part in enumerate(ctx.attrs["context"]):
        own: SourceFile | TargetRef = part
        for item in ctx.files(own):
            source = isinstance(item.artifact, SourceFile)
            path = item.artifact.path.removeprefix(prefix) if isinstance(item.artifact, SourceFile) else item.name
            if source and left_out(path):
                continue
            _add(ctx, found, Input(f"context/{path}", item.artifact), ("context", index))
    for more in build.extra:
        _add(ctx, found, Input(f"context/{more.path}", more.artifact), ("context",))
    yield from found.values()


def _add(ctx: RuleContext, found: dict[str, Input], item: Input, attr: tuple[str | int, ...]) -> None:
    if found.setdefault(item.path, item).artifact != item.artifact:
        ctx.fail(f"two files of the context are called {posixpath.relpath(item.path, 'context')}", attr=attr)


def _overrides(given: Mapping[str, Any]) -> dict[str, Any]:
    """Of an image's `config` what container fields stand in place of."""
    found: dict[str, Any] = {}
    if given.get("command"):
        found |= {"Entrypoint": list(given["command"]), "Cmd": []}
    if given.get("env"):
        found["Env"] = list(given["env"])
    if given.get("cwd"):
        found["WorkingDir"] = given["cwd"]
    if given.get("uid") is not None or given.get("gid") is not None:
        found["User"] = f"{given.get('uid') or 0}:{given.get('gid') or 0}"
    return found
