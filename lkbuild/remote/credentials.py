"""Who we are, to a remote: headers, and files for TLS. What is secret is never shown, stored, or part of a key.

Does not know where policy says that these are: `lkbuild.app.remotes` gives paths and values.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lkbuild.remote.faults import Denied

#: A token is a line; what is longer is some other file.
_TOKEN_LIMIT: Final = 64 << 10


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

    def __init__(self, headers: Mapping[str, str] | None = None, token_file: Path | None = None) -> None:
        """`token_file` holds a bearer token, and is read again when it has changed: tokens live shorter than builds."""
        self._fixed = {name.lower(): value for name, value in (headers or {}).items()}
        self._file = token_file
        self._lock = threading.Lock()
        self._stat: tuple[int, ...] = ()
        self._token = ""
        self._secrets = {value for value in self._fixed.values() if value}

    @property
    def present(self) -> bool:
        """Whether there is anything to keep from strangers."""
        return bool(self._fixed) or self._file is not None

    def headers(self) -> tuple[tuple[str, str], ...]:
        """Names in lower case, as gRPC wants them. Raises Denied where the token can't be read."""
        if self._file is None:
            return tuple(self._fixed.items())
        with self._lock:
            try:
                self._read(self._file)
            except (OSError, UnicodeDecodeError) as error:
                reason = error.strerror if isinstance(error, OSError) else "it is no text"
                raise Denied(f"can't read the token in {self._file}: {reason}") from error
            return (*self._fixed.items(), ("authorization", f"Bearer {self._token}"))

    def _read(self, path: Path) -> None:
        status = path.stat()
        now = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        if now != self._stat:
            with path.open("rb") as file:
                self._token = file.read(_TOKEN_LIMIT).decode("ascii").strip()
            self._stat = now
            if self._token:
                self._secrets.add(self._token)

    def redact(self, text: str) -> str:
        """The text without our secrets: servers are known to repeat what they were sent."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, "***")
        return text
