"""What the machine lets this process use. Knows nothing of what it is used for."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

_MIB = 1 << 20


def memory_mib(proc: Path = Path("/proc"), cgroups: Path = Path("/sys/fs/cgroup")) -> int:
    """How much memory there is: that of the machine, or the least that a control group above this process leaves of it."""
    physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min([physical, *_limits(proc / "self/cgroup", cgroups)]) // _MIB


def _limits(membership: Path, cgroups: Path) -> list[int]:
    """The limits of each control group that holds this process, of version 2 and of version 1.

    In a container the path may be one of the host's that is not mounted here; the root of the mount is then the container's own group.
    """
    try:
        lines = membership.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            root, name = cgroups, "memory.max"
        elif "memory" in controllers.split(","):
            root, name = cgroups / "memory", "memory.limit_in_bytes"
        else:
            continue
        below = PurePosixPath(path).relative_to("/")
        found += [_limit(root / group / name) for group in (below, *below.parents)]
    return [limit for limit in found if limit is not None]


def _limit(file: Path) -> int | None:
    try:
        text = file.read_text(encoding="ascii").strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None  # "max": none
