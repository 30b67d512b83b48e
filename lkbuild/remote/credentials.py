"""Who we are, to a remote: headers, and files for TLS. What is secret is never shown, stored, or part of a key.

Does not know where policy says that these are: `lkbuild.app.remotes` gives paths and values.
"""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

from lkbuild.base.errors import LkbuildError
from lkbuild.base.values import dataclass
from lkbuild.remote.faults import Denied

#: A token is a line; what is longer is some other file.
_TOKEN_LIMIT: Final = 64 << 10
#: How long a helper's answer holds that does not say; Bazel's number.
_HELPED_S: Final = 1800.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """PEM files: the authority that the server's certificate must come from (else the system's), and our own certificate and key."""

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    def pem(self) -> tuple[bytes | None, bytes | None, bytes | None]:
        """Roots, key and certificate as gRPC takes them. Raises Denied where one can't be read."""
        try:
            roots, key, certificate = (path.read_bytes() if path else None for path in (self.ca, self.key, self.certificate))
        except OSError as error:
            raise Denied(f"can't read {error.filename}: {error.strerror}") from error
        return roots, key, certificate

    def context(self) -> ssl.SSLContext:
        """The same for HTTP. Raises Denied where one can't be read or is no certificate."""
        try:
            context = ssl.create_default_context(cafile=self.ca)
            if self.certificate is not None:
                context.load_cert_chain(self.certificate, self.key)
        except OSError as error:  # SSLError is one
            raise Denied(f"the certificates can't be read: {error}") from error
        return context


class Credentials:
    """Headers that go along with every request. Safe to use from many threads."""

    def __init__(
        self,
        headers: Mapping[str, str] | None = None,
        token_file: Path | None = None,
        helper: Callable[[], bytes] | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Nothing is read or asked yet.

        Args:
            headers: that do not change.
            token_file: holds a bearer token, and is read again when it has changed: tokens live shorter than builds.
            helper: asks a credential helper; returns its answer, raises LkbuildError where it has none.
            now: seconds since 1970, which a helper's answer expires by.
        """
        self._helper, self._now = helper, now
        self._helped: dict[str, str] = {}
        self._expires = 0.0
        self._fixed = {name.lower(): value for name, value in (headers or {}).items()}
        self._file = token_file
        self._lock = threading.Lock()
        self._stat: tuple[int, ...] = ()
        self._token = ""
        self._secrets = {value for value in self._fixed.values() if value}

    @property
    def present(self) -> bool:
        """Whether there is anything to keep from strangers."""
        return bool(self._fixed) or self._file is not None or self._helper is not None

    def headers(self) -> tuple[tuple[str, str], ...]:
        """Names in lower case, as gRPC wants them. Raises Denied where the token can't be read, or the helper has no answer."""
        if self._file is None and self._helper is None:
            return tuple(self._fixed.items())
        with self._lock:
            if self._helper is not None and self._now() >= self._expires:
                self._ask(self._helper)
            if self._file is None:
                return tuple({**self._fixed, **self._helped}.items())
            try:
                self._read(self._file)
            except (OSError, UnicodeDecodeError) as error:
                reason = error.strerror if isinstance(error, OSError) else "it is no text"
                raise Denied(f"can't read the token in {self._file}: {reason}") from error
            return tuple({**self._fixed, **self._helped, "authorization": f"Bearer {self._token}"}.items())

    def _read(self, path: Path) -> None:
        status = path.stat()
        now = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        if now != self._stat:
            with path.open("rb") as file:
                self._token = file.read(_TOKEN_LIMIT).decode("ascii").strip()
            self._stat = now
            if self._token:
                self._secrets.add(self._token)

    def _ask(self, helper: Callable[[], bytes]) -> None:
        try:
            answer = json.loads(helper())
            headers = {str(name).lower(): ",".join(map(str, values)) for name, values in answer.get("headers", {}).items()}
            expires = answer.get("expires")
            until = datetime.fromisoformat(expires).timestamp() if expires is not None else self._now() + _HELPED_S
        except LkbuildError as error:
            raise Denied(f"the credential helper: {error.message}") from error
        except (ValueError, AttributeError, TypeError):
            raise Denied("the credential helper: its answer is not that of its protocol") from None  # which may hold a secret
        self._helped, self._expires = headers, until
        self._secrets.update(value for value in headers.values() if value)
        self._secrets.update(value.removeprefix("Bearer ") for value in headers.values() if value.startswith("Bearer "))

    def redact(self, text: str) -> str:
        """The text without our secrets: servers are known to repeat what they were sent."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, "***")
        return text
