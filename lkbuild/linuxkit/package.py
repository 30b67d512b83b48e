"""A LinuxKit package's build.yml as values: every key that `linuxkit pkg build` takes. Pure.

Strict as LinuxKit is (an unknown key is an error), and lenient where Go's yaml.v3 is: a number where a string is meant is its text.
Source: reference/linuxkit.md 3.1.
"""

from __future__ import annotations

from dataclasses import field
from typing import Any, Final

from lkbuild.base.values import dataclass
from lkbuild.linuxkit.decode import Decoder, Places
from lkbuild.linuxkit.scalars import resolve
from lkbuild.linuxkit.schema import FLAG, LABEL, TEXT, TEXTS, Kind, Record, Text
from lkbuild.model.attrs import FrozenMap
from lkbuild.syntax.general import parse
from lkbuild.syntax.nodes import Node, Scalar

#: What LinuxKit builds a package for that does not say.
ARCHES: Final = ("amd64", "arm64", "riscv64")
_IMAGES: Final = Record("docker-images", {"from-file": TEXT, "list": TEXTS, "target": TEXT, "target-dir": TEXT})
_PACKAGE: Final = Record(
    "a package",
    {
        "image": TEXT,
        "org": TEXT,
        "tag": TEXT,
        "dockerfile": TEXT,
        "arches": TEXTS,
        "extra-sources": TEXTS,
        "gitrepo": TEXT,
        "network": FLAG,
        "disable-cache": FLAG,
        "config": LABEL,
        "buildArgs": TEXTS,
        "depends": Record("depends", {"docker-images": _IMAGES}),
    },
    ("image",),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageFile:
    """What a build.yml says.

    Attributes:
        image, org: its name is `org/image`.
        dockerfile: its name in the folder.
        arches: what it is built for.
        extra_sources: (folder, relative to the package; folder in the context).
        gitrepo: where its source is.
        network: whether RUN reaches the network.
        again: nothing that a builder remembers is taken.
        config: the label that says how it is run; None: no label.
        build_args: (name, value) pairs.
        images: references of images that the context holds as archives.
        images_at: the archive in the context that holds them all.
        places: where all of it stands.
    """

    image: str
    org: str
    dockerfile: str
    arches: tuple[str, ...]
    extra_sources: tuple[tuple[str, str], ...]
    gitrepo: str
    network: bool
    again: bool
    config: FrozenMap | None
    build_args: tuple[tuple[str, str], ...]
    images: tuple[str, ...]
    images_at: str
    places: Places = field(repr=False, compare=False)

    @property
    def name(self) -> str:
        """Of its image, without a tag."""
        return f"{self.org}/{self.image}"


def read_package(text: str, file: str) -> PackageFile:
    """Read a build.yml. Raises LoadError at the first place that is not right."""
    source, root, _ = parse(text.encode("utf-8", "surrogatepass"), file)
    if root is None:
        raise source.error((0, 0), "the file is empty", "write image: and the name of the package's image")
    decoder = _GoDecoder(source)
    values: FrozenMap = decoder.value(root, _PACKAGE)
    places = decoder.places
    images: FrozenMap = values.get("depends", FrozenMap()).get("docker-images", FrozenMap())
    return PackageFile(
        image=values["image"],
        org=values.get("org", "linuxkit"),
        dockerfile=_plain_path(values.get("dockerfile", "Dockerfile"), places),
        arches=values.get("arches", ARCHES),
        extra_sources=tuple(
            _pair(text, ":", places, "extra-sources", number) for number, text in enumerate(values.get("extra-sources", ()))
        ),
        gitrepo=values.get("gitrepo", "https://github.com/linuxkit/linuxkit"),
        network=values.get("network", False),
        again=values.get("disable-cache", False),
        config=values.get("config"),
        build_args=tuple(_pair(text, "=", places, "buildArgs", number) for number, text in enumerate(values.get("buildArgs", ()))),
        images=_images(images, places),
        images_at=images.get("target", ""),
        places=places,
    )


class _GoDecoder(Decoder):
    """Go gives a field of type string the text of any scalar."""

    def _scalar(self, node: Scalar, kind: Kind) -> str | int | bool:
        if isinstance(kind, Text) and node.plain and node.text and not isinstance(resolve(node.text), str):
            return node.text
        return super()._scalar(node, kind)

    def value(self, node: Node, kind: Kind, path: tuple[str | int, ...] = ()) -> Any:
        """As Decoder; a key without a value is one that is not written."""
        if isinstance(kind, Record) and isinstance(node, Scalar) and node.plain and resolve(node.text) is None:
            return FrozenMap()
        return super().value(node, kind, path)


def _images(values: FrozenMap, places: Places) -> tuple[str, ...]:
    at = ("depends", "docker-images")
    for name in ("from-file", "target-dir"):
        if name in values:
            hint = "write list: and target: in their place"
            raise places.error((*at, name), f"'{name}' is not supported", hint)
    listed: tuple[str, ...] = values.get("list", ())
    for number, reference in enumerate(listed):
        if "@sha256:" not in reference:
            raise places.error((*at, "list", number), f"'{reference}' has no digest", "write name:tag@sha256:digest, as LinuxKit wants it")
    if listed and "target" not in values:
        raise places.error(at, "docker-images needs 'target'", "write target: and the archive's path in the context")
    return listed


def _plain_path(text: str, places: Places) -> str:
    if not text or text.startswith("/") or ".." in text.split("/"):
        raise places.error(("dockerfile",), f"'{text}' leaves the package", "a Dockerfile lies in the package's folder")
    return text


def _pair(text: str, separator: str, places: Places, name: str, number: int) -> tuple[str, str]:
    first, found, second = text.partition(separator)
    if not first or not found:
        form = "source:target" if separator == ":" else "NAME=value"
        raise places.error((name, number), f"'{text}' is not of the form {form}", f"write {form}")
    return first, second
