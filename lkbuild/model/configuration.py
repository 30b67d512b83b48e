"""Configurations: what a target is built for. A graph node is (label, configuration).

Does not know how a configuration is chosen (the command line and the workspace's `configs:` do that).
"""

from __future__ import annotations

from typing import Final

from lkbuild.base.label import Label
from lkbuild.base.values import dataclass

ARCHES: Final = ("amd64", "arm64", "riscv64", "s390x")

#: Names of the architectures in other vocabularies: REAPI's platform lexicon (ISA), the kernel's ARCH, GNU triplets.
ISA: Final = {"amd64": "x86-64", "arm64": "arm-a64", "riscv64": "rv64g", "s390x": "s390x"}
KERNEL_ARCH: Final = {"amd64": "x86_64", "arm64": "arm64", "riscv64": "riscv", "s390x": "s390"}
TRIPLET: Final = {
    "amd64": "x86_64-linux-gnu",
    "arm64": "aarch64-linux-gnu",
    "riscv64": "riscv64-linux-gnu",
    "s390x": "s390x-linux-gnu",
}
#: What uname(2) calls a machine, to the architecture that it is.
MACHINES: Final = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64", "riscv64": "riscv64", "s390x": "s390x"}


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Configuration:
    """Target architecture, execution architecture, and the workspace's settings (sorted name and value pairs)."""

    arch: str
    exec_arch: str
    settings: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return ",".join([self.arch, *(f"{name}={value}" for name, value in self.settings)])

    def setting(self, name: str) -> str | None:
        """The value of a setting, or None where the workspace declares none of that name."""
        return dict(self.settings).get(name)

    def for_execution(self) -> Configuration:
        """The configuration of tools that run during the build: the execution architecture is their target."""
        return Configuration(arch=self.exec_arch, exec_arch=self.exec_arch, settings=self.settings)


@dataclass(frozen=True, slots=True, order=True)
class NodeKey:
    """A node of the graph: a label in a configuration."""

    label: Label
    configuration: Configuration

    def __hash__(self) -> int:
        # A graph asks ten times for each node: one call in place of three, and not the settings, in which nodes of one build agree.
        return hash((self.label.package, self.label.name, self.configuration.arch))

    def __str__(self) -> str:
        return f"{self.label.short} ({self.configuration})"
