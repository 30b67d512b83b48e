"""Use case: `lkbuild cache serve --init`: a folder with the policy of a cache, its certificates, and what each client needs to join.

Does again only what is missing, so that the way to add a partner is to write it into serve.yaml and to do this once more. No key is ever
replaced but by one that is newer. Does not start anything.
"""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from lkbuild.app.options import BuildOptions
from lkbuild.app.service import certificates
from lkbuild.app.service.certificates import RENEWED_DAYS, Authority
from lkbuild.app.trust import signing_key
from lkbuild.base.atomic import write_atomic
from lkbuild.base.errors import UsageError
from lkbuild.base.values import dataclass
from lkbuild.loading.serve_policy import SERVE_FILE, load_serve_policy
from lkbuild.model.cache_policy import PROMOTED, WRITE_RESULTS, key_text
from lkbuild.model.serve_policy import SERVED_RIGHTS, Served, ServePolicy

_FIRST_PORT: Final = 8980
_LOCAL: Final = ("localhost", "127.0.0.1")
_READ: Final = "[read-blobs, read-results]"
_ALL: Final = f"[{', '.join(SERVED_RIGHTS)}]"
_POLICY: Final = """\
# Who may do what at this cache. `lkbuild cache serve FOLDER` enforces it, from its next start on; after a client was added here,
# `lkbuild cache serve --init FOLDER` makes its certificate. Who is taken out of a list may do nothing there any more.
names: [{names}]    # of the server, for its certificate; clients are told the first
namespaces:
"""
_NAMESPACE: Final = """\
  {name}:
    port: {port}
    size: 50G            # what was unused for longest goes first
    clients:
"""
_CLIENT: Final = """\
# How '{client}' uses this cache: written by `lkbuild cache serve --init`. Put this folder at {home} and this file
# at cache/cache.yaml in your workspace. The key is secret.
remotes:
"""
_REMOTE: Final = """\
  - url: {url}
    namespace: {name}
    rights: [{rights}]
    ca: {home}/ca.pem
    certificate: {home}/certificate.pem
    key: {home}/key.pem
"""
_NO_KEYS: Final = """\
# keys:                       # whose results count: `lkbuild cache keygen FILE` makes a key and prints what stands here
#   - {name: upstream, public: "ed25519:..."}
"""


@dataclass(slots=True)
class _Work:
    """What is being done to a folder."""

    folder: Path
    now: datetime
    made: list[str] = field(default_factory=list)

    def note(self, *paths: Path) -> None:
        self.made += [str(path) for path in paths]


def initialise(options: BuildOptions, folder: Path, names: Sequence[str], partners: Sequence[str]) -> dict[str, Any]:
    """Make what is missing; what there is then, as `--json` has it.

    Args:
        options: for the signing key, whose public half clients are told.
        folder: is made where it is not there.
        names: host names of the server; none: this machine's.
        partners: each gets a namespace `partner/NAME`, and a client that may read there.

    Raises:
        UsageError: a policy is there already and more was said, or something can't be read or written.
        LoadError: the policy is wrong.
        HostError: the package `cryptography` is missing.
    """
    work = _Work(folder, certificates.now_utc())
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"can't make the folder {folder}: {error.strerror}") from error
    _write_policy(work, names, partners)
    policy = load_serve_policy(folder)
    signer = signing_key(options)
    public = key_text(signer.public()) if signer is not None else None
    authority = _Lazy(work)
    _server(work, policy, authority)
    clients = [_client(work, policy, name, authority, public) for name in policy.clients()]
    return {
        "folder": str(folder),
        "made": work.made,
        "serves": [served.url(policy.names[0]) for served in policy.namespaces],
        "clients": clients,
    }


def _write_policy(work: _Work, names: Sequence[str], partners: Sequence[str]) -> None:
    file = work.folder / SERVE_FILE
    if file.exists():
        if names or partners:
            raise UsageError(f"there is {file} already", hint="write names and partners into it, and give --init alone")
        return
    twice = next((name for name in partners if list(partners).count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"--partner={twice} stands twice")
    all_names = tuple(dict.fromkeys((*names, *(() if names else (platform.node(),)), *_LOCAL)))
    namespaces = [("main", {"ci": _ALL, "team": _READ})]
    namespaces += [(f"partner/{name}", {"ci": _ALL, f"partner-{name}": _READ}) for name in partners]
    text = _POLICY.format(names=", ".join(all_names))
    for number, (name, clients) in enumerate(namespaces):
        text += _NAMESPACE.format(name=name, port=_FIRST_PORT + number)
        text += "".join(f"      {client}: {rights}\n" for client, rights in clients.items())
    _put(file, text)
    try:
        load_serve_policy(work.folder)
    except BaseException:
        file.unlink()  # a name that is none: the next try may give a better one
        raise
    work.note(file)


class _Lazy:
    """The authority, which is needed only where something is issued: its key may be kept elsewhere."""

    def __init__(self, work: _Work) -> None:
        self._work = work
        self._read: Authority | None = None

    def get(self) -> Authority:
        """Read it, or make it where there is none."""
        certificate, key = self._work.folder / "ca.pem", self._work.folder / "ca.key"
        if self._read is None and not certificate.exists() and not key.exists():
            self._read = certificates.new_authority(certificate, key, self._work.now)
            self._work.note(certificate, key)
        if self._read is None:
            self._read = certificates.read_authority(certificate, key)
        return self._read


def _server(work: _Work, policy: ServePolicy, authority: _Lazy) -> None:
    certificate, key = work.folder / "server.pem", work.folder / "server.key"
    found = certificates.look_at(certificate)
    if found is None or found.names != frozenset(policy.names) or _ends_soon(found.until, work.now) or not key.exists():
        certificates.issue_server(authority.get(), certificate, key, policy.names, work.now)
        work.note(certificate, key)


def _client(work: _Work, policy: ServePolicy, name: str, authority: _Lazy, public: str | None) -> dict[str, Any]:
    folder = work.folder / "clients" / name
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    found = certificates.look_at(certificate)
    if found is None or _ends_soon(found.until, work.now):
        certificates.issue_client(authority.get(), certificate, key, name, work.now)
        work.note(certificate, key)
        found = certificates.look_at(certificate)
    _put(folder / "ca.pem", (work.folder / "ca.pem").read_text(encoding="ascii"))
    _put(folder / "cache.yaml", client_policy(policy, name, public))
    return {"name": name, "folder": str(folder), "until": found.until.date().isoformat() if found else None}


def client_policy(policy: ServePolicy, client: str, public: str | None) -> str:
    """The cache/cache.yaml of a client. The first namespace that it may write results to is its own; to the others it promotes."""
    home = f"~/.config/lkbuild/{client}"
    text = _CLIENT.format(client=client, home=home)
    own: Served | None = None
    for served in policy.namespaces:
        rights = dict(served.clients).get(client)
        if not rights:
            continue
        shown = ", ".join(right for right in SERVED_RIGHTS if right in rights)
        text += _REMOTE.format(url=served.url(policy.names[0]), name=served.name, rights=shown, home=home)
        if WRITE_RESULTS in rights:
            text += f"    publish: {PROMOTED}    # by `lkbuild cache promote`, never by builds\n" if own else ""
            own = own or served
    if public is None:
        return text + _NO_KEYS
    namespaces = ", ".join(served.name for served in policy.namespaces if dict(served.clients).get(client))
    return f'{text}keys:\n  - {{name: upstream, public: "{public}", namespaces: [{namespaces}]}}\n'


def _ends_soon(until: datetime, now: datetime) -> bool:
    return until - now < timedelta(days=RENEWED_DAYS)


def _put(file: Path, text: str) -> None:
    try:
        write_atomic(file, text.encode())
    except OSError as error:
        raise UsageError(f"can't write {file}: {error.strerror}") from error
