"""Fetches: bytes from outside into the store, verified. Implements lkbuild.model.ports.Fetcher.

Sources are tried in order, each source's mirrors in order. A transfer that breaks off goes on where it stopped, in this process or the
next; the bytes count only when all of them have the SHA-256 of the lock. Does not choose mirrors (lkbuild.fetch.mirrors) nor speak HTTP
(lkbuild.fetch.transport).
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import field
from pathlib import Path
from typing import Final

from lkbuild.base.digest import Digest
from lkbuild.base.errors import FetchError, HostError
from lkbuild.base.values import dataclass
from lkbuild.fetch.mirrors import Mirrors, redacted
from lkbuild.fetch.partial import Partial, opened
from lkbuild.fetch.pulling import Pulling
from lkbuild.fetch.pypi import Pypi
from lkbuild.fetch.transport import Interrupted, RangeRefused, Refused, Response, Transport
from lkbuild.model.ports import BlobStore

Progress = Callable[[int, int | None], None]
#: Where neither the lock nor the caller says how large a file is.
_LARGEST: Final = 16 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How often to try one URL without a new byte, and how long to wait between: doubling, with jitter, up to `longest_s`."""

    attempts: int = 4
    first_s: float = 0.5
    longest_s: float = 20.0
    sleep: Callable[[float], None] = time.sleep

    def wait(self, failures: int, asked_s: float) -> None:
        """Wait after so many failures in a row; at least what the server asked for, within reason."""
        backoff = min(self.longest_s, self.first_s * 2 ** (failures - 1)) * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
        self.sleep(min(max(backoff, asked_s), self.longest_s))


@dataclass(slots=True)
class _Failures:
    """What went wrong at each URL, and the last wrong digest with its URL."""

    reasons: list[str] = field(default_factory=list)
    wrong: tuple[str, str] | None = None

    def add(self, url: str, reason: str) -> None:
        self.reasons.append(f"{redacted(url)}: {reason}")


class HttpFetcher:
    """See lkbuild.model.ports.Fetcher. Safe to use from many threads and processes with one store and one folder of partials."""

    def __init__(
        self,
        store: BlobStore,
        mirrors: Mirrors,
        transport: Transport,
        partials: Path,
        *,
        offline: bool = False,
        patience: Patience | None = None,
        credentials: Callable[[str], str | None] = lambda _host: None,
    ) -> None:
        """Of a store to fill.

        Args:
            store: where it goes.
            mirrors: where it is.
            transport: HTTP.
            partials: a folder, best on the store's file system, that keeps interrupted downloads.
            offline: ask nobody.
            patience: with those who do not answer.
            credentials: `user:password` for a registry, or None.
        """
        self._store = store
        self._mirrors = mirrors
        self._transport = transport
        self._partials = partials
        self._offline = offline
        self._patience = patience or Patience()
        self._pypi = Pypi(mirrors.pypi, self._page)
        self._pulling = Pulling(transport, credentials, mirrors.repository)

    # -- the port -------------------------------------------------------------------------------------------------------

    def fetch(self, sources: tuple[str, ...], sha256: str, size: int | None, progress: Progress) -> Digest:
        """As lkbuild.model.ports.Fetcher. `progress` may raise to stop: what was received is kept for the next time."""
        known = self._known(sha256)
        if known is not None:
            return known
        if self._offline:
            raise _offline(sources, sha256)
        try:
            return self._bring(sources, sha256, size, progress)
        except OSError as error:  # of the disk: those of the network are Interrupted by now
            reason = error.strerror or str(error)
            raise HostError(f"a download can't be kept in {self._partials}: {reason}", hint="`lkbuild doctor` looks at the disk") from error

    def _bring(self, sources: tuple[str, ...], sha256: str, size: int | None, progress: Progress) -> Digest:
        with opened(self._partials, sha256, lambda: progress(0, size)) as partial:
            # Who held it may have brought it.
            known = self._known(sha256)
            if known is not None:
                partial.remove()
                return known
            failures = _Failures()
            for url in self._urls(sources, failures):
                try:
                    self._download(url, partial, sha256, size, progress)
                except Refused as error:
                    failures.add(url, str(error))
                except _WrongBytes as error:
                    failures.add(url, f"SHA-256 {error.sha256}, {error.size} bytes")
                    failures.wrong = (url, error.sha256)
                else:
                    return self._keep(partial, sha256)
        raise _failed(sources, sha256, failures)

    def read(self, sources: tuple[str, ...], *, sha256: str | None, size: int | None, limit: int) -> bytes:
        """Bytes of moderate size for who resolves a lock (lkbuild.locks.request.Download). Without a digest they are not verified here.

        Raises:
            FetchError: nothing had them, or they are larger than `limit`.
        """
        if sha256 is not None:
            if size is not None and size > limit:
                raise FetchError(f"{sources[0]} has {size} bytes, more than {limit}")
            digest = self.fetch(sources, sha256, size, lambda _done, _total: None)
            return self._store.get_bytes(digest)
        if self._offline:
            raise _offline(sources, None)
        failures = _Failures()
        for url in self._urls(sources, failures):
            try:
                return self._page(url, limit, "*/*")[0]
            except Refused as error:
                failures.add(url, str(error))
        raise _failed(sources, None, failures)

    # -- one URL --------------------------------------------------------------------------------------------------------

    def _urls(self, sources: tuple[str, ...], failures: _Failures) -> Iterator[str]:
        """URLs of all sources, looked up as late as possible: an index is asked only when nothing before it worked."""
        for source in sources:
            try:
                if self._pulling.takes(source):
                    yield self._pulling.url(source)
                elif source.startswith("pypi:"):
                    yield from self._pypi.urls(source, failures.add)
                else:
                    yield from self._mirrors.urls(source)
            except ValueError as error:
                failures.add(source, str(error))

    def _download(self, url: str, partial: Partial, sha256: str, size: int | None, progress: Progress) -> None:
        """Bring the partial to its end from one URL. Raises Refused or _WrongBytes; then another URL is next."""
        self._persist(url, partial, size, progress)
        if partial.sha256 != sha256 and partial.joined:
            # The beginning may be another server's or a damaged disk's: once more, from the start, before this URL is to blame.
            partial.reset()
            self._persist(url, partial, size, progress)
        if partial.sha256 != sha256:
            wrong = _WrongBytes(partial.sha256, partial.size)
            partial.reset()
            raise wrong

    def _persist(self, url: str, partial: Partial, size: int | None, progress: Progress) -> None:
        quiet, furthest = 0, partial.size
        while size is None or partial.size != size:
            try:
                self._transfer(url, partial, size, progress)
            except Interrupted as error:
                # Only what goes beyond all earlier tries is progress: a server that ends early each time must not be asked for ever.
                quiet = 1 if partial.size > furthest else quiet + 1
                furthest = max(furthest, partial.size)
                if isinstance(error, RangeRefused):
                    partial.reset()
                if quiet >= self._patience.attempts:
                    raise Refused(str(error)) from error
                self._patience.wait(quiet, error.after_s)
            else:
                return

    def _transfer(self, url: str, partial: Partial, size: int | None, progress: Progress) -> None:
        if size is not None and partial.size > size:
            partial.reset()
        headers = {}
        if partial.size:
            headers["Range"] = f"bytes={partial.size}-"
            validator = partial.validator(url)
            if validator:
                headers["If-Range"] = validator
        response = self._transport.get(url, {**headers, **self._pulling.headers(url)})
        try:
            self._receive(url, response, partial, size, progress)
        finally:
            response.close()

    def _receive(self, url: str, response: Response, partial: Partial, size: int | None, progress: Progress) -> None:
        if response.status == 206 and not (response.header("Content-Range") or "").startswith(f"bytes {partial.size}-"):
            raise RangeRefused("it answered with another range than asked for")
        if response.status == 200:
            partial.reset()
        else:
            partial.joined = True
        partial.came_from(url, response.header("ETag") or response.header("Last-Modified"))
        length = response.header("Content-Length") or ""
        total = partial.size + int(length) if length.isdecimal() else size
        limit = size if size is not None else _LARGEST
        if total is not None and total > limit:
            raise Refused(f"it has {total} bytes, the lock says {limit}")
        for chunk in response.chunks():
            if partial.size + len(chunk) > limit:
                partial.reset()
                raise Refused(f"it sends more than the {limit} bytes that the lock says")
            partial.write(chunk)
            progress(partial.size, size if size is not None else total)
        if total is not None and partial.size < total:
            raise Interrupted(f"it ended after {partial.size} of {total} bytes")

    def _page(self, url: str, limit: int, accept: str) -> tuple[bytes, str]:
        """A page as (body, content type), with the same patience. Raises Refused."""
        failures = 0
        while True:
            try:
                return self._page_once(url, limit, accept)
            except Interrupted as error:
                failures += 1
                if failures >= self._patience.attempts:
                    raise Refused(str(error)) from error
                self._patience.wait(failures, error.after_s)

    def _page_once(self, url: str, limit: int, accept: str) -> tuple[bytes, str]:
        response = self._transport.get(url, {"Accept": accept, **self._pulling.headers(url)})
        try:
            body = bytearray()
            for chunk in response.chunks():
                body += chunk
                if len(body) > limit:
                    raise Refused(f"it has more than {limit} bytes")
            return bytes(body), response.header("Content-Type") or ""
        finally:
            response.close()

    # -- the store ------------------------------------------------------------------------------------------------------

    def _known(self, sha256: str) -> Digest | None:
        digest = self._store.find_sha256(sha256)
        return digest if digest is not None and self._store.has(digest) else None

    def _keep(self, partial: Partial, sha256: str) -> Digest:
        expected = Digest(partial.blake3, partial.size)
        digest = self._store.put_file(partial.path, move=True)
        partial.remove()
        if digest != expected:
            raise FetchError(f"the file changed on disk while it was taken in: {digest} instead of {expected}", hint="is the disk sound?")
        self._store.record_sha256(sha256, digest)
        return digest


class _WrongBytes(Exception):
    def __init__(self, sha256: str, size: int) -> None:
        super().__init__(sha256)
        self.sha256 = sha256
        self.size = size


def _name(sources: tuple[str, ...]) -> str:
    return sources[0].rpartition("/")[2] if sources else "a file without sources"


def _offline(sources: tuple[str, ...], sha256: str | None) -> FetchError:
    what = f"{_name(sources)} (SHA-256 {sha256})" if sha256 else _name(sources)
    return FetchError(f"{what} is not in the store, and --offline forbids to fetch it", hint="run `lkbuild fetch` while there is a network")


def _failed(sources: tuple[str, ...], sha256: str | None, failures: _Failures) -> FetchError:
    detail = "tried:\n" + "\n".join(f"  {line}" for line in failures.reasons) if failures.reasons else "there is no URL to try"
    if failures.wrong:
        url, got = failures.wrong
        message = f"{redacted(url)} has the wrong content: its SHA-256 is {got}, the lock says {sha256}"
        return FetchError(message, detail=detail, hint="was it replaced at its origin? `lkbuild lock update` makes the lock anew")
    hint = "`mirrors:` in ~/.config/lkbuild/config.yaml says where from; for what an archive no longer has, run `lkbuild lock update`"
    return FetchError(f"{_name(sources)} can't be fetched", detail=detail, hint=hint)
