"""Resolving the images of a layout into a lock, judging a lock, comparing two. Reads the layout through the download function.

The request is JSON: `layout`, the workspace path of an OCI layout, or `archive`, that of an archive of `docker save` (both "":
registries), and `images`, references; none: all that the layout or the archive names.
"""

from __future__ import annotations

import errno
import hashlib
import json
from collections.abc import Collection, Iterator
from typing import Final

from lkbuild.base.errors import FetchError, LockError, nearest
from lkbuild.base.values import dataclass
from lkbuild.locks.oci.layout import Layout, ReadFile
from lkbuild.locks.request import Download, LockChange, LockProblem
from lkbuild.model.configuration import ARCHES
from lkbuild.model.deb_lock import LockFormatError
from lkbuild.model.docker_archive import Member, archived
from lkbuild.model.oci_lock import CONFIG_KEYS, OciEntry, parse_oci_lock, render
from lkbuild.model.references import digest_of, normal, repository_of

_MANIFEST_MAX: Final = 8 << 20


@dataclass(frozen=True, slots=True)
class OciRequest:
    """What a target asks for."""

    layout: str
    archive: str
    images: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> OciRequest:
        """From the JSON of a rule."""
        found = json.loads(text)
        return cls(found["layout"], found.get("archive", ""), tuple(found["images"]))


class OciLockKind:
    """OCI images: see docs/format/oci-lock.md."""

    def update(self, request: str, old_text: str, download: Download, *, only: Collection[str] = ()) -> str:
        """As LockKind: tags are resolved anew."""
        found = list(_resolved(OciRequest.parse(request), download))
        if not only:
            return render(found)
        references = {entry.reference for entry in found}
        kept = [entry for (name, arch), entry in self._held(old_text).items() if arch not in only and name in references]
        return render([*kept, *(entry for entry in found if entry.arch in only)])

    @staticmethod
    def _held(text: str) -> dict[tuple[str, str], OciEntry]:
        try:
            return parse_oci_lock(text) if text.strip() else {}
        except LockFormatError as error:
            raise LockError(f"line {error.line} of the lock: {error}") from error

    def check(self, request: str, text: str) -> tuple[LockProblem, ...]:
        """As LockKind."""
        if not text.strip():
            return (LockProblem(message="the lock file is missing or empty"),)
        try:
            held = {reference for reference, _ in parse_oci_lock(text)}
        except LockFormatError as error:
            return (LockProblem(message=str(error), line=error.line),)
        missing = [image for image in OciRequest.parse(request).images if normal(image) not in held]
        return tuple(LockProblem(message=f"{image} is not in the lock") for image in missing)

    def diff(self, old: str, new: str) -> tuple[LockChange, ...]:
        """As LockKind."""
        before, after = self._held(old), self._held(new)
        changes = []
        for key in sorted(before.keys() | after.keys()):
            was, now = before.get(key), after.get(key)
            if was != now:
                changes.append(LockChange(name=key[0], old=was.manifest if was else "", new=now.manifest if now else "", arches=key[1:]))
        return tuple(changes)


def _resolved(wanted: OciRequest, download: Download) -> Iterator[OciEntry]:
    if not (wanted.layout or wanted.archive):
        for reference in wanted.images:
            yield from _pulled(normal(reference), download)
        return
    place = wanted.archive or wanted.layout
    layout = Layout((_archive_reader if wanted.archive else _reader)(place, download), place)
    names = {normal(name): digest for name, digest in layout.names.items()}
    for reference in wanted.images or names:
        yield from _entries(layout, normal(reference), _digest(names, reference))


def _reader(layout: str, download: Download) -> ReadFile:
    def read(path: str, limit: int) -> bytes:
        return download((f"workspace:{layout}/{path}",), sha256=None, size=None, limit=limit)

    return read


def _archive_reader(archive: str, download: Download) -> ReadFile:
    """Reads an archive as the layout that it comes to. Raises LockError for what is no archive of images."""

    def member(name: str) -> bytes:
        return download((f"archive:{archive}!{name}",), sha256=None, size=None, limit=_MANIFEST_MAX)

    listed = json.loads(download((f"archive:{archive}",), sha256=None, size=None, limit=_MANIFEST_MAX))
    try:
        found = archived({path: Member(name, size) for path, (name, size) in listed.items()}, member)
    except ValueError as error:
        raise LockError(f"{archive} is no archive of images: {error}", hint="`docker save` writes one") from None

    def read(path: str, limit: int) -> bytes:
        del limit
        if path == "index.json":
            return found.index
        sha256 = path.rpartition("/")[2]
        if sha256 in found.written:
            return found.written[sha256]
        if sha256 not in found.members:
            raise FileNotFoundError(errno.ENOENT, "it is not in the archive")
        return member(found.members[sha256])

    return read


def _pulled(reference: str, download: Download) -> Iterator[OciEntry]:
    """The entries of an image of a registry. A tag is asked for once; all else is read by digest, and so checked."""
    repository, digest = repository_of(reference), digest_of(reference)
    if digest is None:
        found = download((f"oci-manifest:{reference}",), sha256=None, size=None, limit=_MANIFEST_MAX)
        digest = f"sha256:{hashlib.sha256(found).hexdigest()}"

    def read(path: str, limit: int) -> bytes:
        name = path.rpartition("/")[2]
        if path == "index.json":
            return b"{}"  # a registry lists nothing: what is wanted is named
        sources = (f"oci-manifest:{repository}@sha256:{name}", f"oci-blob:{repository}@sha256:{name}")
        return download(sources, sha256=name, size=None, limit=limit)

    return _entries(Layout(read, repository), reference, digest)


def _digest(names: dict[str, str], reference: str) -> str:
    found = digest_of(normal(reference)) or names.get(normal(reference))
    if found is None:
        raise LockError(f"the layout has no image '{normal(reference)}'", hint=nearest(normal(reference), names))
    return found


def _entries(layout: Layout, reference: str, digest: str) -> Iterator[OciEntry]:
    arches = [arch for arch in layout.arches(digest) if arch in ARCHES]
    if not arches:
        raise FetchError(f"{reference} is for none of {', '.join(ARCHES)}")
    for arch in arches:
        image = layout.image(digest, arch)
        config = image.config.get("config") or {}
        yield OciEntry(
            reference=reference,
            arch=arch,
            manifest=image.manifest,
            manifest_size=image.manifest_size,
            config_blob=image.config_blob,
            layers=tuple(layer.digest for layer in image.layers),
            config={key: config[key] for key in CONFIG_KEYS if config.get(key)},
        )
