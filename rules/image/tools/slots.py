"""Disks whose root is a partition of its own, one or two of them; and what updates one. Runs inside the sandbox; standard library only.

The forms are docs/format/image.md and docs/format/update.md. Does not know how a root is made or checked.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator

import disks
import gpt

LABEL = "lkbuild-root"  # how init finds a root, and pkg/slot the other one
PIECE = gpt.MIB
#: No menu; the entry of systemd-boot's own that goes to the firmware's menu must not be what is left to start.
LOADER = "timeout 0\neditor no\nauto-firmware no\n"
ROOM = 2  # of a slot and of its image, in multiples of what there is now: an update may be larger


def disk(out: str, name: str, boot: str) -> None:
    """Write a disk with an EFI system partition and the root. `name` is the EFI program that firmware starts; `boot` is systemd-boot."""
    slots, room = int(os.environ["SLOTS"]), int(os.environ["ROOM"])
    files, spare = {f"EFI/BOOT/{name}": "from"}, 0
    if slots > 1:
        with open("/tmp/loader.conf", "w") as file:
            file.write(LOADER)
        files = {f"EFI/BOOT/{name}": boot, "EFI/Linux/slot-1.efi": "from", "loader/loader.conf": "/tmp/loader.conf"}
        spare = ROOM * os.path.getsize("from") + 8 * gpt.MIB
    root = os.path.getsize("root")
    size = -(-max(root * (ROOM if slots > 1 else 1), room) // gpt.MIB) * gpt.MIB
    if room and root > room:
        raise SystemExit(f"the root has {root // gpt.MIB} MiB, which is more than the room of a slot")
    esp = disks.fat(out, files, offset=disks.FIRST, spare=spare, tail=slots * size + gpt.MIB)
    first = disks.FIRST + esp
    roots = [gpt.Partition(gpt.LINUX, LABEL, f"root-{slot}", first + slot * size, size) for slot in range(slots)]
    gpt.write(out, [gpt.Partition(gpt.ESP, "EFI", "esp", disks.FIRST, esp), *roots])
    with open(out, "r+b") as target, open("root", "rb") as source:
        target.seek(first)
        shutil.copyfileobj(source, target, gpt.MIB)


def update(out: str) -> None:
    """Write the digest of every piece, then the pieces; the root first, since the image on the EFI system partition makes it count."""
    files = {"root": "root", "uki": "from"}
    parts = [{"name": name, "size": os.path.getsize(path), "sha256": list(digests(path))} for name, path in files.items()]
    about = {"image": os.environ["NAME"], "arch": os.environ["ARCH"], "version": int(os.environ["VERSION"])}
    manifest = {**about, "piece": PIECE, "parts": parts}
    text = json.dumps(manifest, sort_keys=True).encode() + b"\n"
    with open(out, "wb") as file:
        file.write(b"lkbuild-update 1 %d\n" % len(text) + text)
        for path in files.values():
            with open(path, "rb") as source:
                shutil.copyfileobj(source, file, PIECE)


def digests(path: str) -> Iterator[str]:
    """Of each piece."""
    with open(path, "rb") as file:
        for piece in iter(lambda: file.read(PIECE), b""):
            yield hashlib.sha256(piece).hexdigest()
