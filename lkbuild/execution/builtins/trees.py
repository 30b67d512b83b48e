"""Builtins that unpack archives into trees: deb_tree, archive_tree. Do not know what the trees are for."""

from __future__ import annotations

import json

from lkbuild.base.errors import BuildFailed
from lkbuild.execution.builtin_call import BuiltinCall
from lkbuild.image.tree import unpack_debs, unpack_tar
from lkbuild.image.zip import unpack_zip
from lkbuild.model.action import OutputTree


def deb_tree(call: BuiltinCall) -> tuple[OutputTree]:
    """Debian packages as one plain directory. Argument: JSON with `exclude` (patterns) and `links` (path to target)."""
    request = json.loads(call.arguments[0])
    debs = [call.blobs.path_of(file.digest) for _, file in sorted(call.files())]
    target = call.scratch / "tree"
    unpack_debs(debs, target, exclude=request["exclude"], links=request["links"])
    return (OutputTree(call.outputs[0].path, call.blobs.put_tree(target, move=True)),)


def archive_tree(call: BuiltinCall) -> tuple[OutputTree]:
    """A tar or zip as a plain directory. Argument: JSON with `type` (tar, zip) and `strip` (leading segments to leave out)."""
    request = json.loads(call.arguments[0])
    ((_, file),) = call.files()
    path = call.blobs.path_of(file.digest)
    target = call.scratch / "tree"
    match request["type"]:
        case "tar":
            unpack_tar(lambda: path.open("rb"), target, strip=request["strip"])
        case "zip":
            with path.open("rb") as source:
                unpack_zip(source, target, strip=request["strip"])
        case other:
            raise BuildFailed(f"no archive is of type {other}")
    return (OutputTree(call.outputs[0].path, call.blobs.put_tree(target, move=True)),)
