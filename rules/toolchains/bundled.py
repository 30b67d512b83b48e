"""The bundled toolchain: busybox, from the lock that the wheel carries, so that a workspace needs no toolchain of its own.

One statically linked program per execution architecture. Kept equal to pkg/debian/debian.lock by a test.
"""

from __future__ import annotations

import json
from typing import Final

from lkbuild.model.action import DeclaredOutput, Input
from lkbuild.model.artifact import Output
from lkbuild.model.deb_lock import parse_lock
from lkbuild.model.rule import RuleContext

from ..debs import fetch
from .applets import APPLETS

# ruff: noqa: E501 - a lock has one entry a line
BUNDLED_LOCK: Final = """\
# lkbuild deb-lock 1
# suite: trixie
# components: main
# date: 2026-09-12T07:55:41Z
# recommends: no
amd64 busybox-static 1:1.37.0-6+b9 pool/main/b/busybox/busybox-static_1.37.0-6+b9_amd64.deb 955316 598a3fd92bdafc34cd81196b2952ad36e910e47a4ecf162f8ce5e8e262598e53 -
arm64 busybox-static 1:1.37.0-6+b9 pool/main/b/busybox/busybox-static_1.37.0-6+b9_arm64.deb 847552 c833be48abfa16bc19c4966ec93e289ff1ce5d2f1476cad3a57bd105378cd15c -
riscv64 busybox-static 1:1.37.0-6+b9 pool/main/b/busybox/busybox-static_1.37.0-6+b9_riscv64.deb 941532 4add476d2b185c5b487c285b38d790f0881a7e4a8e2ddde835f917e770eb8633 -
s390x busybox-static 1:1.37.0-6+b9 pool/main/b/busybox/busybox-static_1.37.0-6+b9_s390x.deb 925856 6e6d4257dd06c7a07aa88f207cc0e8b6d1a2e06f7f118d528af31b2169b51978 -
"""


def bundled_toolchain(ctx: RuleContext) -> Output:
    """The tree with busybox and links for its applets, for the execution architecture."""
    return ctx.shared("bundled toolchain", _emit)


def _emit(ctx: RuleContext) -> Output:
    arch = ctx.configuration.exec_arch
    lock = parse_lock(BUNDLED_LOCK)
    found = lock.entries.get(arch)
    if found is None:
        ctx.fail(f"there is no bundled toolchain that runs on {arch}", hint="give the target a toolchain")
    deb = fetch(ctx, lock, found["busybox-static"])
    return _unpack(ctx, (deb,), _BUNDLED_TREE, "unpack the bundled toolchain")


def deb_tree(ctx: RuleContext, debs: tuple[Output, ...], *, links: dict[str, str] | None = None, exclude: tuple[str, ...] = ()) -> Output:
    """Emit the unpacking of packages into one tree; a later one wins where two have the same path."""
    return _unpack(ctx, debs, _request(links or {}, exclude), f"unpack {len(debs)} packages for {ctx.label.short}")


def _request(links: dict[str, str], exclude: tuple[str, ...]) -> str:
    return json.dumps({"links": links, "exclude": list(exclude)}, sort_keys=True)


#: Once, and not for each of thousands of genrules.
_BUNDLED_TREE: Final = _request({f"usr/bin/{applet}": "busybox" for applet in APPLETS}, ())


def _unpack(ctx: RuleContext, debs: tuple[Output, ...], request: str, message: str) -> Output:
    (tree,) = ctx.builtin(
        "deb_tree",
        1,
        [request],
        inputs=[Input(f"{index:03d}-{output.name}", output) for index, output in enumerate(debs)],
        outputs=[DeclaredOutput("tree", tree=True)],
        message=message,
    )
    return tree
