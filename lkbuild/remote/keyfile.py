"""A private signing key's file: PKCS #8 PEM, as openssl makes and reads it, that nobody else may read.

What is in it goes into no message, error or repr. Does not know what is signed.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from lkbuild.base.errors import HostError, UsageError
from lkbuild.remote.signing import SigningKey
from lkbuild.remote.trust import NO_PACKAGE

_LIMIT: Final = 16 << 10
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def create_key(path: Path) -> SigningKey:
    """A new key in a new file. Raises UsageError where there is a file already, or none can be made; HostError."""
    try:
        from cryptography.hazmat.primitives import serialization as form  # noqa: PLC0415 - only who signs pays for it
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415 - the same
    except ImportError as error:
        raise HostError(f"no keys here: {NO_PACKAGE}", hint="pip install cryptography") from error
    private = Ed25519PrivateKey.generate()
    text = private.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise UsageError(f"there is a file {path} already", hint="a key is never replaced; give another name") from None
    except OSError as error:
        raise UsageError(f"can't write {path}: {error.strerror}") from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text)
    except OSError as error:
        path.unlink(missing_ok=True)  # no key, and in the way of the next try
        raise UsageError(f"can't write {path}: {error.strerror}") from error
    return SigningKey(private.private_bytes_raw())


def read_key(path: Path) -> SigningKey:
    """The key of a file. Raises UsageError where it can't be read, others may read it, or it holds no Ed25519 key; HostError."""
    try:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415 - only who signs pays for it
        from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415 - the same
    except ImportError as error:
        raise HostError(f"results can't be signed here: {NO_PACKAGE}", hint="pip install cryptography") from error
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(_LIMIT)
    except OSError as error:
        raise UsageError(f"can't read the signing key {path}: {error.strerror}") from error
    if mode & _OTHERS:
        raise UsageError(f"others can get at the signing key {path} (mode {stat.S_IMODE(mode):04o})", hint=f"chmod 600 {path}")
    try:
        private = load_pem_private_key(data, password=None)
    except (ValueError, TypeError):
        private = None  # its text may hold a part of the secret
    if not isinstance(private, Ed25519PrivateKey):
        raise UsageError(f"{path} holds no Ed25519 key", hint="`lkbuild cache keygen FILE` makes one")
    return SigningKey(private.private_bytes_raw())
