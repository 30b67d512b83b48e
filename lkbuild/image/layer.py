"""Layers: canonical tars that are part of a root file system. From packages, other tars, inline entries, or other layers.

The form: sorted by path, each path once, every parent present, numeric owners without names, one fixed time, pax headers only for
what ustar can't say, hard links after the name that carries the content. So equal content is equal bytes. Generators of chunks:
contents are in a temporary file of the caller's `scratch` directory, never whole in memory. Knows neither store nor sandbox.
"""

from __future__ import annotations

import io
import posixpath
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, Final

from lkbuild.image.compression import Reader
from lkbuild.image.deb import deb_members
from lkbuild.image.entries import DEFAULT_LIMITS, MERGED, Entry, Kind, Limits, excluder, merged, moved_link
from lkbuild.image.errors import ArchiveError
from lkbuild.image.staging import Staging
from lkbuild.image.tar import tar_members

_WHITEOUT: Final = ".wh."  # OCI image specification, layer.md, "Whiteouts"
_OPAQUE: Final = ".wh..wh..opq"
#: A path with more links than this is a circle: the kernel's own limit (path_resolution(7)).
_LINKS_MAX: Final = 40


def debs_to_layer(
    debs: Iterable[BinaryIO],
    scratch: Path,
    *,
    exclude: Sequence[str] = (),
    keep: Sequence[str] = (),
    usrmerge: bool = True,
    limits: Limits = DEFAULT_LIMITS,
) -> Iterator[bytes]:
    """One layer of the content of Debian packages, in their order: of a path in several the last stands.

    Args:
        debs: the packages, opened; each is read once, to its end.
        scratch: a directory for temporary data, as large as the unpacked packages.
        exclude: patterns of paths to leave out (see lkbuild.image.entries.excluder), against the path after merging.
        keep: patterns of paths to keep although `exclude` matches them.
        usrmerge: move bin, sbin, lib and lib64 into usr, and put links at the top for those that there are.
        limits: what each package may come to.

    Raises:
        ArchiveError: see deb_members and Staging.
    """
    with Staging(scratch) as staging:
        for deb in debs:
            for entry, content in deb_members(deb, limits):
                if (placed := place(entry) if usrmerge else entry) is not None:
                    staging.add(placed, content)
        left_out, kept = excluder(exclude), excluder(keep)

        def excluded(path: str) -> bool:
            return left_out(path) and not kept(path)

        if usrmerge:
            for link in top_links(path for path in staging.paths() if not excluded(path)):
                staging.add(link)
        yield from staging.layer(excluded)


def tar_to_layer(source: Reader, scratch: Path, *, exclude: Sequence[str] = (), limits: Limits = DEFAULT_LIMITS) -> Iterator[bytes]:
    """Any tar, compressed or not, as a canonical layer. Device nodes are kept. Raises ArchiveError as `tar_members` does."""
    with Staging(scratch) as staging:
        for entry, content in tar_members(source, limits):
            staging.add(entry, content)
        yield from staging.layer(excluder(exclude))


def entries_to_layer(entries: Iterable[tuple[Entry, bytes]], scratch: Path) -> Iterator[bytes]:
    """A layer of inline entries, each with its content (empty for what is no file); the entry's size is taken from it."""
    with Staging(scratch) as staging:
        for entry, content in entries:
            staging.add(replace(entry, size=len(content)), io.BytesIO(content))
        yield from staging.layer()


def files_to_layer(entries: Iterable[tuple[Entry, BinaryIO | None]], scratch: Path) -> Iterator[bytes]:
    """A layer of entries with opened files as contents, each as long as its entry's size says; None for what is no file."""
    with Staging(scratch) as staging:
        for entry, content in entries:
            staging.add(entry, content)
        yield from staging.layer()


def merge_layers(
    layers: Iterable[Reader],
    scratch: Path,
    *,
    whiteouts: bool = True,
    exclude: Sequence[str] = (),
    guests: Mapping[int, Collection[str]] | None = None,
) -> Iterator[bytes]:
    """Several layers as one, from the lowest: the later wins. OCI whiteouts (`.wh.name`, `.wh..wh..opq`) take away what lies below.

    A directory's opaque whiteout hides what came before its layer, wherever it stands in that layer, as the specification says.

    Args:
        layers: opened, each read once, to its end.
        scratch: a directory for temporary data.
        whiteouts: whether names that start with `.wh.` take away what lies below.
        exclude: patterns of paths to leave out (see lkbuild.image.entries.excluder).
        guests: layers, by their number, whose directories only hold what they bring: one that is there stays as it is, and what they
            have below a link that is there (/lib) goes where that leads. With the directories of each that are meant themselves.
    """
    with Staging(scratch) as staging:
        for number, layer in enumerate(layers):
            below = frozenset(staging.paths())
            meant = (guests or {}).get(number)
            own: set[str] = set()
            links = {} if meant is None else staging.links()
            for member, content in tar_members(layer):
                entry = _led(member, links) if links else member
                folder, name = posixpath.split(entry.path)
                if meant is not None and entry.kind is Kind.DIRECTORY and entry.path in below and entry.path not in meant:
                    continue
                if not whiteouts or not name.startswith(_WHITEOUT):
                    staging.add(entry, content)
                    own.add(entry.path)
                elif name == _OPAQUE:
                    _hide(staging, folder, below, own)
                else:
                    _hide(staging, posixpath.join(folder, name.removeprefix(_WHITEOUT)), below, own, itself=True)
        yield from staging.layer(excluder(exclude))


def placed_layers(layers: Iterable[tuple[Reader, str, bool]], scratch: Path) -> Iterator[bytes]:
    """Several layers as one, each below a folder of its own ("": the root); the later wins.

    Args:
        layers: opened, with the folder, and whether the layer is placed as on a system with merged /usr.
        scratch: a directory for temporary data.
    """
    with Staging(scratch) as staging:
        for layer, folder, usrmerge in layers:
            for entry, content in tar_members(layer):
                if (placed := place(entry) if usrmerge else entry) is not None:
                    staging.add(_below(folder, placed), content)
        yield from staging.layer()


def _below(folder: str, entry: Entry) -> Entry:
    if not folder:
        return entry
    target = f"{folder}/{entry.target}" if entry.kind is Kind.HARDLINK else entry.target
    return replace(entry, path=f"{folder}/{entry.path}", target=target)


def _led(entry: Entry, links: Mapping[str, str]) -> Entry:
    """A guest's entry where the links of its hosts lead. What is no directory keeps its own name: a file takes the place of a link."""
    if entry.kind is Kind.DIRECTORY:
        return replace(entry, path=_resolved(entry.path, links))
    target = _beside(entry.target, links) if entry.kind is Kind.HARDLINK else entry.target
    return replace(entry, path=_beside(entry.path, links), target=target)


def _beside(path: str, links: Mapping[str, str]) -> str:
    folder, slash, name = path.rpartition("/")
    return f"{_resolved(folder, links)}/{name}".lstrip("/") if slash else path


def _resolved(path: str, links: Mapping[str, str]) -> str:
    """Where a path leads by links of the same root, out of which none leads."""
    found: list[str] = []
    rest, followed = path.split("/"), 0
    while rest:
        name = rest.pop(0)
        if name == "..":
            found = found[:-1]
        elif name not in ("", "."):
            target = links.get("/".join([*found, name]))
            if target is None or followed == _LINKS_MAX:
                found.append(name)
            else:
                followed += 1
                found = [] if target.startswith("/") else found
                rest = [*target.split("/"), *rest]
    return "/".join(found)


def _hide(staging: Staging, path: str, below: frozenset[str], own: set[str], *, itself: bool = False) -> None:
    """Take away what lower layers have below a path, but not what this layer has put there already."""
    prefix = f"{path}/" if path else ""
    for name in below - own:
        if name.startswith(prefix) or (itself and name == path):
            staging.remove_one(name)


def place(entry: Entry) -> Entry | None:
    """An entry's place on a system with merged /usr; None for the top-level directories and links that are merged away."""
    if entry.path in MERGED and entry.kind in (Kind.DIRECTORY, Kind.SYMLINK):
        return None
    path = merged(entry.path)
    if entry.kind is Kind.HARDLINK:
        return replace(entry, path=path, target=merged(entry.target))
    if entry.kind is Kind.SYMLINK:
        return replace(entry, path=path, target=moved_link(entry.path, path, entry.target))
    return entry if path == entry.path else replace(entry, path=path)


def top_links(paths: Iterable[str]) -> list[Entry]:
    """The links bin, lib, ... into usr for what is there: /bin/sh and the ELF interpreter are found through them."""
    there = {"/".join(path.split("/", 2)[1:2]) for path in paths if path.startswith("usr/")}
    return [Entry(path=name, kind=Kind.SYMLINK, mode=0o777, target=f"usr/{name}") for name in MERGED if name in there]


def file_of_layer(open_layer: Callable[[], Reader], path: str) -> Iterator[bytes]:
    """The content of one file of a layer, in chunks. Raises ArchiveError where there is none.

    `open_layer` is called once, and once more where the file is a hard link.
    """
    for entry, content in tar_members(open_layer()):
        if entry.path == path and entry.kind is Kind.FILE:
            yield from content.chunks()
            return
        if entry.path == path and entry.kind is Kind.HARDLINK:
            yield from file_of_layer(open_layer, entry.target)
            return
    raise ArchiveError("no such file in the layer", member=path)
