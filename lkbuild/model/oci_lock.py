"""The lock of OCI images as values: one entry for each image and architecture, and its text form.

Both sides need it: `lkbuild lock update` writes it (lkbuild.locks) and rules read it (rules/oci.py). What an image says of the
container that runs it is in the lock, so that analysis needs no image. Pure text. Specified in docs/format/oci-lock.md.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from lkbuild.base.values import dataclass
from lkbuild.model.attrs import FrozenMap
from lkbuild.model.configuration import ARCHES
from lkbuild.model.deb_lock import LockFormatError

HEADER: Final = "# lkbuild oci-lock 1"
_NOTE: Final = "# Written by `lkbuild lock update`: change the target that names this file, not this file."
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}\Z")
#: What of an image's configuration is kept: what a container is made of.
CONFIG_KEYS: Final = ("Entrypoint", "Cmd", "Env", "WorkingDir", "User", "Labels")


@dataclass(frozen=True, slots=True, kw_only=True)
class OciEntry:
    """One image for one architecture.

    Attributes:
        reference: its expanded name, with tag or digest.
        arch: the architecture.
        manifest: digest of its manifest.
        manifest_size: bytes of it.
        config_blob: digest of its configuration.
        layers: digests of its layers, from the lowest.
        config: the configuration's `config` object, of CONFIG_KEYS what is there.
    """

    reference: str
    arch: str
    manifest: str
    manifest_size: int
    config_blob: str
    layers: tuple[str, ...]
    config: Mapping[str, Any]

    def __str__(self) -> str:
        config = json.dumps(dict(self.config), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        blobs = f"{self.manifest} {self.manifest_size} {self.config_blob} {','.join(self.layers) or '-'}"
        return f"{self.reference} {self.arch} {blobs} {config}"


def render(entries: Iterable[OciEntry]) -> str:
    """The text of a lock."""
    lines = sorted(str(entry) for entry in entries)
    return "\n".join((HEADER, _NOTE, *lines)) + "\n"


def parse_oci_lock(text: str) -> dict[tuple[str, str], OciEntry]:
    """The entries of a lock, by reference and architecture. Raises LockFormatError."""
    lines = text.split("\n")
    if lines[0] != HEADER:
        raise LockFormatError(f"a lock starts with '{HEADER}'", 1)
    found = {}
    for number, line in enumerate(lines, start=1):
        if line and not line.startswith("#"):
            entry = _entry(line, number)
            found[entry.reference, entry.arch] = entry
    return found


def _entry(line: str, number: int) -> OciEntry:
    parts = line.split(" ", 6)
    if len(parts) != 7 or parts[1] not in ARCHES or not (parts[3].isascii() and parts[3].isdecimal()):
        raise LockFormatError("expected: reference architecture manifest size configuration layers settings", number)
    reference, arch, manifest, size, config_blob, joined, text = parts
    layers = tuple(joined.split(",")) if joined != "-" else ()
    if not all(_DIGEST.match(digest) for digest in (manifest, config_blob, *layers)):
        raise LockFormatError("a digest is sha256: and 64 hexadecimal digits", number)
    try:
        config = json.loads(text)
    except ValueError as error:
        raise LockFormatError(f"the settings are no JSON: {error}", number) from None
    if not isinstance(config, dict):
        raise LockFormatError("the settings are no JSON object", number)
    return OciEntry(
        reference=reference,
        arch=arch,
        manifest=manifest,
        manifest_size=int(size),
        config_blob=config_blob,
        layers=layers,
        config=FrozenMap(config),
    )
