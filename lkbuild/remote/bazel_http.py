"""A client of Bazel's HTTP cache protocol: `ac/<hash>` and `cas/<hash>` below a URL, GET, HEAD and PUT. Plain nginx serves it.

There is no batch, no size in a name and no word of what a server can do: many requests are in flight together instead. Verifies
nothing: `lkbuild.remote.peer` does. Source: bazel.build/remote/caching (reference/reapi.md 2.6).
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO, Final, TypeVar, cast

import urllib3
from urllib3.exceptions import HTTPError, TimeoutError  # noqa: A004 - its own, not that of the language

from lkbuild.remote.credentials import Credentials, TlsFiles
from lkbuild.remote.faults import Denied, Fault, NotThere, Unavailable
from lkbuild.remote.names import DigestFunction, Name
from lkbuild.remote.tally import Tally

_CONNECT_S: Final = 5.0
_CHUNK: Final = 1 << 18
_FLYING: Final = 16
_BATCH_BYTES: Final = 1 << 20
#: An ActionResult that is larger names more than a million outputs.
_RESULT_LIMIT: Final = 64 << 20
_HEADERS: Final = {"Accept-Encoding": "identity", "User-Agent": "lkbuild"}
_TRANSIENT: Final = frozenset((408, 425, 429, 500, 502, 503, 504))

T = TypeVar("T")
K = TypeVar("K")


class HttpClient:
    """See lkbuild.remote.client.Client."""

    keeps_directories = False

    def __init__(
        self,
        base: str,
        function: DigestFunction,
        tally: Tally,
        *,
        quiet_s: float = 30.0,
        credentials: Credentials | None = None,
        tls: TlsFiles | None = None,
    ) -> None:
        """`base`: the URL that has `ac/` and `cas/` below it."""
        self._base, self._tally, self.function = base, tally, function
        self._quiet, self._tls = quiet_s, tls or TlsFiles()
        self._credentials = credentials or Credentials()
        self._opened: urllib3.PoolManager | None = None
        self._opening = threading.Lock()
        self._threads = ThreadPoolExecutor(_FLYING, thread_name_prefix="remote-http")
        self.batch_bytes = _BATCH_BYTES
        self.may_update = True

    def connect(self) -> None:
        """Nothing to ask, but somebody must be there. The empty blob costs nothing."""
        self._head(self.function.of(b""))

    def close(self) -> None:
        """See Client."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        if self._opened is not None:
            self._opened.clear()

    def missing(self, names: Sequence[Name]) -> set[Name]:
        """See Client."""
        return {name for name, there in self._each(self._head, names) if not there}

    def read_batch(self, names: Sequence[Name]) -> Iterator[tuple[Name, bytes]]:
        """See Client."""
        for name, data in self._each(lambda name: self._get(f"cas/{name.hash}", name.size), names):
            if data is not None:
                yield name, data

    def read(self, name: Name, offset: int) -> Iterator[bytes]:
        """See Client."""
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        response = self._send("GET", f"cas/{name.hash}", headers=headers)
        try:
            skip = offset if response.status == 200 else 0  # a server without ranges sends it all
            left = name.size - offset
            for chunk in self._chunks(response):
                useful = chunk[skip:]
                skip = max(0, skip - len(chunk))
                left -= len(useful)
                if left < 0:
                    raise Fault("more bytes than the blob has")
                if useful:
                    yield useful
        finally:
            response.close()

    def write_batch(self, names: Sequence[Name], read: Callable[[Name], bytes | None]) -> Iterator[Name]:
        """See Client."""

        def put(name: Name) -> bool:
            data = read(name)
            if data is not None:
                self._put(f"cas/{name.hash}", data)
            return data is not None

        for name, done in self._each(put, names):
            if done:
                yield name

    def write(self, name: Name, source: Callable[[], BinaryIO], *, upload: str, again: bool) -> None:  # noqa: ARG002 - no resuming here
        """See Client."""
        with source() as stream:
            self._tally.add(up=name.size)
            self._send("PUT", f"cas/{name.hash}", body=stream, headers={"Content-Length": str(name.size)}).close()

    def results(self, actions: Sequence[Name]) -> dict[Name, bytes]:
        """See Client."""
        found = self._each(lambda action: self._get(f"ac/{action.hash}", _RESULT_LIMIT), actions)
        return {action: data for action, data in found if data is not None}

    def put_results(self, results: Mapping[Name, bytes]) -> None:
        """See Client."""
        for _ in self._each(lambda action: self._put(f"ac/{action.hash}", results[action]), tuple(results)):
            pass

    # --- requests ---------------------------------------------------------------------------------------------------------

    def _each(self, ask: Callable[[K], T], items: Sequence[K]) -> Iterator[tuple[K, T]]:
        """Ask for many at once; the answers in order. The first fault ends it."""
        return zip(items, self._threads.map(ask, items), strict=True)

    def _head(self, name: Name) -> bool:
        try:
            self._send("HEAD", f"cas/{name.hash}").close()
        except NotThere:
            return False
        return True

    def _get(self, path: str, limit: int) -> bytes | None:
        """The body, or None where there is none. More than `limit` bytes are a Fault."""
        try:
            response = self._send("GET", path)
        except NotThere:
            return None
        with contextlib.closing(response):
            body = bytearray()
            for chunk in self._chunks(response):
                body += chunk
                if len(body) > limit:
                    raise Fault("more bytes than were due")
            return bytes(body)

    def _chunks(self, response: urllib3.HTTPResponse) -> Iterator[bytes]:
        try:
            while chunk := response.read1(_CHUNK, decode_content=False):
                self._tally.add(down=len(chunk))
                yield chunk
        except HTTPError as error:
            raise Unavailable(f"the transfer broke off: {_reason(error)}") from error

    def _put(self, path: str, data: bytes) -> None:
        self._tally.add(up=len(data))
        self._send("PUT", path, body=data).close()

    def _pool(self) -> urllib3.PoolManager:
        with self._opening:
            if self._opened is None:
                self._opened = urllib3.PoolManager(
                    maxsize=_FLYING,
                    timeout=urllib3.Timeout(connect=_CONNECT_S, read=self._quiet),
                    # No redirects: what knows who we are goes to nobody else.
                    retries=False,
                    ssl_context=self._tls.context() if self._base.startswith("https:") else None,
                )
            return self._opened

    def _send(
        self, method: str, path: str, *, body: bytes | BinaryIO | None = None, headers: Mapping[str, str] | None = None
    ) -> urllib3.HTTPResponse:
        self._tally.add(requests=1)
        began = time.monotonic()
        try:
            response = self._pool().request(
                method,
                f"{self._base}/{path}",
                body=body,
                headers={**_HEADERS, **dict(self._credentials.headers()), **(headers or {})},
                preload_content=False,
            )
        except HTTPError as error:
            self._tally.add(failures=1)
            raise Unavailable(_reason(error), slow=isinstance(error, TimeoutError)) from error
        if body is None:
            self._tally.answered(time.monotonic() - began)
        if response.status in (200, 201, 204, 206) and not (method == "GET" and response.status == 204):
            if method != "GET":
                response.drain_conn()
            return cast("urllib3.HTTPResponse", response)
        after = response.headers.get("Retry-After", "")
        response.close()
        fault = _refusal(response.status, float(after) if after.isdecimal() else 0.0)
        self._tally.add(failures=int(not isinstance(fault, NotThere)))
        raise fault


def _refusal(status: int, after_s: float) -> Fault:
    if status in (204, 404, 410):
        return NotThere(f"HTTP {status}")
    if status in (401, 403, 405):
        return Denied(f"HTTP {status}")
    return Unavailable(f"HTTP {status}", after_s) if status in _TRANSIENT else Fault(f"HTTP {status}")


def _reason(error: Exception) -> str:
    """The end of urllib3's text, which begins with the object it is about."""
    inner = getattr(error, "reason", None) or error
    return str(inner).rpartition(": ")[2] or type(inner).__name__
