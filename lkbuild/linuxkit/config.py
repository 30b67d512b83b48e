"""A linuxkit.yml as values, and several merged into one as LinuxKit merges them. Pure.

What LinuxKit checks before it looks at any image is checked here. Does not know what an image says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from typing import Any, Final

from lkbuild.base.errors import LoadError, Position
from lkbuild.base.values import dataclass
from lkbuild.linuxkit.decode import Decoder, Places, Templates, no_templates
from lkbuild.linuxkit.scalars import resolve
from lkbuild.linuxkit.schema import CONFIGURATION, LABEL, TEXT, Record
from lkbuild.model.attrs import FrozenMap
from lkbuild.model.references import expand
from lkbuild.syntax.general import parse
from lkbuild.syntax.nodes import Fields, Node, Scalar
from lkbuild.syntax.source import Source

#: Sections of containers, in the order in which ids are given to them.
SECTIONS: Final = ("onboot", "onshutdown", "services")
#: A label may name them, as long as it says nothing: LinuxKit writes its own values over them before it checks.
_NAMED_LABEL: Final = Record(LABEL.what, {**LABEL.fields, "name": TEXT, "image": TEXT})
_VOLUME_NAME: Final = re.compile(r"[a-z0-9_-]*\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Something that is written in a file: its values, and where they stand."""

    values: FrozenMap
    places: Places = field(repr=False, compare=False)

    def get(self, name: str, default: Any = None) -> Any:
        """A value, or the default where it is not written."""
        return self.values.get(name, default)


@dataclass(frozen=True, slots=True, kw_only=True)
class Container(Part):
    """An entry of onboot, onshutdown or services. `reference`: its image's, with the host."""

    name: str
    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume(Part):
    """An entry of volumes. `reference`: its image's, with the host, or None for an empty one."""

    name: str
    reference: str | None

    @property
    def merged(self) -> str:
        """Where its content is in the image, once mounted."""
        return f"/containers/volumes/{self.name}/merged"

    @property
    def readonly(self) -> bool:
        """Whether nothing may be written to it."""
        return bool(self.get("readonly", False))


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned:
    """Something that LinuxKit takes without a word and that is not what it seems."""

    position: Position
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What one or several files say.

    Attributes:
        kernel: image (expanded), cmdline, binary, tar, ucode: those that are written.
        kernel_places: where these are written.
        init: expanded references, with where they stand.
        containers: by section.
        files: as written.
        volumes: by name.
        warnings: what to tell the user.
    """

    kernel: Mapping[str, str] = field(default_factory=FrozenMap)
    kernel_places: Mapping[str, Position] = field(default_factory=dict)
    init: tuple[tuple[str, Position], ...] = ()
    containers: Mapping[str, tuple[Container, ...]] = field(default_factory=lambda: dict.fromkeys(SECTIONS, ()))
    files: tuple[Part, ...] = ()
    volumes: Mapping[str, Volume] = field(default_factory=dict)
    warnings: tuple[Warned, ...] = ()

    def references(self) -> Iterator[tuple[str, Position]]:
        """The images that are named, each with where it is; one may be there several times."""
        if (found := self.kernel_image()) is not None:
            yield found
        yield from self.init
        for section in SECTIONS:
            yield from ((container.reference, container.places.position("image")) for container in self.containers[section])
        for volume in self.volumes.values():
            if volume.reference is not None:
                yield volume.reference, volume.places.position("image")

    def kernel_image(self) -> tuple[str, Position] | None:
        """The image that the kernel is taken from, with where it is named; None where there is no kernel."""
        return (self.kernel["image"], self.kernel_places["image"]) if self.kernel.get("image") else None

    def kernel_files(self) -> dict[str, str]:
        """What the kernel's image must have, by the field that names it: microcode that is not there is left out."""
        tar = self.kernel.get("tar", "kernel.tar")
        return {"binary": self.kernel.get("binary") or "kernel", **({"tar": tar} if tar not in ("", "none") else {})}

    def ids(self) -> dict[str, int]:
        """The number that each container's name stands for: from 100 upward, the last of a name counts."""
        names = [container.name for section in SECTIONS for container in self.containers[section]]
        return {name: 100 + index for index, name in enumerate(names)}


def read(data: bytes, file: str, templates: Templates = no_templates) -> Config:
    """One file. `templates` resolves `@pkg:` texts. Raises LoadError at the first place that is wrong."""
    source, root, second = parse(data, file)
    warnings = []
    if second is not None:
        warnings.append(
            Warned(position=source.position(second), message="what follows this line is not read: a linuxkit.yml is one document")
        )
    if root is None or _is_null(root):
        return Config(warnings=tuple(warnings))
    decoder = Decoder(source, templates)
    values = decoder.value(root, CONFIGURATION)
    return of_values(values, decoder.places, tuple(warnings))


def of_values(values: FrozenMap, places: Places, warned: tuple[Warned, ...] = ()) -> Config:
    """The configuration of values that the schema allows. Raises LoadError."""
    warnings = list(warned)
    if "trust" in values:
        message = "'trust' has no effect: LinuxKit removed Notary in 2021. Digests in a lock do what it was for"
        warnings.append(Warned(position=places.position("trust"), message=message))
    kernel = dict(values.get("kernel", {}))
    if kernel.get("image"):
        kernel["image"] = _reference(kernel["image"], places, "kernel", "image")
    return merge(
        [
            Config(
                kernel=FrozenMap(kernel),
                kernel_places={name: places.position("kernel", name) for name in kernel},
                init=tuple(
                    (_reference(text, places, "init", index), places.position("init", index))
                    for index, text in enumerate(values.get("init", ()))
                ),
                containers={section: tuple(_containers(values.get(section, ()), places.below(section))) for section in SECTIONS},
                files=tuple(Part(values=item, places=places.below("files", index)) for index, item in enumerate(values.get("files", ()))),
                volumes=_volumes(values.get("volumes", ()), places.below("volumes")),
                warnings=tuple(warnings),
            )
        ]
    )


def label(text: str, reference: str) -> Part:
    """The settings of an image's label. Raises LoadError: LinuxKit refuses a label that its schema does not allow."""
    file = f"{reference} (label org.mobyproject.config)"
    source, root, _ = parse(text.encode("utf-8", "surrogatepass"), file)
    if root is None:
        raise Source(file).error((0, 0), "the label is empty", "an object is expected: {}")
    if isinstance(root, Fields):  # null is no name
        root = Fields(
            tuple((key, value) for key, value in root.pairs if key.text not in ("name", "image") or not _is_null(value)), root.spot
        )
    decoder = Decoder(source)
    values: FrozenMap = decoder.value(root, _NAMED_LABEL)
    for name in ("name", "image"):
        if values.get(name):
            raise decoder.places.error((name,), f"a label can't say '{name}'", "it is for whoever runs the image to say: take it out")
    return Part(values=values, places=decoder.places)


def merge(configs: Iterable[Config]) -> Config:
    """Several files, in their order: the kernel's fields override, all else is joined. Raises LoadError."""
    kernel: dict[str, str] = {}
    init: list[tuple[str, Position]] = []
    containers: dict[str, list[Container]] = {section: [] for section in SECTIONS}
    files: list[Part] = []
    volumes: dict[str, Volume] = {}
    warnings: list[Warned] = []
    places: dict[str, Position] = {}
    for config in configs:
        # An empty image, cmdline or binary overrides nothing; an empty tar or ucode says that there is none.
        overriding = {name: value for name, value in config.kernel.items() if value or name in ("tar", "ucode")}
        kernel |= overriding
        places |= {name: config.kernel_places[name] for name in overriding}
        init += config.init
        for section in SECTIONS:
            containers[section] += config.containers[section]
        files += config.files
        for volume in config.volumes.values():
            _add_volume(volumes, volume)
        warnings += config.warnings
    _unique_services(containers["services"])
    return Config(
        kernel=FrozenMap(kernel),
        kernel_places=places,
        init=tuple(init),
        containers={section: tuple(found) for section, found in containers.items()},
        files=tuple(files),
        volumes=volumes,
        warnings=tuple(warnings),
    )


def _is_null(node: Node) -> bool:
    return isinstance(node, Scalar) and node.plain and resolve(node.text) is None


def _containers(items: tuple[FrozenMap, ...], places: Places) -> Iterable[Container]:
    for index, item in enumerate(items):
        here = places.below(index)
        settings = FrozenMap({name: value for name, value in item.items() if name not in ("name", "image")})
        yield Container(name=item["name"], reference=_reference(item["image"], here, "image"), values=settings, places=here)


def _volumes(items: tuple[FrozenMap, ...], places: Places) -> dict[str, Volume]:
    found: dict[str, Volume] = {}
    for index, item in enumerate(items):
        here, name = places.below(index), item.get("name", "")
        if not _VOLUME_NAME.match(name):
            raise here.error(("name",), f"'{name}' can't be the name of a volume", "names hold a-z, 0-9, _ and - only")
        if name in found:
            raise _twice(here, found[name], f"two volumes are called '{name}'")
        image = item.get("image", "")
        found[name] = Volume(name=name, reference=_reference(image, here, "image") if image else None, values=item, places=here)
    return found


def _add_volume(volumes: dict[str, Volume], volume: Volume) -> None:
    first = volumes.setdefault(volume.name, volume)
    if first.values != volume.values:
        raise _twice(volume.places, first, f"the volume '{volume.name}' is declared twice, differently")


def _unique_services(services: list[Container]) -> None:
    seen: dict[str, Container] = {}
    for service in services:
        first = seen.setdefault(service.name, service)
        if first is not service:
            raise _twice(service.places, first, f"two services are called '{service.name}'")


def _twice(places: Places, first: Part, message: str) -> LoadError:
    related = ((first.places.position("name"), "first written here"),)
    return places.error(("name",), message, "give one of them another name", related)


def _reference(text: str, places: Places, *path: str | int) -> str:
    try:
        return expand(text)
    except ValueError:
        raise places.error(path, f"'{text}' names no image", "write name, org/name or host/org/name, then :tag or @sha256:digest") from None
