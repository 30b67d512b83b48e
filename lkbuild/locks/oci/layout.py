"""An OCI image layout: images by reference name, their configuration, their layers. Every blob that is read is checked by its digest.

Source: OCI image specification 1.1, image-layout.md, image-index.md, manifest.md. Knows no references but as texts, and
files by what reads them.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from lkbuild.base.errors import FetchError, LoadError
from lkbuild.base.values import dataclass

_INDICES: Final = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}\Z")
#: Where tools put the name of an image: the specification's, which often is the tag alone, and containerd's.
_NAMES: Final = ("io.containerd.image.name", "org.opencontainers.image.ref.name")
_JSON_MAX: Final = 8 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class OciBlob:
    """A blob that a manifest names."""

    digest: str
    size: int
    media_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OciImage:
    """One image for one platform: its manifest's digest and size, its configuration (digest and JSON object), layers from the lowest."""

    manifest: str
    manifest_size: int
    config_blob: str
    config: Mapping[str, Any]
    layers: tuple[OciBlob, ...]


#: Reads a file of a layout by its path in it, no more than so many bytes; raises OSError.
ReadFile = Callable[[str, int], bytes]


def from_folder(folder: Path) -> ReadFile:
    """Reads the files of a layout on disk."""

    def read(path: str, limit: int) -> bytes:
        with (folder / path).open("rb") as file:
            return file.read(limit)

    return read


class Layout:
    """`index.json` and `blobs/`, read when asked for."""

    def __init__(self, read: ReadFile, name: str) -> None:
        """Read the index; `name` is what the layout is called in errors. Raises LoadError where there is none, FetchError for damage."""
        self._read = read
        self._name = name
        try:
            data = read("index.json", _JSON_MAX)
        except OSError as error:
            hint = "an OCI layout is a folder with index.json and blobs/: `skopeo copy docker://... oci:...` writes one"
            raise LoadError(f"no OCI layout in {name}: {error.strerror}", hint=hint) from None
        self._index = _object(data, f"{name}/index.json")
        self.names: Mapping[str, str] = dict(self._names())

    def image(self, digest: str, arch: str) -> OciImage:
        """The image of a digest (an index's or a manifest's) for Linux on an architecture. Raises FetchError."""
        found = self._json(digest)
        if not _is_index(found):
            return self._image(digest)
        platforms = dict(self._platforms(found))
        if arch not in platforms:
            raise FetchError(f"{digest} has no image for linux/{arch}", hint=f"it has: {', '.join(platforms) or 'nothing'}")
        return self._image(platforms[arch])

    def arches(self, digest: str) -> tuple[str, ...]:
        """The architectures, in OCI's names, that an image has for Linux. Raises FetchError."""
        found = self._json(digest)
        if _is_index(found):
            return tuple(arch for arch, _ in self._platforms(found))
        return (str(self._image(digest).config.get("architecture")),)

    def _image(self, digest: str) -> OciImage:
        data = self._blob(digest)
        manifest = _object(data, blob_path(digest))
        config = manifest.get("config")
        if not isinstance(config, dict):
            raise FetchError(f"{digest} in {self._name} is no image manifest")
        layers = tuple(_blob(item) for item in manifest.get("layers", ()))
        blob = str(config.get("digest"))
        return OciImage(manifest=digest, manifest_size=len(data), config_blob=blob, config=self._json(blob), layers=layers)

    def _names(self) -> list[tuple[str, str]]:
        found = []
        for item in self._index.get("manifests", ()):
            notes = item.get("annotations") or {}
            found += [(str(notes[key]), str(item.get("digest"))) for key in _NAMES if key in notes]
        return found

    @staticmethod
    def _platforms(index: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        for item in index.get("manifests", ()):
            platform = item.get("platform") or {}
            if platform.get("os") == "linux":
                yield str(platform.get("architecture")), str(item.get("digest"))

    def _json(self, digest: str) -> Mapping[str, Any]:
        return _object(self._blob(digest), blob_path(digest))

    def _blob(self, digest: str) -> bytes:
        if not _DIGEST.match(digest):
            raise FetchError(f"'{digest}' is no SHA-256 digest")
        path = blob_path(digest)
        try:
            data = self._read(path, _JSON_MAX)
        except OSError as error:
            raise FetchError(f"the blob {digest} can't be read: {error.strerror}", hint=f"it should be {self._name}/{path}") from None
        if hashlib.sha256(data).hexdigest() != digest.removeprefix("sha256:"):
            raise FetchError(f"the blob {digest} is not what its name says", hint=f"{self._name}/{path} is damaged: copy the image anew")
        return data


def blob_path(digest: str) -> str:
    """Where a blob lies in a layout."""
    return f"blobs/sha256/{digest.removeprefix('sha256:')}"


def _is_index(found: Mapping[str, Any]) -> bool:
    return found.get("mediaType") in _INDICES or "manifests" in found


def _object(data: bytes, name: str) -> Mapping[str, Any]:
    try:
        found = json.loads(data)
    except ValueError as error:
        raise FetchError(f"{name} is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise FetchError(f"{name} holds no JSON object")
    return found


def _blob(item: Any) -> OciBlob:
    try:
        return OciBlob(digest=str(item["digest"]), size=int(item["size"]), media_type=str(item.get("mediaType", "")))
    except (TypeError, KeyError, ValueError, AttributeError):
        raise FetchError("a manifest names a layer without digest or size") from None
