"""One server, connected when it is first needed, with what it calls things. Does not know what it is used for."""

from __future__ import annotations

import threading
from typing import Final

from lkbuild.model.ports import BlobStore
from lkbuild.remote.client import Client
from lkbuild.remote.guard import Guard
from lkbuild.remote.naming import Naming

_TRIES: Final = 2


class Connection:
    """A server's client and the guard before it. Safe to use from many threads."""

    def __init__(self, client: Client, guard: Guard, local: BlobStore) -> None:
        """Nothing is asked before the first question."""
        self.client, self.guard, self.local = client, guard, local
        self._connecting = threading.Lock()
        self._naming: Naming | None = None

    def naming(self) -> Naming:
        """The server's names: it is connected then. Raises Fault."""
        with self._connecting:
            if self._naming is None:
                self.guard.ask(self.client.connect, tries=_TRIES)
                self._naming = Naming(self.client.function, self.local)
            return self._naming
