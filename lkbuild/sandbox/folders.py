"""What a run needs on disk: the root tree's listing, mount points in the working directory, a temporary directory.

Knows nothing of bubblewrap. Nothing here follows a symbolic link out of the directories that it is given.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from lkbuild.base.errors import HostError
from lkbuild.model.ports import SandboxRun
from lkbuild.sandbox.plan import Kind, RootEntry, RootListing


def read_root(root: Path | None) -> RootListing:
    """The listing of a root tree. Raises HostError where it can't be read."""
    if root is None:
        return RootListing()
    try:
        top = _list(root)
        etc = _list(root / "etc") if RootEntry("etc", Kind.DIRECTORY) in top else ()
    except OSError as error:
        raise HostError(f"the root tree can't be read: {error}") from error
    return RootListing(path=root, top=top, etc=etc)


def _list(folder: Path) -> tuple[RootEntry, ...]:
    entries = []
    with os.scandir(folder) as found:
        for item in found:
            if item.is_symlink():
                entries.append(RootEntry(item.name, Kind.SYMLINK, str(Path(item.path).readlink())))
            else:
                entries.append(RootEntry(item.name, Kind.DIRECTORY if item.is_dir() else Kind.FILE))
    return tuple(sorted(entries, key=lambda entry: entry.name))


@contextlib.contextmanager
def mount_points(work: Path, mounts: tuple[tuple[Path, str], ...]) -> Iterator[None]:
    """Empty files and directories in `work` for the mounts to cover; those that are still empty go afterwards.

    bubblewrap would make them too, but would leave them behind, where an input's place could be taken for an output.
    """
    made: list[Path] = []
    try:
        for source, path in mounts:
            _make_point(work, path, directory=source.is_dir(), made=made)
        yield
    finally:
        for point in reversed(made):
            # What ran can have moved a folder away and put a link there, to one of the host's.
            if not leads_elsewhere(os.fspath(work), point.relative_to(work).as_posix()):
                _remove_if_empty(point)


def _make_point(work: Path, path: str, *, directory: bool, made: list[Path]) -> None:
    *parents, name = path.split("/")
    folder = work
    for parent in parents:
        folder /= parent
        if not _is_there(folder):
            folder.mkdir(mode=0o755)
            made.append(folder)
    point = folder / name
    if _is_there(point):
        return
    if directory:
        point.mkdir(mode=0o755)
    else:
        point.touch(mode=0o644)
    made.append(point)


def _is_there(path: Path) -> bool:
    """Raises HostError at a symbolic link: what it leads to, here or inside, is nobody's place for an input."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return False
    if stat.S_ISLNK(mode):
        raise HostError(f"an input can't be placed on or below a symbolic link: {path}")
    return True


def leads_elsewhere(folder: str, path: str) -> bool:
    """Whether something between a folder and a path below it is a symbolic link; what the path itself is does not count."""
    at = path.find("/")
    while at >= 0:
        if os.path.islink(f"{folder}/{path[:at]}"):  # noqa: PTH114 - hot: once for each output and mount
            return True
        at = path.find("/", at + 1)
    return False


def _remove_if_empty(point: Path) -> None:
    with contextlib.suppress(OSError):  # not empty, replaced or already gone: then it is the action's own
        status = point.lstat()
        if stat.S_ISDIR(status.st_mode):
            point.rmdir()
        elif stat.S_ISREG(status.st_mode) and status.st_size == 0:
            point.unlink()


@contextlib.contextmanager
def temporary_for(request: SandboxRun) -> Iterator[Path]:
    """The directory that becomes /tmp: the caller's, or a new one beside `work` (the same disk) that is removed afterwards."""
    if request.temporary is not None:
        yield request.temporary
        return
    import tempfile  # noqa: PLC0415 - not for most builds

    work = request.work
    folder = Path(tempfile.mkdtemp(prefix=f"{work.name}.tmp-", dir=work.parent))
    try:
        yield folder
    finally:
        remove_tree(folder)


def remove_tree(folder: Path) -> None:
    """Remove a directory, those without permissions in it included. What can't be removed stays."""
    with contextlib.suppress(OSError):
        folder.rmdir()  # hot: most commands leave nothing in /tmp
        return
    try:
        shutil.rmtree(folder)
    except OSError:
        for path, names, _ in os.walk(folder):  # top down: a directory is opened after it was seen, and mended, here
            for name in names:
                below = Path(path, name)
                with contextlib.suppress(OSError):
                    if not below.is_symlink():
                        below.chmod(stat.S_IRWXU)
        shutil.rmtree(folder, ignore_errors=True)
