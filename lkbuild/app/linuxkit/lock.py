"""Use case: the lock of LinuxKit's files without a BUILD.yaml: each image that they name, asked for at its registry once.

What the lock holds of images that these files do not name stays: other files of the folder may. Builds read it and ask for digests alone.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from lkbuild.app.linuxkit.inputs import at, read_config
from lkbuild.app.lock import changes, download_of
from lkbuild.app.options import BuildOptions
from lkbuild.app.session import Loaded, open_session
from lkbuild.base.atomic import write_atomic
from lkbuild.base.errors import LockError, Position
from lkbuild.locks.kinds import KINDS
from lkbuild.model.deb_lock import LockFormatError
from lkbuild.model.events import EventSink, Notice
from lkbuild.model.oci_lock import OciEntry, parse_oci_lock, render
from lkbuild.model.references import normal


def lock(options: BuildOptions, files: Sequence[str], *, path: Path, environment: Mapping[str, str], sink: EventSink) -> tuple[str, ...]:
    """Write the lock; one line per change. It is written whole or not at all. Raises LkbuildError at what is wrong or not there."""
    config = read_config(files, options.cwd, environment)
    old = path.read_text(encoding="utf-8") if path.is_file() else ""
    kind, held = KINDS["oci"], _held(old, path)
    named: dict[str, Position] = {}
    for reference, position in config.references():
        named.setdefault(reference, position)
    with open_session(options, Loaded.of(options.cwd)) as session:
        download = download_of(session)
        for reference, position in named.items():
            sink.emit(Notice(text=f"resolving {reference}"))
            request = json.dumps({"layout": "", "archive": "", "images": [reference]})
            with at(reference, position):
                found = parse_oci_lock(kind.update(request, old, download, only=options.arches))
            held = {key: entry for key, entry in held.items() if key[0] != normal(reference)} | found
    text = render(held.values())
    if text != old:
        write_atomic(path, text.encode(), durable=True)
    return tuple(changes(os.path.relpath(path, options.cwd), kind, old, text))


def _held(text: str, path: Path) -> dict[tuple[str, str], OciEntry]:
    try:
        return parse_oci_lock(text) if text.strip() else {}
    except LockFormatError as error:
        hint = "remove it, and it is written anew"
        raise LockError(str(error), position=Position(file=str(path), line=error.line), hint=hint) from None
