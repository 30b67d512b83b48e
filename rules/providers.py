"""Providers that rules give each other: the vocabulary between rules. The engine looks at none of these (its own: lkbuild.model.providers).

One frozen dataclass each; a rule finds it with `ctx.require(label, DebLockInfo)`. Add yours; do not change what others read.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DebLockInfo:
    """A lock of Debian packages: its workspace path, its text ("" where it was never made), and the architectures asked for."""

    path: str
    text: str
    arches: tuple[str, ...]
