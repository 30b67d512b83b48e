"""Mirrors: from a source as a lock names it to URLs. Pure values.

A source is `deb:<path>` (below a mirror of the Debian archive), `deb-snapshot:<time>/<path>` (the dated archive), `pypi:<project>/<file>`,
or a URL. A lock never names a mirror: which there are is the user's business (lkbuild.fetch.configuration reads it).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, urlsplit, urlunsplit

from lkbuild.base.errors import UsageError
from lkbuild.base.values import dataclass
from lkbuild.fetch.pip_config import PypiSources

#: Debian's own documented default (debian.org/mirror/list), behind a CDN.
PUBLIC_DEBIAN: Final = "https://deb.debian.org/debian"
#: Everything that ever was in the archive, by time.
SNAPSHOT: Final = "https://snapshot.debian.org/archive/debian"
_SCHEMES: Final = ("http://", "https://", "file://")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirrors:
    """Where sources lie: base URLs of the Debian archive in order of preference, of the dated archive, and Python indexes."""

    deb: tuple[str, ...] = (PUBLIC_DEBIAN,)
    snapshot: tuple[str, ...] = (SNAPSHOT,)
    pypi: PypiSources = PypiSources()

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


def choose(*, configured: Mapping[str, tuple[str, ...]], variable: str | None, apt: tuple[str, ...], pip: PypiSources) -> Mirrors:
    """The mirrors to use: the user's own, else the host's, else the public one; the dated archive comes last by itself.

    Args:
        configured: the `mirrors` of the user's configuration: `deb`, `deb-snapshot` and `pypi`, each a list of URLs.
        variable: LKBUILD_DEB_MIRROR: URLs with spaces between; before everything else.
        apt: bases found in the host's apt sources.
        pip: what pip would use.
    """
    own = tuple(url.rstrip("/") for url in (variable or "").split()) or configured.get("deb", ())
    pypi = PypiSources(indexes=configured["pypi"]) if configured.get("pypi") else pip
    return Mirrors(
        deb=tuple(dict.fromkeys(own or (*apt, PUBLIC_DEBIAN))),
        snapshot=configured.get("deb-snapshot") or (SNAPSHOT,),
        pypi=pypi,
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
        if name not in ("deb", "deb-snapshot", "pypi"):
            raise UsageError(f"{where}: mirrors has no '{name}'", hint="deb, deb-snapshot or pypi")
        listed = [urls] if isinstance(urls, str) else urls
        if not isinstance(listed, list) or not all(isinstance(url, str) and url.startswith(_SCHEMES) for url in listed):
            raise UsageError(f"{where}: mirrors.{name} is a list of http, https or file URLs")
        found[name] = tuple(url.rstrip("/") for url in listed)
    return found


def redacted(url: str) -> str:
    """A URL as it may be shown: without user name and password."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])) if "@" in parts.netloc else url


def _quoted(path: str) -> str:
    return quote(path, safe="/+~:=,")
