"""A container registry: what it has, uploads, manifests; and the tokens that it wants for them.

Does not know what is pushed. Source: OCI distribution specification 1.1 (checking, pushing blobs and manifests); Docker's token
authentication (distribution, docs/content/spec/auth/token.md).
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Final, Self
from urllib.parse import urlencode, urljoin, urlsplit

from lkbuild.base.errors import RegistryError, UsageError
from lkbuild.base.values import dataclass
from lkbuild.fetch.transport import Answer, Interrupted, Transport

_NAME: Final = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*\Z")
_TAG: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}\Z")
_LOCAL: Final = re.compile(r"(?:localhost|127\.[0-9.]+|\[::1\])(?::\d+)?\Z")
_PARAMETER: Final = re.compile(r'(\w+)="([^"]*)"')
#: Many registries keep blobs with a storage service and say where: then it is there.
_ELSEWHERE: Final = (HTTPStatus.FOUND, HTTPStatus.SEE_OTHER, HTTPStatus.TEMPORARY_REDIRECT, HTTPStatus.PERMANENT_REDIRECT)
#: Docker's own registry answers under another name than its images have, and its credentials stand under a third.
_HUB: Final = "docker.io"
_HUB_API: Final = "registry-1.docker.io"
_HUB_KEY: Final = "https://index.docker.io/v1/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """Where an image goes: `registry.example/team/app:tag`."""

    host: str
    name: str
    tag: str

    def __str__(self) -> str:
        return f"{self.host}/{self.name}:{self.tag}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The reference that text means. Raises UsageError; the registry must be named, so that nothing goes where nobody meant it."""
        host, slash, rest = text.partition("/")
        if not slash or not ("." in host or ":" in host or host == "localhost"):
            raise UsageError(f"'{text}' names no registry", hint=f"write HOST/NAME[:TAG], as {_HUB}/library/{text}")
        name, colon, tag = rest.partition(":")
        if not _NAME.match(name) or (colon and not _TAG.match(tag)):
            raise UsageError(
                f"'{text}' is no image reference", hint="write HOST/NAME[:TAG], the name in lower case; a digest can't be pushed to"
            )
        return cls(host=host, name=name, tag=tag or "latest")

    @property
    def base(self) -> str:
        """The URL of its repository. A registry on this machine is spoken to in the clear, as Docker does; any other by TLS."""
        scheme = "http" if _LOCAL.match(self.host) else "https"
        return f"{scheme}://{_HUB_API if self.host == _HUB else self.host}/v2/{self.name}"


#: Asks a credential helper: its name (`docker-credential-NAME`) and the registry; its JSON answer, empty where it knows none.
AskHelper = Callable[[str, str], bytes]


def credentials_of(config: str, host: str, place: str, ask: AskHelper) -> str | None:
    """`user:password` for a registry, from the text of Docker's config.json or from the helper that it names; None where there are none.

    Raises UsageError for text that is no JSON. Source: github.com/docker/docker-credential-helpers.
    """
    try:
        told = json.loads(config or "{}")
        server = _HUB_KEY if host == _HUB else host
        entry = told.get("auths", {}).get(server)
        if entry and entry.get("auth"):
            return base64.b64decode(entry["auth"], validate=True).decode()
        # `docker login` leaves an empty entry for what it has given to the store.
        helper = told.get("credHelpers", {}).get(host) or (told.get("credsStore") if entry is not None else None)
    except (ValueError, AttributeError) as error:
        raise UsageError(f"{place} can't be read: {error}") from error
    return _answer(helper, ask(helper, server)) if helper else None


def _answer(helper: str, answer: bytes) -> str | None:
    """`user:password` of what a helper said."""
    if not answer:
        return None
    try:
        told = json.loads(answer)
        user, secret = told["Username"], told["Secret"]
    except (ValueError, KeyError, TypeError):
        raise UsageError(f"docker-credential-{helper} says nothing that can be understood", hint="its answer is not shown") from None
    if user == "<token>":  # an identity token, which is traded for another at the registry's own server
        raise UsageError(
            f"docker-credential-{helper} has an identity token, where a password is needed", hint="`docker login` with a password"
        )
    return f"{user}:{secret}"


class Registry:
    """One repository of a registry. Not for several threads: a token is asked for once, and kept."""

    def __init__(self, transport: Transport, reference: Reference, credentials: str | None, *, actions: str = "pull,push") -> None:
        """`credentials`: `user:password`. `actions`: what a token is asked for."""
        self._actions = actions
        self._transport = transport
        self._reference = reference
        self._basic = base64.b64encode(credentials.encode()).decode() if credentials else None
        self._authorization: str | None = None

    def token(self, url: str, headers: Mapping[str, str]) -> str | None:
        """What to send as Authorization with a GET of a URL; found out by asking for its head, so that it is not out of date."""
        self._send("HEAD", url, headers)
        return self._authorization

    def has_blob(self, sha256: str) -> bool:
        """Whether it holds a blob."""
        return self._has(f"blobs/sha256:{sha256}", "*/*")

    def has_manifest(self, sha256: str, media_type: str) -> bool:
        """Whether it holds a manifest or an index; it is asked for by its type, for a registry hides what the reader does not accept."""
        return self._has(f"manifests/sha256:{sha256}", media_type)

    def _has(self, path: str, accept: str) -> bool:
        answer = self._send("HEAD", f"{self._reference.base}/{path}", {"Accept": accept})
        if answer.status == HTTPStatus.NOT_FOUND:
            return False
        if answer.status == HTTPStatus.OK or answer.status in _ELSEWHERE:
            return True
        raise self._refused("does not say what it has", answer)

    def put_blob(self, sha256: str, size: int, content: Callable[[], Iterable[bytes]]) -> None:
        """Upload a blob in one piece. `content` is called for each try."""
        begun = self._send("POST", f"{self._reference.base}/blobs/uploads/", {"Content-Length": "0"})
        place = begun.headers.get("location")
        if begun.status != HTTPStatus.ACCEPTED or not place:
            raise self._refused("takes no upload", begun)
        place = urljoin(f"{self._reference.base}/", place)
        place += ("&" if "?" in place else "?") + urlencode({"digest": f"sha256:{sha256}"})
        headers = {"Content-Length": str(size), "Content-Type": "application/octet-stream"}
        done = self._send("PUT", place, headers, content)
        if done.status != HTTPStatus.CREATED:
            raise self._refused(f"does not take the blob sha256:{sha256}", done)

    def put_manifest(self, reference: str, media_type: str, data: bytes) -> None:
        """Store a manifest or an index under a tag, or under `sha256:...`."""
        done = self._send("PUT", f"{self._reference.base}/manifests/{reference}", {"Content-Type": media_type}, lambda: data)
        if done.status != HTTPStatus.CREATED:
            raise self._refused(f"does not take the manifest {reference}", done)

    def _send(self, method: str, url: str, headers: Mapping[str, str], body: Callable[[], bytes | Iterable[bytes]] | None = None) -> Answer:
        """One request; a second one with a token, where the registry asks for it."""
        for last in (False, True):
            # An upload may go to another machine (a storage service), whose business our name is not.
            ours = urlsplit(url)[:2] == urlsplit(self._reference.base)[:2]
            own = {"Authorization": self._authorization} if self._authorization and ours else {}
            try:
                answer = self._transport.send(method, url, {**headers, **own}, body() if body else None)
            except Interrupted as error:
                raise RegistryError(f"{self._reference.host} can't be reached: {error}", hint="is it up, and is its name right?") from error
            if answer.status != HTTPStatus.UNAUTHORIZED or last or not ours:
                return answer
            self._authorization = self._authorize(answer)
        raise AssertionError  # the second round returns

    def _authorize(self, answer: Answer) -> str:
        """What to send as Authorization, by the challenge of an answer."""
        challenge = answer.headers.get("www-authenticate", "")
        scheme, _, rest = challenge.partition(" ")
        told = dict(_PARAMETER.findall(rest))
        if scheme.lower() == "basic" and self._basic:
            return f"Basic {self._basic}"
        # Credentials for a registry that is spoken to by TLS go nowhere in the clear.
        clear = not told.get("realm", "").startswith("https://") and self._reference.base.startswith("https://")
        if scheme.lower() != "bearer" or "realm" not in told or clear:
            raise self._refused("wants to know who you are", answer)
        query = {"scope": f"repository:{self._reference.name}:{self._actions}", **{key: told[key] for key in ("service",) if key in told}}
        headers = {"Authorization": f"Basic {self._basic}"} if self._basic else {}
        try:
            given = self._transport.send("GET", f"{told['realm']}?{urlencode(query)}", headers)
        except Interrupted as error:
            raise RegistryError(f"{told['realm']} can't be reached: {error}") from error
        try:
            found = json.loads(given.data)
            return f"Bearer {found.get('token') or found['access_token']}"
        except (ValueError, KeyError, AttributeError):
            raise self._refused("gives no token", given) from None

    def _refused(self, what: str, answer: Answer) -> RegistryError:
        try:
            detail = "\n".join(f"  {item['code']}: {item.get('message', '')}" for item in json.loads(answer.data)["errors"])
        except (ValueError, KeyError, TypeError):
            detail = None
        unknown = answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
        hint = f"`docker login {self._reference.host}` keeps credentials where lkbuild finds them" if unknown else None
        return RegistryError(f"{self._reference.host} {what} (HTTP {answer.status})", detail=detail, hint=hint)
