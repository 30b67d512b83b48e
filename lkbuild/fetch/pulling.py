"""Images from registries, as sources of a fetch: `oci-manifest:HOST/NAME@sha256:...` (or `:TAG`) and `oci-blob:HOST/NAME@sha256:...`.

Turns them into URLs, and says what to send along: types that are taken, and the token that the registry wants. Does not download.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from typing import Final

from lkbuild.fetch.registry import Reference, Registry
from lkbuild.fetch.transport import Transport

#: Before the name of a repository: what it is in the registry's API (distribution specification 1.1).
_KINDS: Final = {"oci-manifest": "manifests", "oci-blob": "blobs"}
_SOURCE: Final = re.compile(r"(?P<host>[^/]+)/(?P<name>[^:@]+)(?:@(?P<digest>sha256:[0-9a-f]{64})|:(?P<tag>[A-Za-z0-9_.-]+))\Z")
_MANIFESTS: Final = (
    "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json"
)


class Pulling:
    """Safe to use from many threads.

    `credentials` gives `user:password` for a host, or None; `repository` says where a repository is pulled from (Mirrors.repository).
    """

    def __init__(
        self, transport: Transport, credentials: Callable[[str], str | None], repository: Callable[[str], str] = lambda name: name
    ) -> None:
        """Ask nothing yet."""
        self._repository = repository
        self._transport = transport
        self._credentials = credentials
        self._lock = threading.Lock()
        self._repositories: dict[str, Registry] = {}

    @staticmethod
    def takes(source: str) -> bool:
        """Whether a source is an image's."""
        return source.partition(":")[0] in _KINDS

    def url(self, source: str) -> str:
        """Where the registry has it. Raises ValueError for what is no such source."""
        kind, _, rest = source.partition(":")
        found = _SOURCE.match(rest)
        if found is None:
            raise ValueError(f"'{rest}' names no image")
        host, _, name = self._repository(f"{found['host']}/{found['name']}").partition("/")
        where = Reference(host=host, name=name, tag=found["tag"] or "latest")
        with self._lock:
            if where.base not in self._repositories:
                self._repositories[where.base] = Registry(self._transport, where, self._credentials(where.host), actions="pull")
        return f"{where.base}/{_KINDS[kind]}/{found['digest'] or where.tag}"

    def headers(self, url: str) -> Mapping[str, str]:
        """What to send along to a URL of ours: nothing to any other. Raises RegistryError where the registry does not let us in."""
        base, slash, _ = url.rpartition("/")
        base, slash, kind = base.rpartition("/")
        with self._lock:
            repository = self._repositories.get(base) if slash else None
            if repository is None:
                return {}
            accept = {"Accept": _MANIFESTS} if kind == "manifests" else {}
            token = repository.token(url, accept)
            return {**accept, **({"Authorization": token} if token else {})}
