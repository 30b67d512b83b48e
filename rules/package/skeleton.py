"""The bottom of every root file system: directories, links of the merged /usr, and the few files that C libraries look for.

What Debian's base-files and base-passwd would set up by maintainer scripts. Pure data.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_DIRECTORIES: Final = (
    "dev",
    "etc",
    "home",
    "media",
    "mnt",
    "opt",
    "proc",
    "root",
    "run",
    "srv",
    "sys",
    "tmp",
    "usr/bin",
    "usr/lib",
    "usr/lib64",
    "usr/sbin",
    "usr/share",
    "var/cache",
    "var/lib",
    "var/log",
    "var/tmp",
)
_MODES: Final = {"root": 0o700, "tmp": 0o1777, "var/tmp": 0o1777}
#: The merged /usr (Debian policy 10.1), and the customary places in /run.
_LINKS: Final = {
    "bin": "usr/bin",
    "lib": "usr/lib",
    "lib64": "usr/lib64",
    "sbin": "usr/sbin",
    "var/run": "../run",
    "var/lock": "../run/lock",
    "etc/mtab": "../proc/self/mounts",
}
_NSSWITCH: Final = "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nnetworks: files\nprotocols: files\nservices: files\n"
_HOSTS: Final = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"


def skeleton_entries(users: Mapping[str, int]) -> list[dict[str, Any]]:
    """Entries for a layer: `users` are added to root and nobody."""
    passwd = ["root:x:0:0:root:/root:/bin/sh", *(f"{name}:x:{uid}:{uid}::/nonexistent:/usr/sbin/nologin" for name, uid in users.items())]
    group = ["root:x:0:", "tty:x:5:", *(f"{name}:x:{gid}:" for name, gid in users.items())]
    passwd.append("nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin")
    group.append("nogroup:x:65534:")
    files = {
        "etc/passwd": "\n".join([*passwd, ""]),
        "etc/group": "\n".join([*group, ""]),
        "etc/nsswitch.conf": _NSSWITCH,
        "etc/hosts": _HOSTS,
        "etc/hostname": "",
        "etc/resolv.conf": "",
    }
    return [
        *({"path": path, "kind": "dir", "mode": _MODES.get(path, 0o755)} for path in _DIRECTORIES),
        *({"path": path, "kind": "symlink", "target": target} for path, target in _LINKS.items()),
        *({"path": path, "kind": "file", "contents": text, "mode": 0o644} for path, text in files.items()),
    ]
