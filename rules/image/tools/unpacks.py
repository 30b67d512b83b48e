"""What a kernel can unpack, as its .config says, and how what it starts with is packed for it. Runs inside the sandbox, with zstd.

Sources: linux usr/Kconfig, fs/squashfs/Kconfig, lib/xz/Kconfig, Documentation/staging/xz.rst. Does not know what is packed.
"""

from __future__ import annotations

import lzma
import os
import re
import subprocess
from collections.abc import Collection, Iterable

SMALL = 19  # the level from which on size is what counts
LEAST = 22  # zstd's last level
#: All that is asked of a configuration.
OPTIONS = ("BLK_DEV_LOOP", "SQUASHFS", "SQUASHFS_XZ", "SQUASHFS_ZSTD", "RD_XZ", "RD_ZSTD", "XZ_DEC_X86")
#: The filter for jumps and calls that mksquashfs and Python have, by architecture, and the option that undoes it.
FILTERS = {"amd64": ("x86", lzma.FILTER_X86, "XZ_DEC_X86")}
DICTIONARY = 8 << 20  # memory that the kernel takes while it unpacks


def options(config: str, out: str) -> None:
    """Those of OPTIONS that a .config has, built in or as modules: the same file for most changes of a configuration."""
    with open(config) as file:
        found = set(re.findall(r"^CONFIG_(\w+)=[ym]$", file.read(), flags=re.MULTILINE))
    with open(out, "w") as file:
        file.writelines(f"{name}\n" for name in OPTIONS if name in found)


def read(path: str) -> set[str]:
    """What `options` wrote."""
    with open(path) as file:
        return set(file.read().split())


def squashfs(can: Collection[str], arch: str, level: int) -> list[str]:
    """Options of mksquashfs: xz with its filter takes a tenth less than zstd, and unpacks ten times as slowly."""
    demand(can, "a root that is packed in an initrd", "BLK_DEV_LOOP", "SQUASHFS")
    small = level >= SMALL
    name, _, option = FILTERS.get(arch, ("", 0, ""))
    if small and {"SQUASHFS_XZ", option} <= set(can):
        return ["-comp", "xz", "-Xbcj", name]
    if "SQUASHFS_ZSTD" in can:
        return ["-comp", "zstd", "-Xcompression-level", str(LEAST if small else level)]
    demand(can, "a packed root that is not zstd", "SQUASHFS_XZ")
    return ["-comp", "xz"]


def early(parts: Iterable[str], out: str) -> None:
    """Archives as one segment of an initrd, as small as the kernel can read it."""
    content = b"".join(_content(part) for part in parts)
    packed = _xz(content) if "RD_XZ" in (can := read("unpacks")) else _zstd(content, can)
    with open(out, "wb") as file:
        file.write(packed + bytes(-len(packed) % 4))  # the kernel skips zeros between segments


def _xz(content: bytes) -> bytes:
    _, filter_id, option = FILTERS.get(os.environ["ARCH"], ("", 0, ""))
    chain = [{"id": filter_id}] if option in read("unpacks") else []
    chain.append({"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "dict_size": DICTIONARY})
    # The kernel knows no other checksum.
    return lzma.compress(content, format=lzma.FORMAT_XZ, check=lzma.CHECK_CRC32, filters=chain)


def _zstd(content: bytes, can: Collection[str]) -> bytes:
    demand(can, "an initrd that is not xz", "RD_ZSTD")
    command = ["zstd", "--ultra", f"-{LEAST}", "--single-thread", "-c"]
    return subprocess.run(command, input=content, check=True, stdout=subprocess.PIPE).stdout


def _content(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def demand(can: Collection[str], what: str, *names: str) -> None:
    """Fail where the kernel lacks an option."""
    if missing := [f"CONFIG_{name}" for name in names if name not in can]:
        raise SystemExit(f"the kernel can't read {what}: its configuration has no {' and no '.join(missing)} (docs/guide/images.md)")
