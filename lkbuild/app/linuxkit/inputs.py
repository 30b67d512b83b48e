"""What a linuxkit.yml is read from: files by their names on the command line, the files that they name, images of a layout or a lock.

The one place where LinuxKit's pure rules meet the disk. Does not know what is made of them.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

from lkbuild.app.linuxkit.templates import Packages
from lkbuild.base.errors import FetchError, LoadError, LockError, Position, UsageError, nearest
from lkbuild.base.values import dataclass
from lkbuild.image.errors import ArchiveError
from lkbuild.image.tar import tar_members
from lkbuild.linuxkit.config import Config, Part, merge, read
from lkbuild.linuxkit.decode import Templates, no_templates
from lkbuild.linuxkit.images import image_settings
from lkbuild.linuxkit.metadata import plain_value
from lkbuild.linuxkit.process import ImageSettings
from lkbuild.locks.oci.layout import Layout, OciImage, blob_path, from_folder
from lkbuild.model.deb_lock import LockFormatError
from lkbuild.model.oci_lock import OciEntry, parse_oci_lock
from lkbuild.model.references import digest_of, normal, with_tag

STDIN: Final = "-"
#: The lock beside a configuration: of the name that `lkbuild linuxkit convert` gives it, too.
LOCK: Final = "oci.lock"


class KnownImages(Protocol):
    """The images that a configuration may name."""

    def __call__(self, reference: str, position: Position) -> ImageSettings:
        """What an image says of its container. Raises LoadError, FetchError at the position where it is named."""
        ...

    def find(self, reference: str, position: Position) -> object:
        """Raises LoadError, FetchError at the position where an image is named that there is not."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagesFrom:
    """Where images are: in an OCI layout, or in their registries by the digests of a lock. One of the two."""

    layout: Path | None = None
    lock: Path | None = None

    def known(self, arch: str) -> KnownImages:
        """Those for an architecture. Raises LoadError, FetchError, LockError."""
        return LayoutImages(self.layout, arch) if self.layout else LockedImages(self.lock_text(), self.lock, arch)

    def lock_text(self) -> str:
        """What the lock holds. Raises LockError."""
        assert self.lock is not None  # noqa: S101 - one of the two
        try:
            return self.lock.read_text(encoding="utf-8")
        except (OSError, UnicodeError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise LockError(f"can't read the lock {self.lock}: {reason}", hint="`lkbuild linuxkit lock FILE...` writes it") from None


def lock_beside(files: Sequence[str], cwd: Path) -> Path:
    """The lock of these files: it lies beside the first one."""
    return cwd / LOCK if files[0] == STDIN else (cwd / files[0]).parent / LOCK


def images_from(files: Sequence[str], *, layout: str | None, lock: str | None, cwd: Path) -> ImagesFrom:
    """Where the images of files are, by what was asked for. Raises UsageError."""
    if layout is not None and lock is not None:
        raise UsageError("images come from --images or from --lock", hint="give one of them")
    if layout is not None:
        return ImagesFrom(layout=cwd / layout)
    for name in files:
        if name != STDIN and not (cwd / name).exists() and not name.startswith(("http://", "https://")):
            raise UsageError(f"can't read {name}: it does not exist", hint=_near(cwd / name))
    beside = lock_beside(files, cwd)
    if lock is None and not beside.is_file():
        command = f"lkbuild linuxkit lock {' '.join(files)}"
        raise UsageError("where are the images?", hint=f"`{command}` asks registries and writes {LOCK}; --images names an OCI layout")
    return ImagesFrom(lock=cwd / lock if lock is not None else beside)


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
    """The file that an entry of `files:` names as its source, or None where there is none. Raises LoadError where it is a folder.

    LinuxKit looks in the current folder; a configuration means the same wherever it is read from, so its own folder comes first.
    """
    name: str = part.get("source")
    folder = (cwd / part.places.file).parent
    places = [Path.home() / name[2:]] if name.startswith("~/") else [folder / name, cwd / name]
    found = next((path for path in places if path.is_file()), None)
    if found is None and any(path.is_dir() for path in places):
        raise part.places.error(("source",), f"'{name}' is a folder", "a source is one file: name each, or take an image that has them")
    return found


class LockedImages:
    """Images of a lock by expanded reference, for one architecture."""

    def __init__(self, text: str, path: Path | None, arch: str) -> None:
        """Read the lock. Raises LockError."""
        try:
            self._entries = parse_oci_lock(text)
        except LockFormatError as error:
            raise LockError(str(error), position=Position(file=str(path), line=error.line)) from None
        self._path = path
        self._arch = arch

    def __call__(self, reference: str, position: Position) -> ImageSettings:
        """See KnownImages."""
        return image_settings(plain_value(self.find(reference, position).config))

    def find(self, reference: str, position: Position) -> OciEntry:
        """See KnownImages."""
        name = normal(reference)
        found = self._entries.get((name, self._arch))
        if found is not None:
            return found
        arches = [arch for known, arch in self._entries if known == name]
        if arches:
            raise FetchError(f"{name} is not locked for {self._arch}", position=position, hint=f"it is for {', '.join(arches)}")
        hint = nearest(name, {known for known, _ in self._entries}) or "`lkbuild linuxkit lock FILE...` adds it"
        raise LoadError(f"no image '{name}' in {self._path}", position=position, hint=hint)


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
        """See KnownImages."""
        with at(reference, position):
            return image_settings(self.find(reference, position).config.get("config") or {})

    def find(self, reference: str, position: Position) -> OciImage:
        """See KnownImages."""
        if reference not in self._known:
            digest = self._digest(reference, position)
            with at(reference, position):
                self._known[reference] = self.layout.image(digest, self._arch)
        return self._known[reference]

    def files(self, reference: str, position: Position, wanted: Iterable[str]) -> set[str] | None:
        """Paths that an image has: all of them, or of its upper layers only where these have all that is wanted.

        None where the layout has configurations and not all layers, which is all that specifications are made of. Raises FetchError.
        """
        image, wanted = self.find(reference, position), set(wanted)
        if not all((self._folder / blob_path(layer.digest)).exists() for layer in image.layers):
            return None
        found: set[str] = set()
        gone: set[str] = set()
        with at(reference, position):
            for layer in reversed(image.layers):
                paths = self._paths(layer.digest)
                found |= {path for path in paths if path not in gone}
                gone |= {path.replace("/.wh.", "/", 1).removeprefix(".wh.") for path in paths if "/.wh." in f"/{path}"}
                if wanted <= found:
                    break
        return found

    def _paths(self, digest: str) -> set[str]:
        try:
            with (self._folder / blob_path(digest)).open("rb") as file:
                return {entry.path for entry, _ in tar_members(file)}
        except OSError as error:
            raise FetchError(f"the layer {digest} can't be read: {error.strerror}") from None
        except ArchiveError as error:
            raise FetchError(f"the layer {digest}: {error}") from None

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
def at(reference: str, position: Position) -> Iterator[None]:
    """Gives what is wrong with an image its name, and the place where it is named."""
    try:
        yield
    except FetchError as error:
        if error.position is not None:
            raise
        raise FetchError(f"{reference}: {error.message}", position=position, hint=error.hint) from None
