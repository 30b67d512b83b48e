"""pip's configuration: which package indexes the user has. Pure: texts and a mapping in, values out.

As pip does (pip.pypa.io, "Configuration"): global file, user file, then PIP_* variables, later ones win; `index-url`, `extra-index-url`,
`find-links`, `no-index` of the sections [global] and [install]/[download]. Credentials in URLs are kept and never shown.
"""

from __future__ import annotations

import configparser
from collections.abc import Iterable, Mapping
from typing import Final

from lkbuild.base.values import dataclass

PUBLIC_INDEX: Final = "https://pypi.org/simple"
_OPTIONS: Final = ("index-url", "extra-index-url", "find-links", "no-index")


@dataclass(frozen=True, slots=True, kw_only=True)
class PypiSources:
    """Where files of Python projects come from: simple indexes (PEP 503, 691), and flat folders or pages of links."""

    indexes: tuple[str, ...] = (PUBLIC_INDEX,)
    find_links: tuple[str, ...] = ()


def parse_pip(files: Iterable[str], environment: Mapping[str, str]) -> PypiSources:
    """What pip would use.

    Args:
        files: contents of its configuration files, the weakest first. One that can't be parsed is passed over: it is pip's to complain.
        environment: variables; only PIP_* are looked at.
    """
    values: dict[str, str] = {}
    for text in files:
        parser = configparser.RawConfigParser()
        try:
            parser.read_string(text)
        except configparser.Error:
            continue
        for section in ("global", "install", "download"):
            for option in _OPTIONS:
                if parser.has_option(section, option):
                    values[option] = parser.get(section, option)
    for option in _OPTIONS:
        variable = "PIP_" + option.upper().replace("-", "_")
        if variable in environment:
            values[option] = environment[variable]
    no_index = values.get("no-index", "").lower() in ("1", "true", "yes", "on")
    indexes = [] if no_index else [*values.get("extra-index-url", "").split(), *(values.get("index-url") or PUBLIC_INDEX).split()]
    # Local ones first: they cost no network, and what comes is verified against the lock wherever it is from.
    indexes.sort(key=lambda url: not url.startswith("file:"))
    links = values.get("find-links", "").split()
    return PypiSources(indexes=tuple(dict.fromkeys(url.rstrip("/") for url in indexes)), find_links=tuple(dict.fromkeys(links)))
