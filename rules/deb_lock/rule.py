"""`deb_lock`: names Debian packages, and holds the lock file that `lkbuild lock update` makes of them. Emits no action."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from lkbuild.model.attrs import Attr, Boolean, FrozenMap, ListOf, OneOf, String, Struct, TextFile
from lkbuild.model.configuration import ARCHES
from lkbuild.model.providers import Locked
from lkbuild.model.rule import Rule, RuleContext

from ..providers import DebLockInfo

_NAME = String(pattern=r"[a-z0-9][a-z0-9+.-]+")
_ARCHES = ListOf(item=String(choices=ARCHES))

ATTRS = {
    "suite": Attr(type=String(pattern=r"[a-z][a-z0-9-]*"), doc="Suite or codename: `trixie`.", required=True, configurable=False),
    "components": Attr(
        type=ListOf(item=String(pattern=r"[a-z][a-z0-9-]*")), doc="Parts of the archive to search.", default=("main",), configurable=False
    ),
    "arches": Attr(type=_ARCHES, doc="Architectures to resolve for.", required=True, configurable=False),
    "packages": Attr(
        type=ListOf(
            item=OneOf(
                options=(
                    _NAME,
                    Struct(
                        fields={
                            "name": Attr(type=_NAME, doc="The package.", required=True),
                            "arches": Attr(type=_ARCHES, doc="The architectures that it is wanted for.", required=True),
                        }
                    ),
                )
            )
        ),
        doc="Packages to take; what they need comes with them. `{name: x, arches: [amd64]}` for some architectures.",
        required=True,
        configurable=False,
    ),
    "lock": Attr(type=TextFile(), doc="The lock file. It need not exist before the first `lkbuild lock update`.", required=True),
    "keyring": Attr(type=TextFile(), doc="Armored OpenPGP certificates that may sign the suite's index.", required=True),
    "recommends": Attr(type=Boolean(), doc="Take recommended packages too.", default=False, configurable=False),
    "exclude": Attr(
        type=ListOf(item=_NAME),
        doc="Packages that are never taken: of alternatives, the next is.",
        default=(),
        configurable=False,
    ),
}


def analyze(ctx: RuleContext) -> Sequence[Any]:
    """Check the request and hand out the lock."""
    attrs = ctx.attrs
    lock, keyring = attrs["lock"], attrs["keyring"]
    if keyring.missing:
        ctx.fail(f"there is no keyring {keyring.path}", attr=("keyring",))
    seen: set[str] = set()
    packages = []
    for number, item in enumerate(attrs["packages"]):
        name, arches = (item["name"], item["arches"]) if isinstance(item, FrozenMap) else (item, ())
        if name in seen:
            ctx.fail(f"{name} is named twice", attr=("packages", number))
        unknown = [arch for arch in arches if arch not in attrs["arches"]]
        if unknown:
            ctx.fail(f"{name} asks for {unknown[0]}, which is not in arches", attr=("packages", number))
        seen.add(name)
        packages.append({"name": name, "arches": sorted(arches or attrs["arches"])})
    both = sorted(seen & set(attrs["exclude"]))
    if both:
        ctx.fail(f"{both[0]} is named and excluded", attr=("exclude",))
    request = {
        "suite": attrs["suite"],
        "components": list(attrs["components"]),
        "arches": sorted(attrs["arches"]),
        "packages": sorted(packages, key=lambda item: str(item["name"])),
        "recommends": attrs["recommends"],
        "exclude": sorted(attrs["exclude"]),
        "keyring": keyring.content,
    }
    return [
        Locked(kind="deb", path=lock.path, request=json.dumps(request, sort_keys=True), content=lock.content),
        DebLockInfo(lock.path, lock.content, tuple(attrs["arches"])),
    ]


RULE = Rule(
    name="deb_lock",
    doc=(
        "A lock of Debian packages: names in, one exact version of each package per architecture out, with its SHA-256.\n\n"
        "`lkbuild lock update` resolves the names against the suite's index, whose signature is checked with `keyring`. Packages, "
        "toolchains and images take closures of it with `debs:`. A closure holds dependencies, but not the packages that Debian calls "
        "essential: who needs them names them."
    ),
    attrs=ATTRS,
    analyze=analyze,
)
