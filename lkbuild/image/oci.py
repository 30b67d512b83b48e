"""OCI images as documents: descriptors, configuration, manifest and index, in one canonical form. Equal images are equal bytes.

Pure: it is given a function that reads blobs, and does not know where they lie, nor what is in a layer.
Source: OCI image specification 1.1 (descriptor.md, config.md, manifest.md, image-index.md, image-layout.md).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Self

from lkbuild.base.digest import Digest
from lkbuild.base.values import dataclass
from lkbuild.model.tree import Directory

CONFIG: Final = "application/vnd.oci.image.config.v1+json"
MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
INDEX: Final = "application/vnd.oci.image.index.v1+json"
ZSTD_LAYER: Final = "application/vnd.oci.image.layer.v1.tar+zstd"
#: Readers prefer a manifest without it where they can't decompress zstd; skopeo and podman add it to an index that lacks it, whose digest
#: would be another one then (containers/image, internal/manifest/oci_index.go).
_ZSTD: Final = "io.github.containers.compression.zstd"
#: The file `oci-layout`, by which a directory is known to be one.
LAYOUT: Final = b'{"imageLayoutVersion":"1.0.0"}'
#: The one time of all images: what was built when is no part of what was built.
_CREATED: Final = "1970-01-01T00:00:00Z"


def canonical(value: Any) -> bytes:
    """JSON with sorted keys and without space."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Descriptor:
    """A reference to a blob.

    Attributes:
        media_type: what it is.
        sha256: of its bytes, hexadecimal.
        size: how many these are.
        arch: what a manifest is for, in Debian's names, which are Go's for every architecture that we know; None: nothing is said.
    """

    media_type: str
    sha256: str
    size: int
    arch: str | None = None

    @classmethod
    def of(cls, media_type: str, data: bytes, *, arch: str | None = None) -> Self:
        """That of bytes in memory."""
        return cls(media_type=media_type, sha256=hashlib.sha256(data).hexdigest(), size=len(data), arch=arch)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The inverse of `to_json`. Raises KeyError for what is none."""
        arch = value.get("platform", {}).get("architecture")
        return cls(media_type=value.get("mediaType", ""), sha256=value["digest"].removeprefix("sha256:"), size=value["size"], arch=arch)

    def to_json(self) -> dict[str, Any]:
        """As the specification has it; what is for an architecture is a manifest, and says that its layers are zstd's."""
        more = {"platform": {"architecture": self.arch, "os": "linux"}, "annotations": {_ZSTD: "true"}} if self.arch else {}
        return {"mediaType": self.media_type, "digest": f"sha256:{self.sha256}", "size": self.size, **more}


def configuration(config: Mapping[str, Any], arch: str, diff_ids: Sequence[str]) -> bytes:
    """The configuration of an image.

    Args:
        config: how a container of it is run: Entrypoint, Env, Labels, User, WorkingDir.
        arch: what it runs on.
        diff_ids: SHA-256 of each layer as a tar, hexadecimal, the lowest first.
    """
    rootfs = {"type": "layers", "diff_ids": [f"sha256:{sha256}" for sha256 in diff_ids]}
    return canonical({"architecture": arch, "os": "linux", "created": _CREATED, "config": dict(config), "rootfs": rootfs})


def manifest(config: Descriptor, layers: Sequence[Descriptor]) -> bytes:
    """The manifest of an image; layers are the lowest first."""
    parts = {"config": config.to_json(), "layers": [layer.to_json() for layer in layers]}
    return canonical({"schemaVersion": 2, "mediaType": MANIFEST, **parts})


def docker_manifest(config: Descriptor, layers: Sequence[Descriptor], name: str) -> bytes:
    """The file manifest.json beside a layout, by which an engine that keeps no OCI images loads it (Docker Image Specification 1.3)."""
    paths = [f"blobs/sha256/{layer.sha256}" for layer in layers]
    return canonical([{"Config": f"blobs/sha256/{config.sha256}", "RepoTags": [f"{name}:latest"], "Layers": paths}])


def index(manifests: Sequence[Descriptor]) -> bytes:
    """An index: of a layout, or of one image's manifests for several architectures."""
    return canonical({"schemaVersion": 2, "mediaType": INDEX, "manifests": [item.to_json() for item in manifests]})


def descriptors_of(data: bytes) -> tuple[Descriptor, ...]:
    """All that an index or a manifest refers to. Raises ValueError and KeyError for what is neither."""
    told = json.loads(data)
    parts = told["manifests"] if "manifests" in told else [told["config"], *told["layers"]]
    return tuple(Descriptor.from_json(item) for item in parts)


@dataclass(frozen=True, slots=True)
class ImageLayout:
    """A layout as it is stored: what its index names, and each blob's digest in the store by its SHA-256."""

    manifests: tuple[Descriptor, ...]
    blobs: Mapping[str, Digest]

    @classmethod
    def read(cls, root: Digest, get: Callable[[Digest], bytes]) -> Self:
        """The layout that is the tree `root`; `get` reads a blob. Raises ValueError and KeyError for a tree that is none."""
        top = Directory.decode(get(root))
        index = {node.name: node.digest for node in top.files}["index.json"]
        inside = top
        for name in ("blobs", "sha256"):
            inside = Directory.decode(get({node.name: node.digest for node in inside.directories}[name]))
        return cls(descriptors_of(get(index)), {node.name: node.digest for node in inside.files})
