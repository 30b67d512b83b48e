"""Makes the fetcher of a session: mirrors and proxies from the user's environment and the host, partial downloads in the cache.

Only when something is to be fetched: the HTTP client and TLS take longer to import than a build that fetches nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from lkbuild.app.options import BuildOptions
from lkbuild.app.session import Session
from lkbuild.base.digest import Digest
from lkbuild.model.ports import Fetcher

if TYPE_CHECKING:
    from lkbuild.fetch.fetcher import HttpFetcher


class LazyFetcher:
    """A `Fetcher` that is made by its first use, in whichever thread that is."""

    def __init__(self, make: Callable[[], Fetcher]) -> None:
        """`make` is called once at most."""
        self._make = make
        self._guard = threading.Lock()
        self._made: Fetcher | None = None

    def fetch(self, sources: tuple[str, ...], sha256: str, size: int | None, progress: Callable[[int, int | None], None]) -> Digest:
        """See `Fetcher`. Raises UsageError, too, for a configuration file that is wrong."""
        with self._guard:
            if self._made is None:
                self._made = self._make()
        return self._made.fetch(sources, sha256, size, progress)


def make_fetcher(session: Session) -> LazyFetcher:
    """The fetcher for the options of a session."""
    return LazyFetcher(lambda: make_http_fetcher(session))


def make_http_fetcher(session: Session) -> HttpFetcher:
    """The fetcher itself, for who is going to use it. Raises UsageError for a configuration file that is wrong."""
    from lkbuild.fetch.configuration import load_mirrors, load_transport  # noqa: PLC0415 - see the module's docstring
    from lkbuild.fetch.fetcher import HttpFetcher  # noqa: PLC0415 - the same
    from lkbuild.fetch.transport import Transport  # noqa: PLC0415 - the same

    environment = session.options.environment
    home = Path(environment.get("HOME") or "/")
    return HttpFetcher(
        session.store.blobs,
        load_mirrors(environment, home),
        Transport(load_transport(environment)),
        session.options.cache / "partial",
        offline=session.options.offline,
        credentials=lambda host: docker_credentials(session.options, host),
    )


def docker_credentials(options: BuildOptions, host: str) -> str | None:
    """`user:password` for a registry, as `docker login` has kept them, by its helper where it has one."""
    from lkbuild.fetch.configuration import load_docker  # noqa: PLC0415 - see the module's docstring
    from lkbuild.sandbox.credential_helper import docker_helper  # noqa: PLC0415 - the same

    environment = options.environment
    home = Path(environment.get("HOME") or "/")
    return load_docker(environment, home, host, lambda name, server: docker_helper(name, server, environment))
