"""The host's apt sources: base URLs of the Debian archive. Pure: text in, URLs out.

Formats: sources.list(5), one-line style and deb822 style. Only the main archive counts: a base that serves a plain release suite
(`trixie`, `stable`), not security, updates or third parties, since only that holds every pool path of a suite.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

_LINE: Final = re.compile(r"deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)\s+(\S.*)")
#: A release suite has no suffix: trixie-updates and trixie-security are others.
_SUITE: Final = re.compile(r"[a-z]+\Z")


def parse_sources(files: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """Base URLs in the order of the files, each once, without a trailing slash.

    Args:
        files: (file name, content); the name decides the format: `.sources` is deb822, anything else one-line style.
    """
    found: dict[str, None] = {}
    for name, text in files:
        entries = _deb822(text) if name.endswith(".sources") else _one_line(text)
        for url, suites, components in entries:
            if _is_debian(url) and "main" in components and any(_SUITE.match(suite) for suite in suites):
                found.setdefault(url.rstrip("/"))
    return tuple(found)


def _is_debian(url: str) -> bool:
    """The Debian archive lies in a folder of that name on every mirror (debian.org/mirror/ftpmirror asks for it)."""
    scheme, _, rest = url.partition("://")
    return scheme in ("http", "https", "file") and rest.rstrip("/").endswith("/debian")


def _one_line(text: str) -> Iterator[tuple[str, list[str], list[str]]]:
    for line in text.splitlines():
        found = _LINE.match(line.partition("#")[0].strip())
        if found:
            yield found[1], [found[2]], found[3].split()


def _deb822(text: str) -> Iterator[tuple[str, list[str], list[str]]]:
    for stanza in re.split(r"\n\s*\n", text):
        fields: dict[str, list[str]] = {}
        key = ""
        for line in stanza.splitlines():
            if line.startswith("#"):
                continue
            if line[:1].isspace():
                fields.setdefault(key, []).extend(line.split())
            elif ":" in line:
                key, _, value = line.partition(":")
                key = key.strip().lower()
                fields[key] = value.split()
        enabled = fields.get("enabled", ["yes"])[:1] not in (["no"], ["false"])
        if enabled and "deb" in fields.get("types", ()):
            for url in fields.get("uris", ()):
                yield url, fields.get("suites", []), fields.get("components", [])
