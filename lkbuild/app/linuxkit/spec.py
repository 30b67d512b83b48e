"""Use case: the OCI specifications that LinuxKit makes of a configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lkbuild.app.linuxkit.inputs import ImagesFrom, KnownImages, read_config, source_of
from lkbuild.base.values import dataclass
from lkbuild.linuxkit.config import Config, Part, Warned
from lkbuild.linuxkit.files import entries
from lkbuild.linuxkit.specs import specs, warnings


@dataclass(frozen=True, slots=True, kw_only=True)
class Specs:
    """Contents by path in the image, and what to tell the user."""

    specs: Mapping[str, Mapping[str, Any]]
    warnings: tuple[Warned, ...]


def spec(files: Sequence[str], *, images: ImagesFrom, arch: str, cwd: Path, environment: Mapping[str, str]) -> Specs:
    """The specifications of all containers. Raises LkbuildError where LinuxKit would not build the configuration."""
    config = read_config(files, cwd, environment)
    return Specs(specs=check(config, images.known(arch), cwd), warnings=tuple(warnings(config)))


def check(config: Config, images: KnownImages, cwd: Path) -> Mapping[str, Mapping[str, Any]]:
    """The specifications of a configuration, of which everything else was checked, too. Raises LkbuildError."""
    for reference, position in config.references():  # those of the kernel and of the root, too: LinuxKit would not build without
        images.find(reference, position)
    found = specs(config, images)

    def has_source(part: Part) -> bool:
        # What is in the home of whoever builds says nothing of the configuration.
        return part.get("source").startswith("~/") or source_of(part, cwd) is not None

    list(entries(config, has_source))  # for its checks
    return found
