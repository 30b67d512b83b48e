"""linuxkit_package: a folder of LinuxKit's, with its Dockerfile and build.yml, as a package. Nothing in the folder changes.

What build.yml says is lkbuild.linuxkit's to read, what a Dockerfile says lkbuild.dockerfile's. Does not know what the package is for.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterator
from typing import Any, Final

from lkbuild.linuxkit.images import LABEL
from lkbuild.linuxkit.package import PackageFile, read_package
from lkbuild.model.action import DeclaredOutput, Input
from lkbuild.model.artifact import SourceFile
from lkbuild.model.attrs import Attr, File, FrozenMap, ListOf, MapOf, TextFile
from lkbuild.model.configuration import Configuration
from lkbuild.model.rule import Discovered, Rule, RuleContext
from lkbuild.model.target import Target

from ..dockerfiles import SCHEME, Build, build_image, container_of, dependencies_of, own_attrs
from ..oci import LockedImages
from .container import container

_PACKAGE: Final = "@lkt:pkg:"
_PACKAGES: Final = "@lkt:pkgs:"


def analyze(ctx: RuleContext) -> list[Any]:
    """The image of the Dockerfile, with the label that build.yml asks for."""
    package = _package(ctx.target)
    _check(ctx, package)
    built = build_image(ctx, _build(ctx.target, package, extra=(*_extra(ctx, package), *_images(ctx, package))))
    return built.providers(ctx, {**container_of(built.config), **container(package)})


def _package(target: Target) -> PackageFile:
    text = target.attrs["build_yml"]
    return read_package(text.content, text.path)


def _check(ctx: RuleContext, package: PackageFile) -> None:
    """What stands in both files is the same, and the package is for this architecture."""
    text, wanted = ctx.attrs["dockerfile"], posixpath.join(ctx.label.package, package.dockerfile)
    if text.path != wanted:
        ctx.fail(f"build.yml names {wanted}", attr=("dockerfile",), hint=f"say `dockerfile: {package.dockerfile}`")
    if ctx.arch not in package.arches:
        hint = f"say `arches: [{', '.join(package.arches)}]` of the target, which leaves it out where all are asked for"
        raise package.places.error(("arches",), f"{package.name} is not for {ctx.arch}", hint)


def _build(target: Target, package: PackageFile, *, extra: tuple[Input, ...] = ()) -> Build:
    labels = {"org.opencontainers.image.source": package.gitrepo}
    if package.config is not None:
        labels[LABEL] = json.dumps(_plain(package.config), sort_keys=True)
    return Build(
        arguments=dict(_arguments(target, package)),
        network=package.network,
        again=package.again,
        name=package.name,
        labels=labels,
        extra=extra,
        # What LinuxKit passes to every build. REVISION is not among them: it tells of a commit, and not of what is built.
        optional={
            "SOURCE": package.gitrepo,
            "GOPKGVERSION": "0.0.0",
            "PKG_HASH": "@{inputs}",
            "PKG_IMAGE": f"{package.name}:@{{inputs}}",
        },
    )


def _arguments(target: Target, package: PackageFile) -> Iterator[tuple[str, str]]:
    """Build arguments; a package that one names is a target."""
    for number, (name, value) in enumerate(package.build_args):
        if value.startswith(_PACKAGES):
            hint = f"write NAME={_PACKAGE}PATH for each package"
            raise package.places.error(("buildArgs", number), f"'{value}' stands for whatever folders there are", hint)
        if value.startswith(_PACKAGE):
            folder = posixpath.normpath(posixpath.join(target.label.package, value.removeprefix(_PACKAGE)))
            yield name, f"{SCHEME}//{folder}"
        else:
            yield name, value


def _extra(ctx: RuleContext, package: PackageFile) -> Iterator[Input]:
    """Files of other folders, which are other packages' here: by label."""
    for number, (source, target) in enumerate(package.extra_sources):
        given = ctx.attrs["extra"].get(source)
        if given is None:
            hint = f'say `extra: {{"{source}": [//package:files]}}` of the target, a filegroup of that folder'
            raise package.places.error(("extra-sources", number), f"'{source}' is in no target", hint)
        folder = posixpath.normpath(posixpath.join(ctx.label.package, source))
        for item in ctx.files(given):
            name = item.artifact.path if isinstance(item.artifact, SourceFile) else item.name
            yield Input(posixpath.join(target, name.removeprefix(f"{folder}/")), item.artifact)


def _images(ctx: RuleContext, package: PackageFile) -> Iterator[Input]:
    """The archive of the images that the context holds."""
    if not package.images:
        return
    lock = ctx.attrs["image_lock"]
    if lock is None:
        raise package.places.error(("depends", "docker-images"), "the images are in no lock", "say `image_lock:`, the label of an oci_lock")
    images = LockedImages(ctx, lock)
    inputs: list[Input] = []
    for number, reference in enumerate(package.images):
        entry = images.entry(reference, package.places.position("depends", "docker-images", "list", number))
        inputs += images.base(entry).inputs(f"{number:03d}")
    (archive,) = ctx.builtin(
        "oci_archive",
        1,
        list(package.images),
        inputs=inputs,
        outputs=[DeclaredOutput("images.tar")],
        message=f"images in the context of {ctx.label.short}",
    )
    yield Input(package.images_at, archive)


def _plain(value: Any) -> Any:
    if isinstance(value, FrozenMap):
        return {name: _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _discover(target: Target, configuration: Configuration) -> Iterator[Discovered]:
    text = target.attrs["build_yml"]
    if not text.missing:
        yield from dependencies_of(target, configuration, _build(target, _package(target)))


RULE = Rule(
    name="linuxkit_package",
    doc="""A package of LinuxKit's form: its folder with a Dockerfile and a build.yml, unchanged, beside a BUILD.yaml with this target.

`build.yml` is read as `linuxkit pkg build` reads it, the Dockerfile is [built by an engine](../guide/dockerfiles.md), and the container
is what its label says, with LinuxKit's defaults. A package that the Dockerfile builds upon is a dependency: `bases:` says which target
a reference means. How this differs from LinuxKit is in the guide.""",
    attrs={
        "build_yml": Attr(type=TextFile(), implied=("build.yml",), doc="The package's build.yml."),
        **own_attrs(implied=True),
        "extra": Attr(
            type=MapOf(value=ListOf(item=File(), single=True)),
            default=FrozenMap(),
            doc="Files of the folders that build.yml names as `extra-sources`, by the folder as it stands there.",
        ),
    },
    analyze=analyze,
    discover=_discover,
)
