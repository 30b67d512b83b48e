"""Builtin oci_archive: images as one file, as Docker loads and saves them. Does not know what is in them."""

from __future__ import annotations

from lkbuild.execution.builtin_call import BuiltinCall
from lkbuild.image.oci import ImageLayout
from lkbuild.image.oci_archive import archive
from lkbuild.model.action import OutputFile
from lkbuild.model.tree import Layout, Subtree


def oci_archive(call: BuiltinCall) -> tuple[OutputFile]:
    """Images as one archive. Inputs: the layout of each below its number, `000` first. Arguments: their names, with tag or digest."""
    images = {name: _layout(call, f"{number:03d}") for number, name in enumerate(call.arguments)}
    with call.blobs.put_stream() as writer:
        for chunk in archive(images, call.blobs.get_bytes, call.blobs.open, call.scratch):
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
