"""A volume of format `oci`: the OCI layout of an image, of all platforms that are locked or of those listed. Does not unpack it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from lkbuild.linuxkit.config import Volume
from lkbuild.model.action import Input
from lkbuild.model.artifact import Output
from lkbuild.model.oci_lock import OciEntry
from lkbuild.model.rule import RuleContext

from ..file_entries import layer
from ..oci import LockedImages
from .images import Images

_INDEX: Final = "application/vnd.oci.image.index.v1+json"
_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"


def oci_volume(ctx: RuleContext, known: Images, volume: Volume) -> Output:
    """Emit the layer with the layout. Raises LoadError, AnalysisError at what the volume says."""
    if volume.reference is None:
        raise volume.places.error(("format",), "a volume of format oci needs an image", "write image: and its reference")
    if known.is_target(volume.reference):
        hint = "only what a lock holds has digests before it is built: take the format filesystem"
        raise volume.places.error(("image",), "a volume of format oci can't hold an image of this workspace", hint)
    images = known.locked(volume.places.position("image"))
    entries = _platforms(images, volume, volume.reference)
    digests = {digest: entry.reference for entry in entries for digest in (entry.manifest, entry.config_blob, *entry.layers)}
    paths = {digest: f"blobs/sha256/{digest.removeprefix('sha256:')}" for digest in digests}
    files = [
        _file("oci-layout", contents=json.dumps({"imageLayoutVersion": "1.0.0"})),
        _file("index.json", contents=json.dumps(_index(volume.reference, entries), indent=1)),
        *(_file(path, input=f"in/{path}") for path in paths.values()),
    ]
    inputs = [Input(f"in/{path}", images.blob(digests[digest], digest)) for digest, path in paths.items()]
    return layer(ctx, files, inputs, message=f"layout in the volume {volume.name}")


def _platforms(images: LockedImages, volume: Volume, reference: str) -> Sequence[OciEntry]:
    images.entry(reference, volume.places.position("image"))  # for its error, where there is none at all
    found = {f"linux/{entry.arch}": entry for entry in images.platforms(reference)}
    listed: Sequence[str] = volume.get("platforms", ())
    for index, platform in enumerate(listed):
        if platform not in found:
            message = f"{reference} is not locked for {platform}"
            raise volume.places.error(("platforms", index), message, f"it is locked for {', '.join(found)}")
    return [found[platform] for platform in listed] or list(found.values())


def _index(reference: str, entries: Sequence[OciEntry]) -> dict[str, Any]:
    manifests = [
        {
            "mediaType": _MANIFEST,
            "digest": entry.manifest,
            "size": entry.manifest_size,
            "platform": {"architecture": entry.arch, "os": "linux"},
            "annotations": {"org.opencontainers.image.ref.name": reference},
        }
        for entry in entries
    ]
    return {"schemaVersion": 2, "mediaType": _INDEX, "manifests": manifests}


def _file(path: str, **more: str) -> dict[str, Any]:
    return {"path": path, "kind": "file", "mode": 0o644, **more}
