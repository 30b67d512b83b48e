"""Builtins that read OCI images: oci_root, checked, layer_file. Do not know what the images are for."""

from __future__ import annotations

import contextlib
import hashlib
import json

from lkbuild.base.errors import FetchError
from lkbuild.execution.builtin_call import BuiltinCall
from lkbuild.image.layer import file_of_layer, merge_layers
from lkbuild.model.action import OutputFile

_CHUNK = 1 << 20


def oci_root(call: BuiltinCall) -> tuple[OutputFile]:
    """The layers of an image, compressed or not, as one canonical layer: from the lowest, whiteouts applied.

    Argument: JSON with `sha256` (hexadecimal digest by input, of those that a lock names), `exclude` (patterns of paths) and `guests`
    (inputs whose directories stay as they are below, with the directories that are meant themselves).
    """
    request = json.loads(call.arguments[0])
    for path, digest in request["sha256"].items():
        _verify(call, path, digest)
    guests = {number: request["guests"][path] for number, path in enumerate(call.inputs) if path in request["guests"]}
    with contextlib.ExitStack() as opened:
        layers = [opened.enter_context(call.blobs.open(file.digest)) for _, file in call.files()]
        with call.blobs.put_stream() as writer:
            for chunk in merge_layers(layers, call.scratch, exclude=request["exclude"], guests=guests):
                writer.write(chunk)
    return call.made(writer.digest)


def checked(call: BuiltinCall) -> tuple[OutputFile]:
    """A file that is what a lock says. Argument: its SHA-256, hexadecimal."""
    ((path, file),) = call.files()
    _verify(call, path, call.arguments[0])
    return call.made(file.digest)


def layer_file(call: BuiltinCall) -> tuple[OutputFile]:
    """One file of a layer. Argument: its path."""
    ((_, file),) = call.files()
    with contextlib.ExitStack() as opened, call.blobs.put_stream() as writer:
        for chunk in file_of_layer(lambda: opened.enter_context(call.blobs.open(file.digest)), call.arguments[0]):
            writer.write(chunk)
    return call.made(writer.digest)


def _verify(call: BuiltinCall, path: str, digest: str) -> None:
    """Compare an input with what a lock says of it. Raises FetchError."""
    found = hashlib.sha256()
    with call.blobs.open(call.file(path).digest) as stream:
        while chunk := stream.read(_CHUNK):
            found.update(chunk)
    if found.hexdigest() != digest:
        raise FetchError(f"the blob sha256:{digest} is not what its name says", hint="copy the image anew, then run `lkbuild lock update`")
