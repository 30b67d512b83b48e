"""Builtin oci_archive: images as one file, as `docker load` takes and `docker image save` writes them. Does not know what is in them."""

from __future__ import annotations

import contextlib
import json
from io import BytesIO
from typing import Any, BinaryIO

from lkbuild.execution.builtin_call import BuiltinCall
from lkbuild.image import oci
from lkbuild.image.entries import Entry, Kind
from lkbuild.image.layer import files_to_layer
from lkbuild.image.oci import Descriptor, ImageLayout
from lkbuild.model.action import OutputFile
from lkbuild.model.references import normal
from lkbuild.model.tree import Layout, Subtree


def oci_archive(call: BuiltinCall) -> tuple[OutputFile]:
    """Images as one archive. Inputs: the layout of each below its number, `000` first. Arguments: their names, with tag or digest."""
    blobs: dict[str, Any] = {}
    manifests: list[dict[str, Any]] = []
    entries: list[Any] = []
    for number, name in enumerate(call.arguments):
        layout = _layout(call, f"{number:03d}")
        (top,) = layout.manifests
        config, *layers = oci.descriptors_of(call.blobs.get_bytes(layout.blobs[top.sha256]))
        for item in (top, config, *layers):
            blobs[item.sha256] = layout.blobs[item.sha256]
        manifests.append(_named(top, name))
        (entry,) = json.loads(oci.docker_manifest(config, layers, "image"))
        # A name with a digest is no tag: Docker saves such an image without one.
        entries.append({**entry, "RepoTags": [] if "@" in name else [name if ":" in name.rpartition("/")[2] else f"{name}:latest"]})
    index = {"schemaVersion": 2, "mediaType": oci.INDEX, "manifests": manifests}
    written = {"index.json": oci.canonical(index), "manifest.json": oci.canonical(entries), "oci-layout": oci.LAYOUT}
    with contextlib.ExitStack() as opened, call.blobs.put_stream() as writer:
        files: list[tuple[Entry, BinaryIO | None]] = [
            (_file(f"blobs/sha256/{sha256}", digest.size), opened.enter_context(contextlib.closing(call.blobs.open(digest))))
            for sha256, digest in blobs.items()
        ]
        files += [(_file(name, len(data)), BytesIO(data)) for name, data in written.items()]
        for chunk in files_to_layer(files, call.scratch):
            writer.write(chunk)
    return call.made(writer.digest)


def _layout(call: BuiltinCall, folder: str) -> ImageLayout:
    own = call.inputs.get(folder)
    if isinstance(own, Subtree):
        return ImageLayout.read(own.root, call.blobs.get_bytes)
    prefix = f"{folder}/"
    below = {path.removeprefix(prefix): leaf for path, leaf in call.inputs.items() if path.startswith(prefix)}
    root, messages = Layout(below).encode()
    for message in messages.values():
        call.blobs.put_bytes(message)
    return ImageLayout.read(root, call.blobs.get_bytes)


def _named(top: Descriptor, name: str) -> dict[str, Any]:
    """The entry of the index, with its name where containerd looks for it."""
    return {**top.to_json(), "annotations": {**top.to_json().get("annotations", {}), "io.containerd.image.name": normal(name)}}


def _file(path: str, size: int) -> Entry:
    return Entry(path=path, kind=Kind.FILE, mode=0o644, size=size)
