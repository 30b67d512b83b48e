"""HTTP and file URLs as one thing: a response to read from. Pools connections; knows proxies and certificates, not what is fetched."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol, cast
from urllib.parse import unquote, urlsplit

import urllib3
from urllib3.exceptions import HTTPError, LocationParseError, MaxRetryError, SSLError

from lkbuild.base.errors import HostError
from lkbuild.base.values import dataclass

_CHUNK: Final = 1 << 18
_CONNECT_S: Final = 20.0
_REDIRECTS: Final = 5
#: More than any token or error message has.
_ANSWER_MAX: Final = 1 << 20
#: Worth another try at the same place: time-outs, too many requests, and what a server behind a proxy answers while it restarts.
_TRANSIENT: Final = frozenset((408, 425, 429, 500, 502, 503, 504))


class Refused(Exception):
    """This URL will not give the bytes; another may. The text is the reason, for people."""


class Interrupted(Exception):
    """The transfer broke off or could not start: worth another try. `after_s` is what the server asked us to wait."""

    def __init__(self, reason: str, after_s: float = 0.0) -> None:
        super().__init__(reason)
        self.after_s = after_s


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportSettings:
    """How to reach the network. `quiet_s`: a transfer that brings no byte for so long is broken off; there is no total limit."""

    http_proxy: str | None = None
    https_proxy: str | None = None
    no_proxy: str = ""
    ca_file: str | None = None
    ca_folder: str | None = None
    quiet_s: float = 30.0
    connections: int = 8


class Response(Protocol):
    """Status, headers (any case), and the body in chunks. Reading raises Interrupted where it breaks off."""

    status: int

    def header(self, name: str) -> str | None:
        """A header's value."""
        ...

    def chunks(self) -> Iterator[bytes]:
        """The body as it was sent: no content encoding is undone."""
        ...

    def close(self) -> None:
        """Give the connection back, or drop it where the body was not read to its end."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a server said to a request that was not for a file: headers by lower-case name."""

    status: int
    headers: Mapping[str, str]
    data: bytes


class Transport:
    """Opens URLs. Safe to use from many threads."""

    def __init__(self, settings: TransportSettings) -> None:
        """Nothing is read or opened before the first request: a build that fetches nothing pays nothing."""
        self._settings = settings
        self._lock = threading.Lock()
        self._pools: _Pools | None = None

    def get(self, url: str, headers: Mapping[str, str]) -> Response:
        """Ask for a URL; a success is 200 or 206.

        Raises:
            HostError: the certificates can't be read.
            Refused: an answer that another try won't change.
            Interrupted: no answer, or one that may change.
        """
        if url.startswith("file://"):
            return _open_file(url, headers)
        try:
            raw = self._pool(url).request(
                "GET", url, headers={"Accept-Encoding": "identity", "User-Agent": "lkbuild", **headers}, preload_content=False
            )
        except MaxRetryError as error:
            if isinstance(error.reason, SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error.reason):
                raise Refused(f"its certificate is not trusted: {error.reason}") from error
            raise Interrupted(_reason(error.reason or error)) from error
        except LocationParseError as error:
            raise Refused("it is no URL") from error
        except HTTPError as error:
            raise Interrupted(_reason(error)) from error
        if raw.status in (200, 206):
            return _HttpResponse(cast("urllib3.HTTPResponse", raw))
        after = raw.headers.get("Retry-After", "")
        raw.close()  # not given back: the body of an error is not worth reading to its end
        if raw.status in _TRANSIENT:
            raise Interrupted(f"HTTP {raw.status}", float(after) if after.isdecimal() else 0.0)
        if raw.status == 416:
            raise RangeRefused("HTTP 416")
        raise Refused(f"HTTP {raw.status}")

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes | Iterable[bytes] | None = None) -> Answer:
        """Send a request once and read all of a short answer, whatever its status: what that means is the caller's to say.

        Raises:
            HostError: the certificates can't be read.
            Interrupted: no answer.
        """
        try:
            raw = self._pool(url).request(
                method, url, headers={"User-Agent": "lkbuild", **headers}, body=body, redirect=False, preload_content=False
            )
            data = raw.read(_ANSWER_MAX)
            # With a rest unread the connection can't be used again.
            raw.close() if len(data) == _ANSWER_MAX else raw.release_conn()
        except HTTPError as error:
            raise Interrupted(_reason(error.reason or error if isinstance(error, MaxRetryError) else error)) from error
        return Answer(status=raw.status, headers={name.lower(): value for name, value in raw.headers.items()}, data=data)

    def _pool(self, url: str) -> urllib3.PoolManager:
        with self._lock:
            pools = self._pools = self._pools or _Pools(self._settings)
        parts = urlsplit(url)
        proxied = pools.proxied.get(parts.scheme)
        if proxied is None or bypassed(parts.hostname or "", self._settings.no_proxy):
            return pools.direct
        return proxied


class _Pools:
    """Pooled connections, direct and through proxies. Raises HostError where the certificates can't be read."""

    def __init__(self, settings: TransportSettings) -> None:
        try:
            context = ssl.create_default_context(cafile=settings.ca_file, capath=settings.ca_folder)
        except OSError as error:
            hint = "SSL_CERT_FILE and SSL_CERT_DIR name the certificates to trust"
            raise HostError(f"the certificates can't be read: {error}", hint=hint) from error
        # Only redirects are urllib3's to follow: what else fails is tried again by who knows how far it got.
        retries = urllib3.Retry(total=None, connect=0, read=0, status=0, other=0, redirect=_REDIRECTS, respect_retry_after_header=False)
        shared: dict[str, Any] = {
            "ssl_context": context,
            "maxsize": settings.connections,
            "timeout": urllib3.Timeout(connect=_CONNECT_S, read=settings.quiet_s),
            "retries": retries,
        }
        self.direct = urllib3.PoolManager(**shared)
        proxies = {"http": settings.http_proxy, "https": settings.https_proxy}
        self.proxied = {
            scheme: urllib3.ProxyManager(url if "://" in url else f"http://{url}", **shared) for scheme, url in proxies.items() if url
        }


def bypassed(host: str, no_proxy: str) -> bool:
    """Whether a host is reached without the proxy: `no_proxy` lists hosts and domains (with or without a leading dot), or is `*`."""
    names = [name.strip().lstrip(".").lower() for name in no_proxy.split(",") if name.strip()]
    return any(name == "*" or host.lower() == name or host.lower().endswith("." + name) for name in names)


class RangeRefused(Interrupted):
    """The server has no such range: what we have is not a beginning of what it has."""


def _reason(error: Exception) -> str:
    """The end of urllib3's text, which starts with the object it is about."""
    text = str(error.args[-1]) if error.args else str(error)
    return text.rpartition("object at ")[2].partition(": ")[2] or text if "object at " in text else text


@dataclass(slots=True)
class _HttpResponse:
    raw: urllib3.HTTPResponse
    status: int = field(init=False)

    def __post_init__(self) -> None:
        self.status = self.raw.status

    def header(self, name: str) -> str | None:
        return self.raw.headers.get(name)

    def chunks(self) -> Iterator[bytes]:
        try:
            # Not stream(): that fills a chunk before it gives it, and loses what it had when the transfer breaks off.
            while chunk := self.raw.read1(_CHUNK, decode_content=False):
                yield chunk
        except HTTPError as error:
            raise Interrupted(_reason(error)) from error

    def close(self) -> None:
        # A body that was read to its end has given its connection back already; any other can't be used again.
        self.raw.close()


def _open_file(url: str, headers: Mapping[str, str]) -> Response:
    path = Path(unquote(urlsplit(url).path))
    start = int(headers["Range"].removeprefix("bytes=").rstrip("-")) if "Range" in headers else 0
    try:
        if path.is_dir():
            path /= "index.html"
        size = path.stat().st_size
        file = path.open("rb")
    except OSError as error:
        raise Refused(error.strerror or str(error)) from error
    return _FileResponse(file, start, size)


class _FileResponse:
    """A local file behind the same interface."""

    def __init__(self, file: BinaryIO, start: int, size: int) -> None:
        self.status = 206 if start else 200
        self._file, self._start, self._size = file, start, size

    def header(self, name: str) -> str | None:
        headers = {"content-length": str(max(0, self._size - self._start)), "content-type": "text/html"}
        if self._start:
            headers["content-range"] = f"bytes {self._start}-{self._size - 1}/{self._size}"
        return headers.get(name.lower())

    def chunks(self) -> Iterator[bytes]:
        self._file.seek(self._start)
        while chunk := self._file.read(_CHUNK):
            yield chunk

    def close(self) -> None:
        self._file.close()
