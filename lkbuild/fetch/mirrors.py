"""Mirrors: from a source as a lock names it to URLs. Pure values.

A source is `deb:<path>` (below a mirror of the Debian archive), `deb-snapshot:<time>/<path>` (the dated archive), `pypi:<project>/<file>`,
or a URL. A lock never names a mirror: which there are is the user's business (lkbuild.fetch.configuration reads it).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from typing import Any, Final
from urllib.parse import quote, urlsplit, urlunsplit

from lkbuild.base.errors import UsageError
from lkbuild.base.values import dataclass
from lkbuild.fetch.pip_config import PypiSources
from lkbuild.model.attrs import FrozenMap

#: Debian's own documented default (debian.org/mirror/list), behind a CDN.
PUBLIC_DEBIAN: Final = "https://deb.debian.org/debian"
#: Everything that ever was in the archive, by time.
SNAPSHOT: Final = "https://snapshot.debian.org/archive/debian"
#: A registry, and a folder of it: the first part looks like a host (lkbuild.model.references).
_REPOSITORY: Final = re.compile(r"(?:localhost|[A-Za-z0-9.-]*[.:][A-Za-z0-9.:-]*)(?:/[a-z0-9_.-]+)*/?\Z")
_SCHEMES: Final = ("http://", "https://", "file://")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirrors:
    """Where sources lie: base URLs of the Debian archive in order of preference, of the dated archive, and Python indexes.

    `oci`: by the beginning of an image's name (`docker.io`, `docker.io/linuxkit`), what stands there instead.
    """

    deb: tuple[str, ...] = (PUBLIC_DEBIAN,)
    snapshot: tuple[str, ...] = (SNAPSHOT,)
    pypi: PypiSources = PypiSources()
    oci: Mapping[str, str] = field(default_factory=dict)

    def repository(self, name: str) -> str:
        """Where a repository of images is pulled from: of the beginnings that it has, the longest counts. Nothing else is asked."""
        prefix = max((known for known in self.oci if name == known or name.startswith(f"{known}/")), key=len, default=None)
        return name if prefix is None else self.oci[prefix] + name[len(prefix) :]

    def urls(self, source: str) -> tuple[str, ...]:
        """The URLs of a source, best first; empty for a `pypi:` one, whose URL only an index knows. Raises ValueError for no source."""
        kind, _, rest = source.partition(":")
        if source.startswith(_SCHEMES):
            return (source,)
        if kind == "deb":
            return tuple(f"{base}/{_quoted(rest)}" for base in self.deb)
        if kind == "deb-snapshot":
            return tuple(f"{base}/{_quoted(rest)}" for base in self.snapshot)
        if kind == "pypi":
            return ()
        msg = f"'{source}' is no source"
        raise ValueError(msg)


def choose(
    *,
    configured: Mapping[str, tuple[str, ...]],
    variable: str | None,
    apt: tuple[str, ...],
    pip: PypiSources,
    oci: Mapping[str, str] = FrozenMap(),
) -> Mirrors:
    """The mirrors to use: the user's own, else the host's, else the public one; the dated archive comes last by itself.

    Args:
        configured: the `mirrors` of the user's configuration: `deb`, `deb-snapshot` and `pypi`, each a list of URLs.
        variable: LKBUILD_DEB_MIRROR: URLs with spaces between; before everything else.
        apt: bases found in the host's apt sources.
        pip: what pip would use.
        oci: see Mirrors.
    """
    own = tuple(url.rstrip("/") for url in (variable or "").split()) or configured.get("deb", ())
    pypi = PypiSources(indexes=configured["pypi"]) if configured.get("pypi") else pip
    return Mirrors(
        deb=tuple(dict.fromkeys(own or (*apt, PUBLIC_DEBIAN))),
        snapshot=configured.get("deb-snapshot") or (SNAPSHOT,),
        pypi=pypi,
        oci=oci,
    )


def parse_configured(data: Any, where: str) -> dict[str, tuple[str, ...]]:
    """The `mirrors:` of a user's configuration file, checked. Raises UsageError that names the file."""
    if data is None:
        return {}
    section = data.get("mirrors") if isinstance(data, Mapping) else None
    if not isinstance(data, Mapping) or not (section is None or isinstance(section, Mapping)):
        raise UsageError(f"{where}: 'mirrors' is a mapping of lists of URLs")
    found: dict[str, tuple[str, ...]] = {}
    for name, urls in (section or {}).items():
        if name == "oci":
            continue  # see parse_oci
        if name not in ("deb", "deb-snapshot", "pypi"):
            raise UsageError(f"{where}: mirrors has no '{name}'", hint="deb, deb-snapshot, pypi or oci")
        listed = [urls] if isinstance(urls, str) else urls
        if not isinstance(listed, list) or not all(isinstance(url, str) and url.startswith(_SCHEMES) for url in listed):
            raise UsageError(f"{where}: mirrors.{name} is a list of http, https or file URLs")
        found[name] = tuple(url.rstrip("/") for url in listed)
    return found


def parse_oci(data: Any, where: str, variable: str | None) -> dict[str, str]:
    """`mirrors.oci` of a checked configuration, and what LKBUILD_OCI_MIRROR says above it. Raises UsageError.

    The variable is `NAME=PLACE` with spaces between, as is LinuxKit's --mirror.
    """
    section = (data or {}).get("mirrors") or {}
    listed = section.get("oci") or {}
    if not isinstance(listed, Mapping):
        raise UsageError(f"{where}: mirrors.oci is a mapping", hint="docker.io/linuxkit: registry.example/linuxkit")
    found = {str(name): place for name, place in listed.items()}
    for text in (variable or "").split():
        name, equals, place = text.partition("=")
        if not equals:
            raise UsageError(f"LKBUILD_OCI_MIRROR: '{text}' is no mirror", hint="docker.io/linuxkit=registry.example/linuxkit")
        found[name] = place
    for name, place in found.items():
        if not isinstance(place, str) or not all(_REPOSITORY.match(text) for text in (name, place)):
            hint = "both are HOST or HOST/FOLDER, without scheme and tag: docker.io/linuxkit, localhost:5000"
            raise UsageError(f"{where}: mirrors.oci: '{name}: {place}' is no mirror", hint=hint)
    return {name.rstrip("/"): place.rstrip("/") for name, place in found.items()}


def redacted(url: str) -> str:
    """A URL as it may be shown: without user name and password."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])) if "@" in parts.netloc else url


def _quoted(path: str) -> str:
    return quote(path, safe="/+~:=,")
