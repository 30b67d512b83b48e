"""Which boot of the machine this is: what was written in another one may be less than what was known of it.

Nothing here syncs what can be made again, so the kernel may still hold a file's bytes when the power fails, while its name, size and times
are on the disk already: what is believed by stat is believed within one boot. Imports nothing that Python has not
loaded already, for the fast path.
"""

from __future__ import annotations

import os

_PLACE = "/proc/sys/kernel/random/boot_id"
_known: list[str] = []


def boot_id() -> str:
    """The identity of this boot (random(4)), "" where the kernel does not tell: then all boots are one."""
    if not _known:
        _known.append(_read())
    return _known[0]


def _read() -> str:
    try:
        handle = os.open(_PLACE, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        return os.read(handle, 64).decode("ascii", "replace").strip()
    finally:
        os.close(handle)
