"""What a `deb_lock` target asks for, as a value; its JSON form is what travels in the `Locked` provider.

Pure. Does not know archives.
"""

from __future__ import annotations

import json

from lkbuild.base.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DebRequest:
    """A request for a lock of Debian packages.

    Attributes:
        suite: suite or codename (`trixie`).
        components: `main`, ...
        arches: architectures, in Debian's names.
        packages: (name, its architectures), sorted.
        keyring: armored OpenPGP certificates that may sign the suite's index.
        recommends: follow Recommends as well.
        exclude: names that are never taken, neither as alternatives nor as recommended packages.
    """

    suite: str
    components: tuple[str, ...]
    arches: tuple[str, ...]
    packages: tuple[tuple[str, tuple[str, ...]], ...]
    keyring: str
    recommends: bool = False
    exclude: frozenset[str] = frozenset()

    def named(self, arch: str) -> tuple[str, ...]:
        """The names asked for on an architecture, sorted."""
        return tuple(sorted(name for name, arches in self.packages if arch in arches))

    @classmethod
    def parse(cls, text: str) -> DebRequest:
        """From the JSON text that rules/deb_lock makes. Raises KeyError or ValueError for anything else: a bug, not bad input."""
        data = json.loads(text)
        arches = tuple(data["arches"])
        packages = tuple(sorted((item["name"], tuple(item.get("arches") or arches)) for item in data["packages"]))
        return cls(
            suite=data["suite"],
            components=tuple(data["components"]),
            arches=arches,
            packages=packages,
            keyring=data["keyring"],
            recommends=bool(data.get("recommends", False)),
            exclude=frozenset(data.get("exclude", ())),
        )
