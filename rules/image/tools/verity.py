"""A hash tree behind a file system, as the kernel's dm-verity reads it: every block that is read is checked against one digest.

Runs inside the sandbox; standard library only. Source: linux Documentation/admin-guide/device-mapper/verity.rst (version 1, SHA-256, no
salt, no superblock: the command line has all that would be in it). Does not know what the data is.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable

BLOCK = 4096
MIN_BLOCKS = 2  # a tree over one block has no level


def append(source: str, out: str, words: str) -> None:
    """Write the data, filled up to whole blocks, and its tree, top first; and into `words` what init needs to check it by."""
    shutil.copyfile(source, out)
    blocks = max(-(-os.path.getsize(out) // BLOCK), MIN_BLOCKS)
    os.truncate(out, blocks * BLOCK)
    with open(out, "rb") as file:
        levels = [level(iter(lambda: file.read(BLOCK), b""))]
    while len(levels[-1]) > BLOCK:
        below = levels[-1]
        levels.append(level(below[at : at + BLOCK] for at in range(0, len(below), BLOCK)))
    with open(out, "ab") as file:
        file.writelines(reversed(levels))
    with open(words, "w") as text:
        text.write(f"lkbuild.verity={hashlib.sha256(levels[-1]).hexdigest()},{blocks}\n")


def level(blocks: Iterable[bytes]) -> bytes:
    """The digests of blocks, filled up to whole blocks."""
    digests = b"".join(hashlib.sha256(block).digest() for block in blocks)
    return digests.ljust(-(-len(digests) // BLOCK) * BLOCK, b"\0")
