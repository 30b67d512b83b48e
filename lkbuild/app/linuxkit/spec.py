"""Use case: the OCI specifications that LinuxKit makes of a configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from lkbuild.app.linuxkit.inputs import ImagesFrom, KnownImages, LayoutImages, read_config, source_of
from lkbuild.base.errors import LoadError, nearest
from lkbuild.base.values import dataclass
from lkbuild.linuxkit.config import Config, Part, Warned
from lkbuild.linuxkit.files import entries
from lkbuild.linuxkit.specs import specs, warnings

#: So many files are named in a hint.
_FEW: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Specs:
    """Contents by path in the image, and what to tell the user."""

    specs: Mapping[str, Mapping[str, Any]]
    warnings: tuple[Warned, ...]


def spec(files: Sequence[str], *, images: ImagesFrom, arch: str, cwd: Path, environment: Mapping[str, str]) -> Specs:
    """The specifications of all containers. Raises LkbuildError where LinuxKit would not build the configuration."""
    config = read_config(files, cwd, environment)
    known = images.known(arch)
    found = check(config, known, cwd)
    if isinstance(known, LayoutImages):  # a lock names layers, and has none
        check_kernel(config, known)
    return Specs(specs=found, warnings=tuple(warnings(config)))


def check_kernel(config: Config, images: LayoutImages) -> None:
    """Whether the kernel's image has the files that are taken from it, where its layers are there. Raises LoadError, FetchError."""
    kernel = config.kernel_image()
    if kernel is None:
        return
    reference, position = kernel
    wanted = config.kernel_files()
    there = images.files(reference, position, wanted.values())
    if there is None:
        return
    for field, name in wanted.items():
        if name not in there:
            listed = f"one of: {', '.join(sorted(there))}" if 0 < len(there) <= _FEW else "the file's name"
            hint = nearest(name, there) or f"write {field}: and {listed}{', or none' if field == 'tar' else ''}"
            place = config.kernel_places.get(field, position)
            raise LoadError(f"the kernel's image has no file '{name}'", position=place, hint=hint)


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
