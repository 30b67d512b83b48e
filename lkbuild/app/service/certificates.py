"""Certificates of a cache: an authority of its own, the server's, and one for each client. Knows no policy and no server.

A client's certificate carries its name twice: as the subject, which nginx reads, and as a URI (Buildbarn reads nothing else). It is good
for clients only, the server's for servers only, so that neither passes for the other.
Source: RFC 5280; RFC 2818 for the names of a server.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lkbuild.base.atomic import write_atomic
from lkbuild.base.errors import HostError, UsageError
from lkbuild.base.values import dataclass

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

AUTHORITY_DAYS: Final = 3650
CLIENT_DAYS: Final = 365
#: A certificate that is good for less than that is made anew.
RENEWED_DAYS: Final = 30
_CLIENT_URI: Final = "urn:lkbuild:client:"


@dataclass(frozen=True, slots=True)
class Authority:
    """Issues certificates."""

    certificate: x509.Certificate
    key: EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A certificate that is there: until when it is good, and the names of a server in it."""

    until: datetime
    names: frozenset[str]


def new_authority(certificate: Path, key: Path, now: datetime) -> Authority:
    """A new authority in two files. Raises HostError where the package `cryptography` is missing; UsageError, FileExistsError."""
    made = _issue(f"lkbuild cache {now:%Y-%m-%d}", None, now, AUTHORITY_DAYS)
    _write(certificate, key, made)
    return made


def read_authority(certificate: Path, key: Path) -> Authority:
    """The authority of two files. Raises UsageError."""
    try:
        from cryptography import x509  # noqa: PLC0415 - only who makes certificates pays for it
        from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey  # noqa: PLC0415 - the same
        from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415 - the same
    except ImportError as error:
        raise _missing() from error
    try:
        private = load_pem_private_key(key.read_bytes(), None)
        found = x509.load_pem_x509_certificate(certificate.read_bytes())
    except OSError as error:
        raise UsageError(
            f"can't read {error.filename}: {error.strerror}", hint="new certificates take the authority's key: put it back for as long"
        ) from error
    except (ValueError, TypeError) as error:
        raise UsageError(f"{key} and {certificate} are no authority of a cache", hint="the files that `--init` made are needed") from error
    if not isinstance(private, EllipticCurvePrivateKey) or private.public_key() != found.public_key():
        raise UsageError(f"{key} is not the key of {certificate}", hint="put back the one that `--init` made")
    return Authority(found, private)


def issue_server(authority: Authority, certificate: Path, key: Path, names: Sequence[str], now: datetime) -> None:
    """A server's certificate for these host names and addresses, in two files that are replaced. Raises UsageError."""
    _write(certificate, key, _issue(names[0], authority, now, CLIENT_DAYS, names=names))


def issue_client(authority: Authority, certificate: Path, key: Path, name: str, now: datetime) -> None:
    """A client's certificate, in two files that are replaced. Raises UsageError."""
    _write(certificate, key, _issue(name, authority, now, CLIENT_DAYS, client=name))


def look_at(certificate: Path) -> Found | None:
    """What a file holds; None where there is no such file. Raises UsageError for one that can't be read."""
    try:
        from cryptography import x509  # noqa: PLC0415 - see above
    except ImportError as error:
        raise _missing() from error
    try:
        found = x509.load_pem_x509_certificate(certificate.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(f"can't read {certificate}: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"{certificate} is no certificate", hint="take it away, and `lkbuild cache serve --init` makes one") from error
    try:
        alternative = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        names = frozenset[str]()
    else:
        addresses = [str(item) for item in alternative.get_values_for_type(x509.IPAddress)]
        names = frozenset((*alternative.get_values_for_type(x509.DNSName), *addresses))
    return Found(until=found.not_valid_after_utc, names=names)


def _issue(
    common: str, authority: Authority | None, now: datetime, days: int, *, names: Sequence[str] = (), client: str | None = None
) -> Authority:
    """A certificate and its key; without an authority it is one."""
    try:
        from cryptography import x509  # noqa: PLC0415 - see above
        from cryptography.hazmat.primitives import hashes  # noqa: PLC0415 - see above
        from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 - see above
        from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID  # noqa: PLC0415 - see above
    except ImportError as error:
        raise _missing() from error
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common[:64])])
    issuer = authority.certificate.subject if authority else subject
    signer = authority.key if authority else key
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))  # clocks differ
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=authority is None, path_length=0 if authority is None else None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .add_extension(_usage(signs=authority is None), critical=True)
    )
    if authority is not None:
        general: list[x509.GeneralName] = [_general(name) for name in names]
        purpose = ExtendedKeyUsageOID.SERVER_AUTH
        if client is not None:
            general, purpose = [x509.UniformResourceIdentifier(_CLIENT_URI + client)], ExtendedKeyUsageOID.CLIENT_AUTH
        builder = builder.add_extension(x509.SubjectAlternativeName(general), critical=False)
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
    return Authority(builder.sign(signer, hashes.SHA256()), key)


def _usage(*, signs: bool) -> x509.KeyUsage:
    from cryptography import x509  # noqa: PLC0415 - see above

    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


def _general(name: str) -> x509.GeneralName:
    from cryptography import x509  # noqa: PLC0415 - see above

    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _write(certificate: Path, key: Path, made: Authority) -> None:
    from cryptography.hazmat.primitives import serialization as form  # noqa: PLC0415 - see above

    private = made.key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
    try:
        write_atomic(key, private, mode=0o600)
        write_atomic(certificate, made.certificate.public_bytes(form.Encoding.PEM))
    except OSError as error:
        raise UsageError(f"can't write {error.filename or certificate}: {error.strerror}") from error


def now_utc() -> datetime:
    """The time, as certificates have it."""
    return datetime.now(UTC)


def _missing() -> HostError:
    return HostError("no certificates here: the Python package 'cryptography' is not installed", hint="pip install cryptography")
