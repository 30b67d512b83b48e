"""Builtins that make OCI images: oci_layer, oci_layout, oci_index. An image layout is a tree whose blobs the store has already.

Nothing is copied: a layout names, by their SHA-256, blobs that it refers to by their BLAKE3. Do not know what is in a layer.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping

from lkbuild.base.errors import BuildFailed
from lkbuild.execution.builtin_call import BuiltinCall
from lkbuild.image import oci
from lkbuild.image.compression import zstd_frame
from lkbuild.image.oci import Descriptor
from lkbuild.model.action import OutputFile, OutputTree
from lkbuild.model.tree import File, Layout, Subtree

_CHUNK = 1 << 20


def layer(call: BuiltinCall) -> tuple[OutputFile, OutputFile]:
    """A layer as images have it, compressed, and what a manifest says of it, as JSON. Argument: the zstd level."""
    ((_, file),) = call.files()
    plain, packed = hashlib.sha256(), hashlib.sha256()

    def chunks() -> Iterator[bytes]:
        with call.blobs.open(file.digest) as stream:
            while chunk := stream.read(_CHUNK):
                plain.update(chunk)
                yield chunk

    with call.blobs.put_stream() as writer:
        for chunk in zstd_frame(chunks(), level=int(call.arguments[0])):
            packed.update(chunk)
            writer.write(chunk)
    call.blobs.record_sha256(packed.hexdigest(), writer.digest)
    descriptor = Descriptor(media_type=oci.ZSTD_LAYER, sha256=packed.hexdigest(), size=writer.digest.size)
    told = oci.canonical({"descriptor": descriptor.to_json(), "diff_id": plain.hexdigest()})
    archive, document = call.outputs
    return OutputFile(archive.path, writer.digest), OutputFile(document.path, call.blobs.put_bytes(told))


def layout(call: BuiltinCall) -> tuple[OutputTree]:
    """An image layout of one image. Arguments: its configuration's `config` as JSON, and the architecture.

    Inputs: `NNN/layer` and `NNN/layer.json` as oci_layer makes them, the lowest layer first.
    """
    config, arch = json.loads(call.arguments[0]), call.arguments[1]
    blobs: dict[str, File] = {}
    layers, diff_ids = [], []
    for path, file in call.files():
        if path.endswith(".json"):
            told = json.loads(call.blobs.get_bytes(file.digest))
            layers.append(Descriptor.from_json(told["descriptor"]))
            diff_ids.append(told["diff_id"])
            blobs[layers[-1].sha256] = call.file(path.removesuffix(".json"))
    configuration = oci.configuration(config, arch, diff_ids)
    manifest = oci.manifest(_put(call, blobs, oci.CONFIG, configuration), layers)
    return _layout(call, blobs, _put(call, blobs, oci.MANIFEST, manifest, arch=arch))


def index(call: BuiltinCall) -> tuple[OutputTree]:
    """Image layouts of one image for several architectures as one, with an index of them. Each input is a layout of one."""
    blobs: dict[str, File] = {}
    manifests: list[Descriptor] = []
    for path, leaf in call.inputs.items():
        if not isinstance(leaf, Subtree):
            raise BuildFailed(f"input {path} is a file, where a layout is needed")
        one = oci.ImageLayout.read(leaf.root, call.blobs.get_bytes)
        manifests += one.manifests
        blobs.update((sha256, File(digest)) for sha256, digest in one.blobs.items())
    return _layout(call, blobs, _put(call, blobs, oci.INDEX, oci.index(manifests)))


def _layout(call: BuiltinCall, blobs: Mapping[str, File], top: Descriptor) -> tuple[OutputTree]:
    """The tree of a layout whose one entry is `top`."""
    entries: dict[str, File | Subtree] = {f"blobs/sha256/{sha256}": file for sha256, file in blobs.items()}
    entries["oci-layout"] = File(call.blobs.put_bytes(oci.LAYOUT))
    entries["index.json"] = File(call.blobs.put_bytes(oci.index([top])))
    root, messages = Layout(entries).encode()
    for message in messages.values():
        call.blobs.put_bytes(message)
    return (OutputTree(call.outputs[0].path, root),)


def _put(call: BuiltinCall, blobs: dict[str, File], media_type: str, data: bytes, *, arch: str | None = None) -> Descriptor:
    descriptor = Descriptor.of(media_type, data, arch=arch)
    blobs[descriptor.sha256] = File(call.blobs.put_bytes(data))
    return descriptor
