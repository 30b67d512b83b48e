"""Where two outputs that should be one first differ: a byte of a file, a member of an archive or of a directory. Reads only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from itertools import zip_longest

from lkbuild.base.digest import Digest
from lkbuild.image.entries import Entry
from lkbuild.image.errors import ArchiveError
from lkbuild.image.tar import Content, tar_members
from lkbuild.model.action import ActionResult
from lkbuild.model.ports import BlobStore
from lkbuild.model.tree import Directory, DirectoryNode, FileNode, SymlinkNode

_CHUNK = 1 << 20


def first_difference(before: ActionResult, after: ActionResult, path: str, blobs: BlobStore) -> str:
    """In words, where one output of two results differs first."""
    files = [next((item for item in result.files if item.path == path), None) for result in (before, after)]
    if files[0] is not None and files[1] is not None:
        return _of_files(files[0].digest, files[1].digest, path, blobs)
    trees = [next((item for item in result.trees if item.path == path), None) for result in (before, after)]
    if trees[0] is not None and trees[1] is not None:
        return _of_trees(trees[0].root, trees[1].root, path, blobs)
    return f"{path} is a file once and a directory once"


def _of_files(old: Digest, new: Digest, path: str, blobs: BlobStore) -> str:
    where = _offset(old, new, blobs)
    if where is None:
        return f"{path} differs in its executable bit"
    member = _member(old, new, blobs)
    inside = f"; in the archive, {member}" if member else ""
    return f"{path} differs from byte {where} on: {old} and {new}{inside}"


def _offset(old: Digest, new: Digest, blobs: BlobStore) -> int | None:
    position = 0
    with blobs.open(old) as left, blobs.open(new) as right:
        while True:
            one, other = left.read(_CHUNK), right.read(_CHUNK)
            if one != other:
                pairs = enumerate(zip(one, other, strict=False))
                return position + next((index for index, (a, b) in pairs if a != b), min(len(one), len(other)))
            if not one:
                return None
            position += len(one)


def _member(old: Digest, new: Digest, blobs: BlobStore) -> str | None:
    """What differs of the first member of two tars that does; None for what is no tar, or differs beside its members."""
    try:
        with blobs.open(old) as left, blobs.open(new) as right:
            members = tar_members(left), tar_members(right)
            for one, other in zip_longest(*map(_with_digests, members)):
                if one != other:
                    return _of_members(one, other)
    except ArchiveError:
        return None
    return None


def _with_digests(members: Iterator[tuple[Entry, Content]]) -> Iterator[tuple[Entry, Digest]]:
    return ((entry, Digest.of_chunks(content.chunks())) for entry, content in members)


def _of_members(one: tuple[Entry, Digest] | None, other: tuple[Entry, Digest] | None) -> str:
    if one is None or other is None or one[0].path != other[0].path:
        return f"member {one[0].path if one else 'none'} in one, {other[0].path if other else 'none'} in the other"
    for field in fields(Entry):
        was, now = getattr(one[0], field.name), getattr(other[0], field.name)
        if was != now:
            return f"member {one[0].path} differs in its {field.name}: {was} and {now}"
    return f"member {one[0].path} differs in its content"


def _of_trees(old: Digest, new: Digest, path: str, blobs: BlobStore) -> str:
    left, right = Directory.decode(blobs.get_bytes(old)), Directory.decode(blobs.get_bytes(new))
    mine, other = _nodes(left), _nodes(right)
    for name in sorted({*mine, *other}):
        one, two = mine.get(name), other.get(name)
        if one == two:
            continue
        here = f"{path}/{name}"
        if one is None or two is None:
            return f"{here} is in one of them only"
        if isinstance(one, DirectoryNode) and isinstance(two, DirectoryNode):
            return _of_trees(one.digest, two.digest, here, blobs)
        if isinstance(one, FileNode) and isinstance(two, FileNode):
            return _of_files(one.digest, two.digest, here, blobs)
        return f"{here} differs"
    return f"{path} differs"


def _nodes(directory: Directory) -> dict[str, FileNode | DirectoryNode | SymlinkNode]:
    every: tuple[FileNode | DirectoryNode | SymlinkNode, ...] = (*directory.files, *directory.directories, *directory.symlinks)
    return {node.name: node for node in every}
