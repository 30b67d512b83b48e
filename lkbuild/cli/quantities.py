"""Times and sizes as people read them. Pure text."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """`0.4 s`, `38.2 s`, `2 min 05 s`, `1 h 02 min`."""
    if seconds < 99.95:
        return f"{max(seconds, 0.0):.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def about(seconds: float) -> str:
    """An estimate, no more precise than it is: `~8 s`, `~14 min`, `~2 h`."""
    if seconds < 60:
        return f"~{max(1, round(seconds))} s"
    return f"~{round(seconds / 60)} min" if seconds < 5400 else f"~{round(seconds / 3600)} h"


def size(count: float) -> str:
    """Bytes in binary units: `512 B`, `4.2 KiB`, `212 MiB`."""
    if count < 1024:
        return f"{int(count)} B"
    for unit in ("KiB", "MiB", "GiB", "TiB"):
        count /= 1024
        if count < 1023.5 or unit == "TiB":
            break
    return f"{count:.1f} {unit}" if count < 99.95 else f"{count:.0f} {unit}"
