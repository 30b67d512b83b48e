"""Packages indices: a streamed parse of the fields that resolution needs. Pure: bytes in, values out.

An index of trixie/main has 68,000 paragraphs in 50 MB of text for each architecture. So a paragraph costs
the search of its name, and the rest is parsed only for packages that a resolution touches. Format: Debian policy 5.1, 7.1; repository
format (wiki.debian.org/DebianRepository/Format). Does not verify: lkbuild.locks.deb.release does.
"""

from __future__ import annotations

import lzma
import re
from collections.abc import Iterable, Iterator
from dataclasses import field
from functools import lru_cache
from typing import Final

from debian.debian_support import NativeVersion

from lkbuild.base.values import dataclass

_FIELDS: Final = re.compile(
    rb"^(Package|Version|Architecture|Filename|Size|SHA256|Priority|Depends|Pre-Depends|Recommends|Provides|Conflicts|Breaks): *(.*)$",
    re.MULTILINE,
)
_REQUIRED: Final = (b"Version", b"Architecture", b"Filename", b"Size", b"SHA256")
_RELATION: Final = re.compile(r"\s*([a-z0-9][a-z0-9+.-]*)(?::([a-z0-9-]+))?\s*(?:\(\s*(<<|<=|=|>=|>>)\s*([^\s)]+)\s*\))?\s*\Z")
_NAME: Final = re.compile(rb"^Package: *(\S+)", re.MULTILINE)
_CHUNK: Final = 1 << 20
#: An index decompresses to about 50 MB; a bomb stops here.
MAX_INDEX: Final = 1 << 30


class BadIndex(ValueError):
    """An index that is damaged, or larger than any real one."""


@dataclass(frozen=True, slots=True)
class Relation:
    """One alternative of a relation: a name, and a bound on its version. `arch` is a qualifier: `any`, `native` or an architecture."""

    name: str
    operator: str | None = None
    version: str | None = None
    arch: str | None = None

    def __str__(self) -> str:
        return f"{self.name} ({self.operator} {self.version})" if self.operator else self.name

    def admits(self, version: str | None) -> bool:
        """Whether a version is within the bound; None: an unversioned provision, which no bound admits (policy 7.5)."""
        if self.operator is None or self.version is None:
            return True
        return version is not None and _within(version, self.operator, self.version)


#: Alternatives of which one must hold; a field is a sequence of these, all of which must hold.
Group = tuple[Relation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A paragraph of an index; relations are kept as text until they are asked for."""

    name: str
    version: str
    arch: str
    path: str
    size: int
    sha256: str
    priority: str
    fields: dict[bytes, bytes] = field(repr=False, compare=False, hash=False)

    def groups(self, *names: str) -> tuple[Group, ...]:
        """The relations of the fields named, in order."""
        return tuple(group for name in names for group in parse_relations(self.fields.get(name.encode(), b"").decode()))

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


@lru_cache(maxsize=1 << 17)
def _within(version: str, operator: str, bound: str) -> bool:
    left, right = NativeVersion(version), NativeVersion(bound)
    checks = {"<<": left < right, "<=": left <= right, "=": left == right, ">=": left >= right, ">>": left > right}
    return bool(checks[operator])


@lru_cache(maxsize=1 << 14)
def parse_relations(text: str) -> tuple[Group, ...]:
    """A relationship field. Build profiles and architecture lists stand in source packages only (policy 7.1). Raises BadIndex."""
    return tuple(tuple(_relation(item) for item in group.split("|")) for group in text.split(",") if group.strip())


def _relation(text: str) -> Relation:
    found = _RELATION.match(text)
    if found is None:
        raise BadIndex(f"'{text.strip()}' is no package relation")
    name, arch, operator, version = found.groups()
    return Relation(name, operator, version, arch)


def decompressed(data: bytes) -> Iterator[bytes]:
    """The content of an .xz file, in chunks. Raises BadIndex for damaged data and for more than MAX_INDEX bytes."""
    decompressor, total = lzma.LZMADecompressor(format=lzma.FORMAT_XZ), 0
    try:
        chunk = decompressor.decompress(data, _CHUNK)
        while chunk or not decompressor.eof:
            if not chunk and decompressor.needs_input:
                raise BadIndex("the index ends early")
            total += len(chunk)
            if total > MAX_INDEX:
                raise BadIndex(f"the index is larger than {MAX_INDEX} bytes")
            yield chunk
            chunk = b"" if decompressor.eof else decompressor.decompress(b"", _CHUNK)
    except lzma.LZMAError as error:
        raise BadIndex(f"the index is no xz file: {error}") from error


def paragraphs(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Paragraphs of a control file that arrives in chunks."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n\n")
        yield from whole
    if rest.strip():
        yield rest


class Index:
    """The packages of one architecture: by name, newest version first, and by what they provide."""

    def __init__(self, arch: str) -> None:
        """An empty index for an architecture; `add` fills it."""
        self.arch = arch
        self._raw: dict[str, list[bytes]] = {}
        self._provided: dict[str, list[str]] = {}
        self._packages: dict[str, tuple[Package, ...]] = {}

    def add(self, chunks: Iterable[bytes]) -> None:
        """Add the paragraphs of an uncompressed index. Raises BadIndex for one without a name."""
        for paragraph in paragraphs(chunks):
            found = _NAME.search(paragraph)
            if not found:
                raise BadIndex(f"a paragraph of the index names no package: {paragraph[:80]!r}")
            name = found[1].decode()
            self._raw.setdefault(name, []).append(paragraph)
            if b"\nProvides:" in paragraph:
                for group in parse_relations(_fields(paragraph)[b"Provides"].decode()):
                    self._provided.setdefault(group[0].name, []).append(name)

    @property
    def names(self) -> Iterable[str]:
        """Every package name."""
        return self._raw.keys()

    def versions(self, name: str) -> tuple[Package, ...]:
        """The packages of a name, newest first."""
        found = self._packages.get(name)
        if found is None:
            packages = [_package(name, _fields(paragraph)) for paragraph in self._raw.get(name, ())]
            found = tuple(sorted(packages, key=lambda package: NativeVersion(package.version), reverse=True))
            self._packages[name] = found
        return found

    def providers(self, name: str) -> tuple[tuple[Package, str | None], ...]:
        """(package, the version it provides or None) of all that provide a name, by name of the provider."""
        return tuple(
            (package, group[0].version)
            for provider in sorted(set(self._provided.get(name, ())))
            for package in self.versions(provider)
            for group in package.groups("Provides")
            if group[0].name == name
        )


def _fields(paragraph: bytes) -> dict[bytes, bytes]:
    return dict(_FIELDS.findall(paragraph))


def _package(name: str, fields: dict[bytes, bytes]) -> Package:
    lacking = [key.decode() for key in _REQUIRED if key not in fields]
    if lacking:
        raise BadIndex(f"the index gives no {lacking[0]} for {name}")
    return Package(
        name=name,
        version=fields[b"Version"].decode(),
        arch=fields[b"Architecture"].decode(),
        path=fields[b"Filename"].decode(),
        size=int(fields[b"Size"]),
        sha256=fields[b"SHA256"].decode(),
        priority=fields.get(b"Priority", b"optional").decode(),
        fields=fields,
    )
