"""package: an OS package. Layers of a root file system, and how the container that runs it is set up.

Each Debian package is a layer of its own, so that packages that share a library share its layer. Does not know images.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from lkbuild.model.action import DeclaredOutput, Input
from lkbuild.model.artifact import Artifact, NamedArtifact, Output
from lkbuild.model.attrs import Attr, Boolean, FrozenMap, Integer, LabelOf, ListOf, MapOf, String
from lkbuild.model.configuration import Configuration
from lkbuild.model.providers import Files, OutputGroups
from lkbuild.model.rule import Discovered, Rule, RuleContext
from lkbuild.model.target import Target

from ..container_fields import CONTAINER_FIELDS, SUPERVISION_FIELDS
from ..debs import closure_of
from ..dockerfiles import PACKAGE_ATTRS, Build, build_image, container_of, dependencies_of, user_of
from ..file_entries import FILES, files_layer
from ..file_entries import layer as entries_layer
from ..oci_layout import GROUP, JOINT, image_config, linuxkit_label, oci_layout
from ..providers import BaseInfo, LayerInfo, PackageInfo
from .skeleton import skeleton_entries

#: What other packages are made of.
_NOT_OF_A_DOCKERFILE: Final = ("debs", "files", "layers", "users", "initramfs")
#: What an image does not need of a Debian package: documentation, translations, what only package managers and shells use.
DEFAULT_EXCLUDE: Final = (
    "usr/share/doc/**",
    "usr/share/doc-base/**",
    "usr/share/man/**",
    "usr/share/info/**",
    "usr/share/locale/**",
    "usr/share/i18n/**",
    "usr/share/lintian/**",
    "usr/share/bash-completion/**",
    "usr/share/zsh/**",
    "usr/share/fish/**",
    "usr/share/bug/**",
    "usr/share/initramfs-tools/**",
    "usr/lib/systemd/**",
    "usr/lib/tmpfiles.d/**",
    "usr/lib/sysusers.d/**",
    "usr/lib/udev/**",
    "usr/lib/*/gconv/**",
    # Of the C library: vector mathematics, which compilers use with -ffast-math alone, and what debuggers and profilers preload.
    "usr/lib/*/libmvec.so.*",
    "usr/lib/*/libc_malloc_debug.so.*",
    "usr/lib/*/libthread_db.so.*",
    "usr/lib/*/libmemusage.so",
    "usr/lib/*/libpcprofile.so",
    "usr/lib/*/audit/**",
    "etc/init.d/**",
    "etc/default/**",
    "etc/cron.*/**",
    "etc/logrotate.d/**",
    "etc/apparmor.d/**",
    "var/**",
)


def analyze(ctx: RuleContext) -> list[Any]:
    """Layers, topmost first: own files, other targets' layers, Debian packages, the skeleton; or the one of a Dockerfile."""
    if ctx.attrs["dockerfile"] is not None:
        return _of_dockerfile(ctx)
    own: tuple[Artifact, ...] = ()
    if ctx.attrs["files"]:
        own = (files_layer(ctx, ctx.attrs["files"], message=f"files of {ctx.label.short}"),)
    given = tuple(
        layer for index, label in enumerate(ctx.attrs["layers"]) for layer in ctx.require(label, LayerInfo, attr=("layers", index)).layers
    )
    debs = _deb_layers(ctx) if ctx.attrs["debs"] else ()
    skeleton: tuple[Artifact, ...] = ()
    if ctx.attrs["skeleton"]:
        skeleton = (entries_layer(ctx, skeleton_entries(ctx.attrs["users"]), message="skeleton of a root file system"),)
    initramfs = ctx.attrs["initramfs"]
    layers = (*((*own, *given) if not initramfs else ()), *debs, *skeleton)
    container = FrozenMap(_container(ctx))
    every = tuple(dict.fromkeys((*own, *given, *debs, *skeleton)))
    layout = oci_layout(ctx, every, container, ctx.attrs["labels"])
    return [
        PackageInfo(name=ctx.label.name, layers=layers, initramfs=(*own, *given) if initramfs else (), container=container),
        LayerInfo(layers),
        Files(tuple(_named(layer, index) for index, layer in enumerate(every))),
        BaseInfo(layout=(Input("", layout),), config=FrozenMap(image_config(container, ctx.attrs["labels"]))),
        OutputGroups({GROUP: (NamedArtifact(f"{ctx.label.name}.{GROUP}", layout),)}),
        JOINT,
    ]


def _container(ctx: RuleContext) -> dict[str, Any]:
    return {name: ctx.attrs[name] for name in (*CONTAINER_FIELDS, *SUPERVISION_FIELDS) if ctx.attrs[name] is not None}


def _of_dockerfile(ctx: RuleContext) -> list[Any]:
    """The image of the Dockerfile is all of it; how it is run is what that says, and above it what the target says."""
    for name in _NOT_OF_A_DOCKERFILE:
        if ctx.attrs[name]:
            ctx.fail(f"a package of a Dockerfile has no {name}", attr=(name,), hint="put it into the context, or into another package")
    given = _container(ctx)
    label = linuxkit_label(given) if given else {}
    build = replace(_build(ctx.target), given=given, labels={**label, **ctx.attrs["labels"]})
    built = build_image(ctx, build)
    return built.providers(ctx, {**container_of(built.config), **user_of(ctx, built.config), **given})


def _build(target: Target) -> Build:
    attrs = target.attrs
    return Build(arguments=attrs["build_args"], stage=attrs["stage"], network=attrs["network"], name=target.label.name)


def _discover(target: Target, configuration: Configuration) -> Iterator[Discovered]:
    return dependencies_of(target, configuration, _build(target))


def _named(layer: Artifact, index: int) -> NamedArtifact:
    name = layer.action.owner.partition(" ")[0].rpartition("/")[2] if isinstance(layer, Output) else "layer"
    return NamedArtifact(f"{index:03d}-{name}.tar", layer)


def _deb_layers(ctx: RuleContext) -> tuple[Artifact, ...]:
    lock = ctx.attrs["lock"]
    if lock is None:
        ctx.fail("debs need a lock", attr=("debs",), hint="add `lock: //pkg/debian`, the label of a deb_lock target")
    request = json.dumps({"exclude": [*DEFAULT_EXCLUDE, *ctx.attrs["exclude"]], "keep": list(ctx.attrs["keep"])}, sort_keys=True)
    found = []
    for entry, deb in closure_of(ctx, lock, ctx.attrs["debs"], without=ctx.attrs["debs_without"]):
        (layer,) = ctx.builtin(
            "deb_layer",
            1,
            [request],
            inputs=[Input("package.deb", deb)],
            outputs=[DeclaredOutput("layer.tar")],
            message=f"layer of {entry.name}",
        )
        found.append(layer)
    return tuple(found)


RULE = Rule(
    name="package",
    doc="""An OS package: what a container of an image runs, or what goes into an image's root.

Its root file system is made of layers: its own `files`, the `layers` of other targets, one layer for each Debian package of
the closure of `debs`, and a skeleton (directories, users, links) at the bottom. Or it is the image of a
[Dockerfile](../guide/dockerfiles.md), which an engine builds. It also takes every container field of LinuxKit, as defaults for the
images that use it. Its further output `:x.oci` is the same as an OCI image layout; of several architectures (`--arch all`) it is one
layout with an index.""",
    attrs={
        "lock": Attr(type=LabelOf(provides=("DebLockInfo",)), doc="The lock that `debs` come from."),
        "debs": Attr(type=ListOf(item=String()), default=(), doc="Debian packages; their closure is taken."),
        "debs_without": Attr(type=ListOf(item=String()), default=(), doc="Packages to leave out of the closure, with what only they need."),
        "exclude": Attr(type=ListOf(item=String()), default=(), doc="Patterns of paths to leave out of Debian packages."),
        "keep": Attr(type=ListOf(item=String()), default=(), doc="Patterns of paths to keep although they are left out by default."),
        "files": Attr(type=FILES, default=(), doc="Single files, as in LinuxKit's `files:`."),
        "layers": Attr(type=ListOf(item=LabelOf(provides=("LayerInfo",))), default=(), doc="Targets whose layers it has, too."),
        "labels": Attr(type=MapOf(value=String(lenient=True)), default=FrozenMap(), doc="Labels of its OCI image, `:x.oci`."),
        "users": Attr(type=MapOf(value=Integer(minimum=1, maximum=65533)), default={}, doc="Users and groups to know, by name."),
        "skeleton": Attr(type=Boolean(), default=True, doc="Whether the skeleton is at its bottom."),
        "initramfs": Attr(
            type=Boolean(),
            default=False,
            doc="Its files go to the initramfs itself: the program that is PID 1. Debian packages go to the root as usual.",
        ),
        **PACKAGE_ATTRS,
        **CONTAINER_FIELDS,
        **SUPERVISION_FIELDS,
    },
    groups={GROUP: "an OCI image layout, which other engines run; of several architectures, one layout with an index"},
    analyze=analyze,
    discover=_discover,
)
