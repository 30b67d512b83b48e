"""Builtins that make OCI images: oci_layer, oci_layout, oci_index. An image layout is a tree whose blobs the store has already.

Nothing is copied: a layout names, by their SHA-256, blobs that it refers to by their BLAKE3. Do not know what is in a layer.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence

from lkbuild.base.digest import Digest
from lkbuild.base.errors import BuildFailed
from lkbuild.base.values import dataclass
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

    def chunks() -> Iterator[bytes]:
        with call.blobs.open(file.digest) as stream:
            while chunk := stream.read(_CHUNK):
                yield chunk

    packed = pack(call, chunks(), level=int(call.arguments[0]))
    told = oci.canonical({"descriptor": packed.descriptor.to_json(), "diff_id": packed.diff_id})
    archive, document = call.outputs
    return OutputFile(archive.path, packed.digest), OutputFile(document.path, call.blobs.put_bytes(told))


@dataclass(frozen=True, slots=True)
class PackedLayer:
    """A layer as images have it: where it is stored, what a manifest says of it, and the SHA-256 of the tar in it."""

    digest: Digest
    descriptor: Descriptor
    diff_id: str


def pack(call: BuiltinCall, chunks: Iterable[bytes], *, level: int) -> PackedLayer:
    """Compress a layer into the store."""
    plain, packed = hashlib.sha256(), hashlib.sha256()

    def counted() -> Iterator[bytes]:
        for chunk in chunks:
            plain.update(chunk)
            yield chunk

    with call.blobs.put_stream() as writer:
        for chunk in zstd_frame(counted(), level=level):
            packed.update(chunk)
            writer.write(chunk)
    call.blobs.record_sha256(packed.hexdigest(), writer.digest)
    descriptor = Descriptor(media_type=oci.ZSTD_LAYER, sha256=packed.hexdigest(), size=writer.digest.size)
    return PackedLayer(writer.digest, descriptor, plain.hexdigest())


def layout(call: BuiltinCall) -> tuple[OutputTree]:
    """An image layout of one image, with Docker's manifest.json. Arguments: its configuration's `config` as JSON, architecture, name.

    Inputs: `NNN/layer` and `NNN/layer.json` as oci_layer makes them, the lowest layer first.
    """
    config, arch, name = json.loads(call.arguments[0]), call.arguments[1], call.arguments[2]
    blobs: dict[str, File] = {}
    layers, diff_ids = [], []
    for path, file in call.files():
        if path.endswith(".json"):
            told = json.loads(call.blobs.get_bytes(file.digest))
            layers.append(Descriptor.from_json(told["descriptor"]))
            diff_ids.append(told["diff_id"])
            blobs[layers[-1].sha256] = call.file(path.removesuffix(".json"))
    return image(call, blobs, layers, oci.configuration(config, arch, diff_ids), arch=arch, name=name)


def image(
    call: BuiltinCall, blobs: Mapping[str, File], layers: Sequence[Descriptor], config: bytes, *, arch: str, name: str
) -> tuple[OutputTree]:
    """The layout of one image, whose layers are among the blobs."""
    every = dict(blobs)
    configuration = _put(call, every, oci.CONFIG, config)
    manifest = _put(call, every, oci.MANIFEST, oci.manifest(configuration, layers), arch=arch)
    return _layout(call, every, manifest, {"manifest.json": oci.docker_manifest(configuration, layers, name)})


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
    return _layout(call, blobs, _put(call, blobs, oci.INDEX, oci.index(manifests)), {})


def _layout(call: BuiltinCall, blobs: Mapping[str, File], top: Descriptor, more: Mapping[str, bytes]) -> tuple[OutputTree]:
    """The tree of a layout whose one entry is `top`; `more` are files beside it."""
    entries: dict[str, File | Subtree] = {f"blobs/sha256/{sha256}": file for sha256, file in blobs.items()}
    for name, data in {"oci-layout": oci.LAYOUT, "index.json": oci.index([top]), **more}.items():
        entries[name] = File(call.blobs.put_bytes(data))
    root, messages = Layout(entries).encode()
    for message in messages.values():
        call.blobs.put_bytes(message)
    return (OutputTree(call.outputs[0].path, root),)


def _put(call: BuiltinCall, blobs: dict[str, File], media_type: str, data: bytes, *, arch: str | None = None) -> Descriptor:
    descriptor = Descriptor.of(media_type, data, arch=arch)
    blobs[descriptor.sha256] = File(call.blobs.put_bytes(data))
    return descriptor
