"""Calls over gRPC, bytes in and bytes out; what goes wrong comes out as a Fault. Knows no message.

The one module that imports grpc, and only once a call is made: a build without a remote does not pay for it.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import field
from typing import TYPE_CHECKING, Any, Final

from lkbuild.base.errors import HostError
from lkbuild.base.values import dataclass
from lkbuild.remote.address import Address
from lkbuild.remote.credentials import Credentials, TlsFiles
from lkbuild.remote.faults import Denied, Fault, NotThere, Unavailable
from lkbuild.remote.messages import retry_delay
from lkbuild.remote.tally import Tally
from lkbuild.remote.watchdog import Watchdog, Watched

if TYPE_CHECKING:
    import grpc

#: Calls in flight over one connection: many servers allow 100 streams.
WINDOW: Final = 64
#: The same of calls that carry megabytes: enough that both sides and the line are busy, few enough for memory.
HEAVY_WINDOW: Final = 8
#: A batch may hold 4 MiB of blobs, and some servers send more.
_MESSAGE_LIMIT: Final = 64 << 20
_LAST_WORD_S: Final = 2.0
_OPTIONS: Final = (
    ("grpc.max_receive_message_length", _MESSAGE_LIMIT),
    ("grpc.max_send_message_length", _MESSAGE_LIMIT),
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.enable_retries", 0),  # lkbuild.remote.guard does it, and knows when to stop
)
_TRANSIENT: Final = frozenset(("UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "ABORTED", "INTERNAL", "UNKNOWN", "CANCELLED"))
_DENIED: Final = frozenset(("UNAUTHENTICATED", "PERMISSION_DENIED"))
_ABSENT: Final = frozenset(("NOT_FOUND", "OUT_OF_RANGE"))


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelSettings:
    """How to call. `headers` are sent with each call, after the credentials; `quiet_s`: how long a call may make no progress."""

    quiet_s: float = 30.0
    headers: tuple[tuple[str, str | bytes], ...] = ()
    credentials: Credentials = field(default_factory=Credentials)
    tls: TlsFiles = field(default_factory=TlsFiles)


class Channel:
    """One connection to a server. Safe to use from many threads."""

    def __init__(self, address: Address, settings: ChannelSettings, tally: Tally, cancelled: Callable[[], bool] = lambda: False) -> None:
        """Nothing is opened before the first call. `cancelled`: every call is ended as soon as it says so."""
        self._address, self._settings, self._tally = address, settings, tally
        self._watchdog = Watchdog(settings.quiet_s, cancelled)
        self._lock = threading.Lock()
        self._opened: grpc.Channel | None = None

    def unary(self, method: str, request: bytes, *, timeout_s: float | None = None) -> bytes:
        """One message for another."""
        (answer,) = self.many(method, (request,), timeout_s=timeout_s)
        if isinstance(answer, Fault):
            raise answer
        return answer

    def many(
        self, method: str, requests: Iterable[bytes], *, timeout_s: float | None = None, window: int = WINDOW
    ) -> Iterator[bytes | Fault]:
        """The answers to many requests, in order; so many at once are in flight, and the next are made meanwhile.

        `timeout_s`: how long each may take, whatever is before it; else one that is waited for may be quiet for as long as any call.
        """
        import grpc  # noqa: PLC0415 - see the module

        stub = self._channel().unary_unary(method)
        flying: deque[Any] = deque()
        rest = iter(requests)
        timeout = None if timeout_s is None else min(timeout_s, self._settings.quiet_s)
        metadata = self._metadata()

        def launch() -> None:
            for request in rest:
                self._tally.add(requests=1, up=len(request))
                call = stub.future(request, timeout=timeout, metadata=metadata)
                call.add_done_callback(self._timed())
                flying.append(call)
                if len(flying) >= window:
                    return

        try:
            launch()
            while flying:
                call = flying.popleft()
                with self._watchdog.over(call) as watched:
                    try:
                        answer: bytes | Fault = call.result()
                    except grpc.FutureCancelledError:
                        answer = self._quiet() if watched.fired else Unavailable("the call was cancelled")
                    except grpc.RpcError as error:
                        answer = _fault(error)
                self._count(answer)
                yield answer
                launch()
        finally:
            for call in flying:
                call.cancel()

    def download(self, method: str, request: bytes) -> Iterator[bytes]:
        """One message for a stream of them."""
        call = self._channel().unary_stream(method)(request, metadata=self._metadata())
        self._tally.add(requests=1, up=len(request))
        with self._watchdog.over(call) as watched, self._translated(watched):
            try:
                for message in call:
                    self._watchdog.touch(watched)
                    self._tally.add(down=len(message))
                    yield message
                    self._watchdog.touch(watched)  # what the reader took its time for is not the server's fault
            finally:
                call.cancel()

    def follow(self, method: str, request: bytes, *, due: Callable[[], float], cancelled: Callable[[], bool]) -> Iterator[bytes]:
        """One message for a stream of them that may be silent for hours: until the (monotonic) time that `due` says after each message.

        A connection that is dead is found by gRPC's keepalive.
        """
        call = self._channel().unary_stream(method)(request, metadata=self._metadata())
        self._tally.add(requests=1, up=len(request))
        with self._watchdog.over(call, cancelled) as watched, self._translated(watched):
            watched.due = due()
            try:
                for message in call:
                    self._tally.add(down=len(message))
                    yield message
                    watched.due = due()
            finally:
                call.cancel()

    def last_word(self, method: str, request: bytes) -> None:
        """A request whose answer nobody needs, sent also after a stop was asked for."""
        import grpc  # noqa: PLC0415 - see the module

        with contextlib.suppress(grpc.RpcError, Fault):
            self._channel().unary_unary(method)(request, timeout=_LAST_WORD_S, metadata=self._metadata())

    def upload(self, method: str, requests: Iterator[bytes]) -> bytes:
        """A stream of messages for one. The server may answer before it has taken all of them. Raises what `requests` raises."""
        import grpc  # noqa: PLC0415 - see the module

        touched: list[Callable[[], None]] = []
        failed: list[Exception] = []

        def counted() -> Iterator[bytes]:
            try:
                for request in requests:
                    for touch in touched:
                        touch()
                    self._tally.add(up=len(request))
                    yield request
            except Exception as error:  # noqa: BLE001 - on a thread of gRPC's, which would print it: it is raised again below
                failed.append(error)

        self._tally.add(requests=1)
        call = self._channel().stream_unary(method).future(counted(), metadata=self._metadata())
        with self._watchdog.over(call) as watched, self._translated(watched):
            touched.append(lambda: self._watchdog.touch(watched))
            try:
                answer: bytes = call.result()
            except (grpc.RpcError, grpc.FutureCancelledError):
                if failed:
                    raise failed[0] from None
                raise
            finally:
                call.cancel()
        self._tally.add(down=len(answer))
        return answer

    def close(self) -> None:
        """End every call and the connection."""
        with self._lock:
            if self._opened is not None:
                self._opened.close()
                self._opened = None

    @contextlib.contextmanager
    def _translated(self, watched: Watched) -> Iterator[None]:
        import grpc  # noqa: PLC0415 - see the module

        try:
            yield
        except (grpc.RpcError, grpc.FutureCancelledError) as error:
            self._tally.add(failures=1)
            if watched.fired:
                raise self._quiet() from error
            if isinstance(error, grpc.RpcError):
                raise _fault(error) from error
            raise Unavailable("the call was cancelled") from error

    def _quiet(self) -> Unavailable:
        return Unavailable(f"nothing came or went for {self._settings.quiet_s:g} s", slow=True)

    def _timed(self) -> Callable[[Any], None]:
        """Counts how long a call takes that begins now. Its answer may lie there for long before it is looked at."""
        began = time.monotonic()
        return lambda _call: self._tally.answered(time.monotonic() - began)

    def _count(self, answer: bytes | Fault) -> None:
        if isinstance(answer, bytes):
            self._tally.add(down=len(answer))
        elif not isinstance(answer, NotThere):
            self._tally.add(failures=1)

    def _metadata(self) -> tuple[tuple[str, str | bytes], ...]:
        return (*self._settings.credentials.headers(), *self._settings.headers)

    def _channel(self) -> grpc.Channel:
        with self._lock:
            if self._opened is None:
                self._opened = self._open()
            return self._opened

    def _open(self) -> grpc.Channel:
        try:
            import grpc  # noqa: PLC0415 - see the module
        except ImportError as error:
            raise HostError(
                f"{self._address.shown} is spoken to by gRPC, which is not installed", hint="python -m pip install grpcio"
            ) from error
        if self._address.scheme == "unix":
            return grpc.insecure_channel(f"unix://{self._address.target}", _OPTIONS)
        if self._address.scheme == "grpc":
            return grpc.insecure_channel(self._address.target, _OPTIONS)
        credentials = grpc.ssl_channel_credentials(*self._settings.tls.pem())
        return grpc.secure_channel(self._address.target, credentials, _OPTIONS)


def _fault(error: Any) -> Fault:
    code = error.code().name if callable(getattr(error, "code", None)) else "UNKNOWN"
    reason = f"{code}: {error.details() or 'no details'}"
    if code in _TRANSIENT:
        trailing = error.trailing_metadata() or ()
        status = next((value for key, value in trailing if key == "grpc-status-details-bin"), b"")
        delay = retry_delay(status) if isinstance(status, bytes) else 0.0
        return Unavailable(reason, delay, slow=code == "DEADLINE_EXCEEDED")
    if code in _DENIED:
        return Denied(reason)
    return (NotThere if code in _ABSENT else Fault)(reason)
