"""The signed index of a suite (InRelease): its signature, whether it is the one asked for, and the digests that it vouches for.

Everything else of an archive is trusted only through the SHA-256 that stands here. A replayed older index is refused by comparing its
Date with that of the lock; an index past its Valid-Until is refused (wiki.debian.org/DebianRepository/Format). Does not fetch, does
not read a clock: the time is an argument.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

from pysequoia import Cert, verify

from lkbuild.base.errors import LockError
from lkbuild.base.values import dataclass

_FILE: Final = re.compile(r"^ ([0-9a-f]{64}) +(\d+) (\S+)$")
_FIELD: Final = re.compile(r"^([A-Za-z0-9-]+): *(.*)$")
#: A clock of an archive may be a little ahead of ours; more than this is no clock skew.
_SKEW: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class IndexFile:
    """A file that the index vouches for: path below the suite's folder, SHA-256, size."""

    path: str
    sha256: str
    size: int

    @property
    def by_hash(self) -> str:
        """Where it lies under its digest, so that a mirror in the middle of an update still has it."""
        folder = self.path.rpartition("/")[0]
        return f"{folder}/by-hash/SHA256/{self.sha256}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A verified index of a suite.

    Attributes:
        suite, codename: `stable` and `trixie`.
        date: when it was made, UTC.
        arches, components: what the archive says it has.
        by_hash: files also lie under their digest.
        files: by path below the suite's folder.
        signed_by: fingerprints of the trusted certificates that signed it.
    """

    suite: str
    codename: str
    date: datetime
    arches: tuple[str, ...]
    components: tuple[str, ...]
    by_hash: bool
    files: Mapping[str, IndexFile]
    signed_by: tuple[str, ...]


def verify_release(data: bytes, *, keyring: str, suite: str, now: datetime, not_before: datetime | None) -> Release:
    """Check an InRelease file and read it.

    Args:
        data: the clear-signed file.
        keyring: armored certificates that may sign it.
        suite: the suite or codename that it must be.
        now: the present, aware.
        not_before: Date of the index that an existing lock was made from; an older one is a replay.

    Raises:
        LockError: no good signature by a trusted key, another suite, expired, from the future, or older than `not_before`.
    """
    text, signers = _signed_text(data, keyring)
    fields, files = _parse(text)
    release = Release(
        suite=fields.get("Suite", ""),
        codename=fields.get("Codename", ""),
        date=_time(fields, "Date"),
        arches=tuple(fields.get("Architectures", "").split()),
        components=tuple(fields.get("Components", "").split()),
        by_hash=fields.get("Acquire-By-Hash", "no") == "yes",
        files=files,
        signed_by=signers,
    )
    if suite not in (release.suite, release.codename):
        raise LockError(f"the mirror answered for suite {suite} with {release.codename or '?'} ({release.suite or '?'})")
    if "Valid-Until" in fields and _time(fields, "Valid-Until") < now:
        raise LockError(f"the index of {suite} expired on {fields['Valid-Until']}", hint="the mirror is out of date, or the clock is wrong")
    if release.date > now + _SKEW:
        raise LockError(f"the index of {suite} is from the future: {fields['Date']}", hint="the clock of this machine is wrong")
    if not_before is not None and release.date < not_before:
        message = f"the index of {suite} is of {release.date:%Y-%m-%d %H:%M}, older than the lock's ({not_before:%Y-%m-%d %H:%M})"
        raise LockError(message, hint="the mirror is out of date or replays an old index; choose another mirror")
    return release


def load_keyring(keyring: str) -> list[Cert]:
    """The certificates of an armored keyring: one or more armor blocks. Raises LockError where there is none."""
    blocks = re.findall(r"-----BEGIN PGP PUBLIC KEY BLOCK-----.*?-----END PGP PUBLIC KEY BLOCK-----", keyring, re.DOTALL)
    try:
        certs = [cert for block in blocks for cert in Cert.split_bytes((block + "\n").encode())]
    except Exception as error:  # pysequoia raises bare exceptions, with a backtrace in their text
        raise LockError(f"the keyring can't be read: {_first_line(error)}") from error
    if not certs:
        raise LockError("the keyring holds no OpenPGP certificate", hint="it is an armored file of public keys")
    return certs


def _signed_text(data: bytes, keyring: str) -> tuple[str, tuple[str, ...]]:
    """The text that a trusted key has signed: never the file's own bytes, which may hold more than the signed part."""
    certs = load_keyring(keyring)
    wanted: list[str] = []

    def store(ids: list[str]) -> list[Cert]:
        wanted.extend(ids)
        return certs

    try:
        result = verify(bytes=data, store=store)
    except Exception as error:  # the same
        trusted = ", ".join(cert.fingerprint for cert in certs)
        detail = f"signed by: {', '.join(wanted) or 'nothing'}\ntrusted: {trusted}\n{_first_line(error)}"
        raise LockError("the index has no good signature by a trusted key", detail=detail) from error
    if result.bytes is None or not result.valid_sigs:
        raise LockError("the index has no good signature by a trusted key")
    return result.bytes.decode("utf-8", "strict"), tuple(sorted({signature.certificate for signature in result.valid_sigs}))


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _parse(text: str) -> tuple[dict[str, str], dict[str, IndexFile]]:
    fields: dict[str, str] = {}
    files: dict[str, IndexFile] = {}
    section = ""
    for line in text.splitlines():
        if found := _FIELD.match(line):
            section = found[1]
            fields[section] = found[2].strip()
        elif section == "SHA256" and (entry := _FILE.match(line)):
            files[entry[3]] = IndexFile(entry[3], entry[1], int(entry[2]))
    return fields, files


def _time(fields: Mapping[str, str], name: str) -> datetime:
    try:
        return parsedate_to_datetime(fields[name].replace("UTC", "+0000")).astimezone(UTC)
    except (KeyError, ValueError, TypeError) as error:
        raise LockError(f"the index has no readable {name}") from error
