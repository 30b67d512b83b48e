"""Use case: load the image of a target into the user's Docker engine. Builds its layout as any build does."""

from __future__ import annotations

import tempfile
from pathlib import Path

from lkbuild.app.options import BuildOptions
from lkbuild.app.phase import building
from lkbuild.app.push import build_layout
from lkbuild.app.session import open_session
from lkbuild.app.strategy import make_buildx
from lkbuild.base.errors import UsageError
from lkbuild.base.label import Label
from lkbuild.image.oci import INDEX, ImageLayout
from lkbuild.image.oci_archive import archive
from lkbuild.model.events import EventSink
from lkbuild.model.references import expand, with_tag


def load(options: BuildOptions, label: str, name: str | None, sink: EventSink) -> str:
    """Build the layout of one target for one architecture, and load it; the name under which the engine has it.

    Raises:
        UsageError: a name that is none, a target that is no image, several architectures.
        HostError: there is no engine.
        LkbuildError: the layout could not be built.
    """
    client = make_buildx(options)
    client.client()
    with open_session(options) as session:
        with building(sink):
            root, target = build_layout(session, label, sink)
        blobs = session.store.blobs
        layout = ImageLayout.read(root, blobs.get_bytes)
        if layout.manifests[0].media_type == INDEX:
            raise UsageError("an engine loads an image for one architecture", hint="give one --arch, or none for this machine's")
        tag = _tag(name, target)
        with tempfile.TemporaryDirectory(prefix="load-", dir=session.store.scratch) as folder:
            file = Path(folder, "image.tar")
            with file.open("wb") as output:
                for chunk in archive({tag: layout}, blobs.get_bytes, blobs.open, Path(folder)):
                    output.write(chunk)
            client.load(file, Path(folder, "log"), options.cancel)
    return tag


def _tag(name: str | None, target: Label) -> str:
    text = name or target.name.rpartition("/")[2].lower()
    try:
        expand(text)
    except ValueError:
        raise UsageError(f"'{text}' names no image", hint="write name, org/name or host/org/name, then :tag") from None
    # Docker shows names as short as they can be: only the tag is made up.
    return f"{text}:latest" if with_tag(expand(text)) != expand(text) else text
