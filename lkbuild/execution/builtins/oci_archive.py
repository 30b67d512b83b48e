"""Builtins oci_archive and archive_blob: images as one file, as Docker loads and saves them. Do not know what is in them."""

from __future__ import annotations

import contextlib
import posixpath
from typing import Final

from lkbuild.base.errors import FetchError
from lkbuild.execution.builtin_call import BuiltinCall
from lkbuild.image.entries import Kind
from lkbuild.image.layer import file_of_layer
from lkbuild.image.oci import ImageLayout
from lkbuild.image.oci_archive import archive
from lkbuild.image.tar import tar_members
from lkbuild.model.action import OutputFile
from lkbuild.model.docker_archive import Member, archived
from lkbuild.model.tree import Layout, Subtree

_JSON_MAX: Final = 8 << 20


def oci_archive(call: BuiltinCall) -> tuple[OutputFile]:
    """Images as one archive. Inputs: the layout of each below its number, `000` first. Arguments: their names, with tag or digest."""
    images = {name: _layout(call, f"{number:03d}") for number, name in enumerate(call.arguments)}
    with call.blobs.put_stream() as writer:
        for chunk in archive(images, call.blobs.get_bytes, call.blobs.open, call.scratch):
            writer.write(chunk)
    return call.made(writer.digest)


def archive_blob(call: BuiltinCall) -> tuple[OutputFile]:
    """One blob of an archive of `docker save`. Argument: its SHA-256, by which it is looked up and not yet checked."""
    ((_, file),) = call.files()
    small: dict[str, bytes] = {}
    members: dict[str, Member] = {}
    with call.blobs.open(file.digest) as stream:
        for entry, content in tar_members(stream):
            if entry.kind is Kind.FILE:
                members[entry.path] = Member(entry.path, entry.size)
                if entry.path.endswith(".json") and entry.size <= _JSON_MAX:
                    small[entry.path] = b"".join(content.chunks())
            elif entry.kind in (Kind.SYMLINK, Kind.HARDLINK):
                folder = posixpath.dirname(entry.path) if entry.kind is Kind.SYMLINK else ""
                members[entry.path] = Member(posixpath.normpath(posixpath.join(folder, entry.target)), 0)
    wanted = call.arguments[0]
    try:
        found = archived(
            {path: Member(there.name, members.get(there.name, there).size) for path, there in members.items()}, small.__getitem__
        )
    except (ValueError, KeyError) as error:
        raise FetchError(
            f"the archive is none of `docker save`: {error}", hint="save the image anew, then run `lkbuild lock update`"
        ) from None
    if wanted in found.written:
        return call.made(call.blobs.put_bytes(found.written[wanted]))
    if wanted not in found.members:
        raise FetchError(f"the archive has no blob sha256:{wanted}", hint="run `lkbuild lock update`: the lock is of another archive")
    with contextlib.ExitStack() as opened, call.blobs.put_stream() as writer:
        for chunk in file_of_layer(lambda: opened.enter_context(call.blobs.open(file.digest)), found.members[wanted]):
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
