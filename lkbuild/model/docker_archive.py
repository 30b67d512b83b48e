"""An archive of `docker save` as the image layout that it comes to: which member is which blob. Pure: it is told what is in the archive.

Archives since Docker 25 are layouts. Older ones have manifest.json, which names configurations and layers by member: their manifests are
written here, always the same for the same image. Both sides need it: the lock (lkbuild.locks) and the action that takes a blob out.
Source: moby, image/spec/v1.2.md.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from lkbuild.base.values import dataclass

_CONFIG: Final = "application/vnd.oci.image.config.v1+json"
_INDEX: Final = "application/vnd.oci.image.index.v1+json"
_LAYER: Final = "application/vnd.oci.image.layer.v1.tar"
_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
_BLOBS: Final = "blobs/sha256/"


@dataclass(frozen=True, slots=True)
class Member:
    """A file of an archive: its name, which is another one where there is a link, and its size."""

    name: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Archived:
    """A layout: its index, the members that are blobs, and the blobs that no member is, by their SHA-256."""

    index: bytes
    members: Mapping[str, str]
    written: Mapping[str, bytes]


def archived(members: Mapping[str, Member], read: Callable[[str], bytes]) -> Archived:
    """The layout of an archive's members by path; `read` gives a small one. Raises ValueError for what is no such archive."""
    if "index.json" in members:
        blobs = {path.removeprefix(_BLOBS): member.name for path, member in members.items() if path.startswith(_BLOBS)}
        return Archived(index=read(members["index.json"].name), members=blobs, written={})
    if "manifest.json" not in members:
        raise ValueError("it has neither index.json nor manifest.json")
    try:
        return _older(json.loads(read(members["manifest.json"].name)), members, read)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"its manifest.json names what is not there: {error}") from None


def _older(told: Any, members: Mapping[str, Member], read: Callable[[str], bytes]) -> Archived:
    blobs: dict[str, str] = {}
    written: dict[str, bytes] = {}
    entries = []
    for image in told:
        data = read(members[image["Config"]].name)
        config = hashlib.sha256(data).hexdigest()
        blobs[config] = members[image["Config"]].name
        layers = []
        # A layer is a tar as it is, so its digest is the one that the configuration has for it.
        for path, diff_id in zip(image["Layers"], json.loads(data)["rootfs"]["diff_ids"], strict=True):
            blobs[diff_id.removeprefix("sha256:")] = members[path].name
            layers.append({"mediaType": _LAYER, "digest": diff_id, "size": members[path].size})
        described = {"mediaType": _CONFIG, "digest": f"sha256:{config}", "size": len(data)}
        manifest = _canonical({"schemaVersion": 2, "mediaType": _MANIFEST, "config": described, "layers": layers})
        digest = hashlib.sha256(manifest).hexdigest()
        written[digest] = manifest
        top = {"mediaType": _MANIFEST, "digest": f"sha256:{digest}", "size": len(manifest)}
        entries += [{**top, "annotations": {"io.containerd.image.name": name}} for name in image.get("RepoTags") or ()]
    index = _canonical({"schemaVersion": 2, "mediaType": _INDEX, "manifests": entries})
    return Archived(index=index, members=blobs, written=written)


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
