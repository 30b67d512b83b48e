"""Finds the URL of a `pypi:<project>/<file>` source in the user's package indexes. Asks each index once per project."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from lkbuild.fetch.pip_config import PypiSources
from lkbuild.fetch.simple_index import ACCEPT, Link, normalized, parse_page
from lkbuild.fetch.transport import Refused

_PAGE_LIMIT: Final = 64 << 20


class Pypi:
    """The indexes and flat link pages of a user. `page(url, limit, accept)` gives (body, content type) or raises Refused."""

    def __init__(self, sources: PypiSources, page: Callable[[str, int, str], tuple[bytes, str]]) -> None:
        """Nothing is asked before the first look-up."""
        self._sources = sources
        self._page = page
        self._links: dict[str, tuple[Link, ...]] = {}
        self._lock = threading.Lock()

    def urls(self, source: str, failed: Callable[[str, str], None]) -> Iterator[str]:
        """URLs of a file, one index after the other; `failed(url, reason)` hears of an index that is of no use."""
        project, _, filename = source.removeprefix("pypi:").partition("/")
        for place in self._sources.find_links:
            if "://" not in place:
                path = Path(place) / filename
                if path.is_file():
                    yield path.resolve().as_uri()
            else:
                yield from self._matching(place, filename, failed)
        for index in self._sources.indexes:
            yield from self._matching(f"{index}/{normalized(project)}/", filename, failed)

    def _matching(self, page: str, filename: str, failed: Callable[[str, str], None]) -> Iterator[str]:
        try:
            links = self._of(page)
        except Refused as error:
            failed(page, str(error))
            return
        except ValueError as error:
            failed(page, f"it is no index page: {error}")
            return
        found = [link.url for link in links if link.filename == filename]
        if not found:
            failed(page, f"it does not list {filename}")
        yield from found

    def _of(self, page: str) -> tuple[Link, ...]:
        with self._lock:
            known = self._links.get(page)
        if known is None:
            body, content_type = self._page(page, _PAGE_LIMIT, ACCEPT)
            known = parse_page(body, content_type, page)
            with self._lock:
                self._links[page] = known
        return known
