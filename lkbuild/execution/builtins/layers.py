"""Builtins that make layers and pack them: deb_layer, layer, tar_layer, merge_layers, place_layers, cpio.

Streams from store to store through lkbuild.image. Do not know what is in a layer.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterable, Mapping
from typing import Any, BinaryIO, Final

from lkbuild.base.errors import BuildFailed
from lkbuild.execution.builtin_call import BuiltinCall
from lkbuild.image.cpio import layer_to_cpio, segment
from lkbuild.image.entries import Entry, Kind
from lkbuild.image.layer import debs_to_layer, files_to_layer, merge_layers, placed_layers, tar_to_layer
from lkbuild.model.action import OutputFile
from lkbuild.model.tree import File

_KINDS: Final = {"file": Kind.FILE, "dir": Kind.DIRECTORY, "symlink": Kind.SYMLINK}


def _store(call: BuiltinCall, chunks: Iterable[bytes]) -> tuple[OutputFile]:
    with call.blobs.put_stream() as writer:
        for chunk in chunks:
            writer.write(chunk)
    return call.made(writer.digest)


def deb_layer(call: BuiltinCall) -> tuple[OutputFile]:
    """The content of Debian packages as one layer. Argument: JSON with `exclude` and `keep`, lists of patterns."""
    request = json.loads(call.arguments[0])
    with contextlib.ExitStack() as opened:
        debs = [opened.enter_context(call.blobs.open(file.digest)) for _, file in call.files()]
        return _store(call, debs_to_layer(debs, call.scratch, exclude=request["exclude"], keep=request["keep"]))


def tar_layer(call: BuiltinCall) -> tuple[OutputFile]:
    """Any tar as a canonical layer."""
    ((_, file),) = call.files()
    with call.blobs.open(file.digest) as source:
        return _store(call, tar_to_layer(source, call.scratch))


def merge(call: BuiltinCall) -> tuple[OutputFile]:
    """Several layers as one; a later input wins."""
    with contextlib.ExitStack() as opened:
        layers = [opened.enter_context(call.blobs.open(file.digest)) for _, file in call.files()]
        return _store(call, merge_layers(layers, call.scratch))


def place(call: BuiltinCall) -> tuple[OutputFile]:
    """Several layers as one, each below a folder of its own; a later input wins.

    Argument: JSON, for each input `folder`, in which `{id}` is the layer's short digest, and `usrmerge`: whether it is placed as on a
    system with merged /usr.
    """
    with contextlib.ExitStack() as opened:
        layers = [
            (opened.enter_context(call.blobs.open(file.digest)), where["folder"].replace("{id}", file.digest.short), where["usrmerge"])
            for where, (_, file) in zip(json.loads(call.arguments[0]), call.files(), strict=True)
        ]
        return _store(call, placed_layers(layers, call.scratch))


def layer(call: BuiltinCall) -> tuple[OutputFile]:
    """A layer of single entries. Argument: JSON, a list of entries (rules/file_entries.py)."""
    with contextlib.ExitStack() as opened:
        entries = [_entry(call, item, opened) for item in json.loads(call.arguments[0])]
        return _store(call, files_to_layer(entries, call.scratch))


def cpio(call: BuiltinCall) -> tuple[OutputFile]:
    """A layer as an initramfs segment.

    Arguments: the folder it goes to, in which `{id}` is the layer's short digest, and the zstd level; 0: it is not compressed.
    """
    ((_, file),) = call.files()
    level = int(call.arguments[1])
    prefix = call.arguments[0].replace("{id}", file.digest.short)
    spool = call.scratch / "layer.tar"  # read twice, for names and for content: the store's streams can't seek
    with call.blobs.open(file.digest) as source, spool.open("wb") as target:
        shutil.copyfileobj(source, target, 1 << 20)
    with spool.open("rb") as source:
        return _store(call, segment(source, prefix, level=level) if level else layer_to_cpio(source, prefix))


def _entry(call: BuiltinCall, item: Mapping[str, Any], opened: contextlib.ExitStack) -> tuple[Entry, BinaryIO | None]:
    kind = _KINDS[item["kind"]]
    content: BinaryIO | None = None
    size, executable = 0, False
    if kind is Kind.FILE:
        leaf = call.file(item["input"]) if "input" in item else File(call.blobs.put_bytes(item["contents"].encode()))
        size, executable = leaf.digest.size, leaf.executable
        content = opened.enter_context(contextlib.closing(call.blobs.open(leaf.digest)))
    default = {Kind.FILE: 0o755 if executable else 0o644, Kind.DIRECTORY: 0o755, Kind.SYMLINK: 0o777}[kind]
    try:
        entry = Entry(
            path=item["path"],
            kind=kind,
            mode=item.get("mode", default),
            uid=item.get("uid", 0),
            gid=item.get("gid", 0),
            size=size,
            target=item.get("target", ""),
        )
    except ValueError as error:
        raise BuildFailed(str(error)) from error
    return entry, content
