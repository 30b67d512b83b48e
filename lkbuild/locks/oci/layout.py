"""An OCI image layout on disk: images by reference name, their configuration, their layers. Every blob is checked by its digest.

Source: OCI image specification 1.1, image-layout.md, image-index.md, manifest.md. Knows no references but as texts.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from lkbuild.base.errors import FetchError, LoadError

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
    """One image for one platform: the digest of its manifest, its configuration (the JSON object), its layers from the lowest."""

    manifest: str
    config: Mapping[str, Any]
    layers: tuple[OciBlob, ...]


class Layout:
    """A folder with `index.json` and `blobs/`. Read when asked for."""

    def __init__(self, folder: Path) -> None:
        """Read the index. Raises LoadError where there is no layout, FetchError where it is damaged."""
        self._folder = folder
        path = folder / "index.json"
        try:
            data = path.read_bytes()
        except OSError as error:
            hint = "an OCI layout is a folder with index.json and blobs/: `skopeo copy docker://... oci:...` writes one"
            raise LoadError(f"no OCI layout in {folder}: {error.strerror}", hint=hint) from None
        self._index = _object(data, str(path))
        self.names: Mapping[str, str] = dict(self._names())

    def image(self, digest: str, arch: str) -> OciImage:
        """The image of a digest (an index's or a manifest's) for Linux on an architecture. Raises FetchError."""
        found = self._json(digest)
        if found.get("mediaType") in _INDICES or "manifests" in found:
            digest = self._platform(found, digest, arch)
            found = self._json(digest)
        config = found.get("config")
        if not isinstance(config, dict):
            raise FetchError(f"{digest} in {self._folder} is no image manifest")
        layers = tuple(_blob(item) for item in found.get("layers", ()))
        return OciImage(manifest=digest, config=self._json(str(config.get("digest"))), layers=layers)

    def path(self, digest: str) -> Path:
        """Where the blob of a digest lies. Raises FetchError for what is no SHA-256."""
        if not _DIGEST.match(digest):
            raise FetchError(f"'{digest}' is no SHA-256 digest")
        return self._folder / "blobs" / "sha256" / digest.removeprefix("sha256:")

    def _names(self) -> list[tuple[str, str]]:
        found = []
        for item in self._index.get("manifests", ()):
            notes = item.get("annotations") or {}
            found += [(str(notes[key]), str(item.get("digest"))) for key in _NAMES if key in notes]
        return found

    def _platform(self, index: Mapping[str, Any], digest: str, arch: str) -> str:
        known = []
        for item in index.get("manifests", ()):
            platform = item.get("platform") or {}
            if (platform.get("os"), platform.get("architecture")) == ("linux", arch):
                return str(item.get("digest"))
            known.append(str(platform.get("architecture")))
        raise FetchError(f"{digest} has no image for linux/{arch}", hint=f"it has: {', '.join(known) or 'nothing'}")

    def _json(self, digest: str) -> Mapping[str, Any]:
        path = self.path(digest)
        try:
            with path.open("rb") as file:
                data = file.read(_JSON_MAX)
        except OSError as error:
            raise FetchError(f"the blob {digest} can't be read: {error.strerror}", hint=f"it should be {path}") from None
        if hashlib.sha256(data).hexdigest() != digest.removeprefix("sha256:"):
            raise FetchError(f"the blob {digest} is not what its name says", hint=f"{path} is damaged: copy the image anew")
        return _object(data, str(path))


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
