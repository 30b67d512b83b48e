"""Images as one tar, as `docker load` takes and `docker image save` writes them: a layout, with Docker's manifest.json beside it.

Given functions that read blobs; does not know where they lie, nor what is in a layer.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

from lkbuild.base.digest import Digest
from lkbuild.image import oci
from lkbuild.image.entries import Entry, Kind
from lkbuild.image.layer import files_to_layer
from lkbuild.image.oci import Descriptor, ImageLayout
from lkbuild.model.references import normal


def archive(
    images: Mapping[str, ImageLayout], get: Callable[[Digest], bytes], opened: Callable[[Digest], BinaryIO], scratch: Path
) -> Iterator[bytes]:
    """The tar, in chunks.

    Args:
        images: a layout of one image each, by a name with tag or digest.
        get: reads a small blob.
        opened: opens any.
        scratch: a directory for temporary data.
    """
    blobs: dict[str, Digest] = {}
    manifests: list[dict[str, Any]] = []
    entries: list[dict[str, Any]] = []
    for name, layout in images.items():
        (top,) = layout.manifests
        config, *layers = oci.descriptors_of(get(layout.blobs[top.sha256]))
        blobs.update((item.sha256, layout.blobs[item.sha256]) for item in (top, config, *layers))
        manifests.append(_named(top, name))
        (entry,) = json.loads(oci.docker_manifest(config, layers, ""))
        # A name with a digest is no tag: Docker saves such an image without one.
        entries.append({**entry, "RepoTags": [] if "@" in name else [name]})
    index = {"schemaVersion": 2, "mediaType": oci.INDEX, "manifests": manifests}
    written = {"index.json": oci.canonical(index), "manifest.json": oci.canonical(entries), "oci-layout": oci.LAYOUT}
    with contextlib.ExitStack() as stack:
        files: list[tuple[Entry, BinaryIO | None]] = [
            (_file(f"blobs/sha256/{sha256}", digest.size), stack.enter_context(contextlib.closing(opened(digest))))
            for sha256, digest in blobs.items()
        ]
        files += [(_file(name, len(data)), BytesIO(data)) for name, data in written.items()]
        yield from files_to_layer(files, scratch)


def _named(top: Descriptor, name: str) -> dict[str, Any]:
    """The entry of the index, with its name where containerd looks for it."""
    told = top.to_json()
    return {**told, "annotations": {**told.get("annotations", {}), "io.containerd.image.name": normal(name)}}


def _file(path: str, size: int) -> Entry:
    return Entry(path=path, kind=Kind.FILE, mode=0o644, size=size)
