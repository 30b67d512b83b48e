"""Makes the fetcher of a session: mirrors and proxies from the user's environment and the host, partial downloads in the cache."""

from __future__ import annotations

from pathlib import Path

from lkbuild.app.session import Session
from lkbuild.fetch.configuration import load_mirrors, load_transport
from lkbuild.fetch.fetcher import HttpFetcher
from lkbuild.fetch.transport import Transport


def make_fetcher(session: Session) -> HttpFetcher:
    """The fetcher for the options of a session. Raises UsageError for a configuration file that is wrong."""
    environment = session.options.environment
    home = Path(environment.get("HOME") or "/")
    return HttpFetcher(
        session.store.blobs,
        load_mirrors(environment, home),
        Transport(load_transport(environment)),
        session.options.cache / "partial",
        offline=session.options.offline,
    )
