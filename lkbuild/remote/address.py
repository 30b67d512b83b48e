"""Where a remote is: its URL, taken apart. Opens nothing.

`grpc://host:port/instance`, `grpcs://host:port/instance`, `unix:/path/of/socket` (an instance behind `?`: `unix:/run/casd.sock?main`),
`http://host/prefix`, `https://host/prefix`.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import unquote, urlsplit

from lkbuild.base.errors import UsageError
from lkbuild.base.values import dataclass
from lkbuild.model.cache_policy import RESERVED_SEGMENTS

_SCHEMES: Final = ("grpc", "grpcs", "unix", "http", "https")
_DEFAULT_PORTS: Final = {"grpc": 80, "grpcs": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A remote's place.

    Attributes:
        scheme: one of grpc, grpcs, unix, http, https.
        target: what is connected to: `host:port` or a socket's path; for HTTP the URL below which `ac/` and `cas/` are.
        instance: REAPI's instance name; "" for HTTP, whose prefix is in the URL.
        shown: how it is called in messages.
    """

    scheme: str
    target: str
    instance: str = ""
    shown: str

    @property
    def is_open(self) -> bool:
        """Whether what is sent there can be read on the way: no TLS, and not this machine."""
        host = self.target.partition("://")[2].partition("/")[0] or self.target
        here = host.rpartition(":")[0] in ("localhost", "127.0.0.1", "[::1]") or host in ("localhost", "127.0.0.1", "[::1]")
        return self.scheme in ("grpc", "http") and not here

    @property
    def uri(self) -> str:
        """What a credential helper is asked about: an HTTP URL in any case."""
        return self.target if self.is_http else f"http{'s' if self.scheme == 'grpcs' else ''}://{self.target}/"

    @property
    def is_http(self) -> bool:
        """Whether it speaks Bazel's HTTP protocol rather than gRPC."""
        return self.scheme.startswith("http")


def parse_address(url: str) -> Address:
    """Take a URL apart. Raises UsageError."""
    scheme, colon, rest = url.partition(":")
    if not colon or scheme not in _SCHEMES or not rest:
        raise UsageError(
            f"'{_without_user(url)}' is no URL of a remote", hint="grpc://HOST:PORT, grpcs://, unix:/PATH, http:// or https://"
        )
    if scheme == "unix":
        path, _, instance = rest.partition("?")
        path = "/" + path.lstrip("/")
        return Address(scheme=scheme, target=path, instance=_checked(instance, url), shown=url)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"'{_without_user(url)}' is no URL of a remote: {error}") from error
    if not parts.hostname:
        raise UsageError(f"'{_without_user(url)}' names no host", hint=f"write {scheme}://HOST:PORT")
    if parts.username is not None:  # command lines and policies are seen by many
        raise UsageError("a remote's URL holds no user and no password", hint="`headers:` and `token_file:` in cache/cache.yaml")
    if scheme in ("http", "https"):
        return Address(scheme=scheme, target=url.rstrip("/"), shown=url)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    target = f"{host}:{port or _DEFAULT_PORTS[scheme]}"
    return Address(scheme=scheme, target=target, instance=_checked(unquote(parts.path.strip("/")), url), shown=url)


def _checked(instance: str, url: str) -> str:
    wrong = RESERVED_SEGMENTS & set(instance.split("/"))
    if wrong:
        raise UsageError(f"'{url}': an instance name can't have a part '{min(wrong)}'")
    return instance


def _without_user(url: str) -> str:
    scheme, mark, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}" if mark and "@" in rest else url
