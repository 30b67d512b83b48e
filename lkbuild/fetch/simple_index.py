"""Package indexes of Python: from a project and a file's name to its URL. Pure: a page in, links out.

PEP 503 (HTML) and PEP 691 (JSON); flat pages of links (pip's --find-links) are read the same way.
"""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Final
from urllib.parse import unquote, urljoin, urlsplit

from lkbuild.base.values import dataclass

ACCEPT: Final = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"


@dataclass(frozen=True, slots=True)
class Link:
    """A file of a project: its name, its URL without fragment, and the SHA-256 that the page gives, if any."""

    filename: str
    url: str
    sha256: str | None


def normalized(project: str) -> str:
    """A project's name as indexes write it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", project).lower()


def parse_page(body: bytes, content_type: str, url: str) -> tuple[Link, ...]:
    """The files of a page that was found at `url`. Raises ValueError for one that is neither form."""
    text = body.decode("utf-8", "replace")
    if "json" in content_type:
        data = json.loads(text)
        try:
            return tuple(Link(item["filename"], urljoin(url, item["url"]), item["hashes"].get("sha256")) for item in data["files"])
        except (KeyError, TypeError, AttributeError) as error:
            msg = "the index page has no list of files"
            raise ValueError(msg) from error
    parser = _Anchors()
    parser.feed(text)
    return tuple(_link(href, url) for href in parser.hrefs)


def _link(href: str, base: str) -> Link:
    parts = urlsplit(urljoin(base, href))
    digest = parts.fragment.removeprefix("sha256=") if parts.fragment.startswith("sha256=") else None
    return Link(unquote(parts.path).rpartition("/")[2], parts._replace(fragment="").geturl(), digest)


class _Anchors(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.hrefs: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.hrefs.extend(value for name, value in attrs if name == "href" and value)
