"""References of OCI images, as LinuxKit and Docker expand and compare them. Pure.

`redis` is docker.io/library/redis, `a/b` is docker.io/a/b, and `host/a/b` stays where the first part looks like a host.
"""

from __future__ import annotations

import re
from typing import Final

_HUB: Final = "docker.io"
_TAG: Final = "latest"
#: Host, path, a tag or a digest or both: what go-containerregistry takes.
_REFERENCE: Final = re.compile(
    r"(?P<host>(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9.-]*[a-zA-Z0-9])(?::[0-9]+)?)"
    r"(?P<path>(?:/[a-z0-9_.-]+)+)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?"
    r"(?:@(?P<digest>[a-z0-9]+:[0-9a-f]{32,}))?\Z"
)


def expand(text: str) -> str:
    """The reference with its host: what LinuxKit compares. Its tag stays as it is, or is not there. Raises ValueError."""
    first, slash, _ = text.partition("/")
    if not slash:
        text = f"{_HUB}/library/{text}"
    elif not ("." in first or ":" in first or first == "localhost"):
        text = f"{_HUB}/{text}"
    if not _REFERENCE.match(text):
        raise ValueError(text)
    return text


def with_tag(expanded: str) -> str:
    """The name that a layout knows an expanded reference by: with the tag `latest` where it has neither tag nor digest."""
    found = _REFERENCE.match(expanded)
    return expanded if found is None or found["tag"] or found["digest"] else f"{expanded}:{_TAG}"


def digest_of(expanded: str) -> str | None:
    """The digest that a reference names, or None."""
    found = _REFERENCE.match(expanded)
    return found["digest"] if found else None


def normal(name: str) -> str:
    """A name as references are compared: expanded, with its tag; one that is no reference stays as it is."""
    try:
        return with_tag(expand(name))
    except ValueError:
        return name


def repository_of(expanded: str) -> str:
    """A reference without tag and digest."""
    found = _REFERENCE.match(expanded)
    return f"{found['host']}{found['path']}" if found else expanded
