"""What a linuxkit.yml is read from: files by their names on the command line, the files that they name, images of an OCI layout.

The one place where LinuxKit's pure rules meet the disk. Does not know what is made of them.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from lkbuild.app.linuxkit.templates import Packages
from lkbuild.base.errors import FetchError, LoadError, Position, UsageError, nearest
from lkbuild.linuxkit.config import Config, Part, merge, read
from lkbuild.linuxkit.decode import Templates, no_templates
from lkbuild.linuxkit.images import image_settings
from lkbuild.linuxkit.process import ImageSettings
from lkbuild.locks.oci.layout import Layout, OciImage, from_folder
from lkbuild.model.references import digest_of, normal, with_tag

STDIN: Final = "-"


def read_config(files: Sequence[str], cwd: Path, environment: Mapping[str, str]) -> Config:
    """The configuration that several files merge into; `-` is standard input. Raises LoadError, UsageError."""
    return merge([read(_content(name, cwd), name, _templates(name, cwd, environment)) for name in files])


def _templates(name: str, cwd: Path, environment: Mapping[str, str]) -> Templates:
    if name == STDIN:
        return no_templates
    return Packages(folder=(cwd / name).parent, environment=environment)


def _content(name: str, cwd: Path) -> bytes:
    if name == STDIN:
        return sys.stdin.buffer.read()
    if name.startswith(("http://", "https://")):
        raise UsageError(f"{name} is not fetched", hint="what comes from outside is locked: download it, and name the file")
    try:
        return (cwd / name).read_bytes()
    except OSError as error:
        raise UsageError(f"can't read {name}: {error.strerror}", hint=_near(cwd / name)) from None


def _near(path: Path) -> str:
    try:
        return nearest(path.name, [other.name for other in path.parent.iterdir()]) or "paths are relative to the current folder"
    except OSError:
        return "there is no such folder"


def source_of(part: Part, cwd: Path) -> Path | None:
    """The file that an entry of `files:` names as its source, or None where there is none.

    LinuxKit looks in the current folder; a configuration means the same wherever it is read from, so its own folder comes first.
    """
    name: str = part.get("source")
    if name.startswith("~/"):
        found = Path.home() / name[2:]
        return found if found.is_file() else None
    folder = (cwd / part.places.file).parent
    return next((path for path in (folder / name, cwd / name) if path.is_file()), None)


class LayoutImages:
    """Images of a layout by expanded reference, for one architecture; each is read once."""

    def __init__(self, folder: Path, arch: str) -> None:
        """Read the layout's index. Raises LoadError, FetchError."""
        self.layout = Layout(from_folder(folder), str(folder))
        self._folder = folder
        self._arch = arch
        self._digests = {normal(name): digest for name, digest in self.layout.names.items()}
        self._known: dict[str, OciImage] = {}

    def __call__(self, reference: str, position: Position) -> ImageSettings:
        """What an image says of its container. Raises LoadError, FetchError at the position where it is named."""
        with _at(reference, position):
            return image_settings(self.find(reference, position).config.get("config") or {})

    def find(self, reference: str, position: Position) -> OciImage:
        """An image. Raises LoadError, FetchError at the position where it is named."""
        if reference not in self._known:
            digest = self._digest(reference, position)
            with _at(reference, position):
                self._known[reference] = self.layout.image(digest, self._arch)
        return self._known[reference]

    def _digest(self, reference: str, position: Position) -> str:
        digest = digest_of(reference)
        if digest is not None:
            return digest
        found = self._digests.get(with_tag(reference))
        if found is None:
            hint = nearest(with_tag(reference), self._digests) or f"it has {len(self._digests)} others"
            raise LoadError(f"no image '{with_tag(reference)}' in {self._folder}", position=position, hint=hint)
        return found


@contextlib.contextmanager
def _at(reference: str, position: Position) -> Iterator[None]:
    """Gives what is wrong with an image its name, and the place where it is named."""
    try:
        yield
    except FetchError as error:
        if error.position is not None:
            raise
        raise FetchError(f"{reference}: {error.message}", position=position, hint=error.hint) from None
