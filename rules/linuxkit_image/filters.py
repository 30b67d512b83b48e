"""What LinuxKit leaves out of an image's files, and what it puts there: reference/linuxkit.md 1.10. Data only."""

from __future__ import annotations

from typing import Any, Final

#: What builders leave behind and no image means.
EXCLUDED: Final = (".dockerenv", "Dockerfile", "dev/console", "etc/hostname")

#: There even where the image lacks it.
BELOW: Final[tuple[dict[str, Any], ...]] = (
    *({"path": path, "kind": "dir", "mode": 0o755} for path in ("dev", "dev/pts", "dev/shm", "etc", "proc", "sys")),
    {"path": "etc/mtab", "kind": "symlink", "target": "/proc/mounts"},
)

_HOSTS: Final = {
    "path": "etc/hosts",
    "kind": "file",
    "mode": 0o644,
    "contents": "127.0.0.1       localhost\n::1     localhost ip6-localhost ip6-loopback\n"
    "fe00::0 ip6-localnet\nff00::0 ip6-mcastprefix\nff02::1 ip6-allnodes\nff02::2 ip6-allrouters\n",
}
#: In place of the image's own, for a container and for the root.
ABOVE: Final[tuple[dict[str, Any], ...]] = (
    _HOSTS,
    {"path": "etc/resolv.conf", "kind": "file", "mode": 0o644, "contents": "\n# no resolv.conf configured\n"},
)
ABOVE_ROOT: Final[tuple[dict[str, Any], ...]] = (
    _HOSTS,
    {"path": "etc/resolv.conf", "kind": "symlink", "target": "/run/resolvconf/resolv.conf"},
)
