"""Use case: push the image layout of a target to a registry, blobs first, what names them last. What is there already is not sent.

Builds the layout as any build does. Does not speak HTTP (lkbuild.fetch.registry does).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from lkbuild.app.executing import execute
from lkbuild.app.fetching import docker_credentials
from lkbuild.app.options import BuildOptions
from lkbuild.app.phase import building
from lkbuild.app.request import request
from lkbuild.app.selection import select
from lkbuild.app.session import Session, open_session
from lkbuild.app.workspace_state import WorkspaceState
from lkbuild.base.digest import Digest
from lkbuild.base.errors import UsageError
from lkbuild.base.label import Label
from lkbuild.base.values import dataclass
from lkbuild.image.oci import INDEX, Descriptor, ImageLayout, descriptors_of
from lkbuild.model.artifact import Output
from lkbuild.model.events import EventSink
from lkbuild.model.tree import Subtree

if TYPE_CHECKING:
    from lkbuild.fetch.registry import Reference, Registry

#: The output group that is a layout.
_GROUP: Final = "oci"
_CHUNK: Final = 1 << 20


@dataclass(slots=True)
class Pushed:
    """What a push came to.

    Attributes:
        reference: where the image is now.
        digest: SHA-256 of its manifest, or of the index of several.
        sent, present: blobs and manifests that were sent, and those that were there already.
        sent_bytes: how many bytes were sent.
    """

    reference: str
    digest: str
    sent: int = 0
    present: int = 0
    sent_bytes: int = 0

    def to_json(self) -> dict[str, Any]:
        """The form of `lkbuild push --json`."""
        return {
            "version": 1,
            "ok": True,
            "reference": self.reference,
            "digest": f"sha256:{self.digest}",
            "sent": self.sent,
            "present": self.present,
            "sent_bytes": self.sent_bytes,
        }


def push(options: BuildOptions, label: str, reference: str, sink: EventSink, note: Callable[[str], None]) -> Pushed:
    """Build the layout of one target, for all architectures of the options, and push it; `note` is told of what is sent.

    Raises:
        UsageError: a reference that is none, a target that is no image.
        RegistryError: the registry refuses.
        LkbuildError: the layout could not be built.
    """
    from lkbuild.fetch.registry import Reference  # noqa: PLC0415 - HTTP takes longer to import than a build that has nothing to do

    where = Reference.parse(reference)
    registry = _registry(options, where)
    with open_session(options) as session:
        with building(sink):
            root, _ = build_layout(session, label, sink)
        layout = ImageLayout.read(root, session.store.blobs.get_bytes)
        (top,) = layout.manifests
        push = _Push(session, layout, registry, Pushed(str(where), top.sha256), note)
        push.everything(top, where.tag)
        return push.done


def steps(options: BuildOptions, label: str, reference: str, sink: EventSink) -> tuple[str, tuple[str, ...]]:
    """Build the layout, and tell what a push of it would send to a registry that has nothing of it: its digest, a line each. Asks nobody.

    Raises as `push` does.
    """
    from lkbuild.fetch.registry import Reference  # noqa: PLC0415 - HTTP takes longer to import than a build that has nothing to do

    where = Reference.parse(reference)
    with open_session(options) as session:
        with building(sink):
            root, _ = build_layout(session, label, sink)
        get = session.store.blobs.get_bytes
        layout = ImageLayout.read(root, get)
        (top,) = layout.manifests
        return top.sha256, tuple(_steps(where, layout, get, top, where.tag))


def _steps(where: Reference, layout: ImageLayout, get: Callable[[Digest], bytes], item: Descriptor, name: str) -> Iterator[str]:
    for part in descriptors_of(get(layout.blobs[item.sha256])):
        if item.media_type == INDEX:
            yield from _steps(where, layout, get, part, f"sha256:{part.sha256}")
        else:
            yield f"blob sha256:{part.sha256} ({part.size} bytes), where {where.host} lacks it"
    yield f"manifest sha256:{item.sha256} as {where.host}/{where.name}{'@' if name.startswith('sha256:') else ':'}{name}"


def build_layout(session: Session, label: str, sink: EventSink) -> tuple[Digest, Label]:
    """Build the layout of one target: the root of its tree, and whose it is. Raises UsageError, LkbuildError."""
    selected = [item if item.group else replace(item, group=_GROUP) for item in select(session, (label,))]
    analyses, requested = request(session, selected)
    if len(requested) != 1:
        raise UsageError(f"{label} selects {len(requested)} targets", hint="name one")
    outputs = [item.artifact for item in requested[0].files]
    execution = execute(session, analyses, requested, sink, WorkspaceState(session.state / "state"))
    for error in execution.errors.values():
        raise error
    leaf = execution.leaf_of(outputs[0]) if len(outputs) == 1 and isinstance(outputs[0], Output) else None
    if not isinstance(leaf, Subtree):
        raise UsageError(f"{requested[0].selected.text} is no image layout", hint=f"a package is one: //pkg/x, or //pkg/x.{_GROUP}")
    return leaf.root, requested[0].selected.node.label


def _registry(options: BuildOptions, where: Reference) -> Registry:
    """The client; nothing is sent yet, but what is wrong with the credentials is known before anything is built."""
    from lkbuild.fetch.configuration import load_transport  # noqa: PLC0415 - as above
    from lkbuild.fetch.registry import Registry  # noqa: PLC0415 - the same
    from lkbuild.fetch.transport import Transport  # noqa: PLC0415 - the same

    environment = options.environment
    if options.offline:
        raise UsageError("--offline: a push needs the network", hint="`lkbuild build` writes the layout alone")
    credentials = docker_credentials(options, where.host)
    return Registry(Transport(load_transport(environment)), where, credentials)


@dataclass(slots=True)
class _Push:
    """One push under way."""

    session: Session
    layout: ImageLayout
    registry: Registry
    done: Pushed
    note: Callable[[str], None]

    def everything(self, item: Descriptor, name: str) -> None:
        """Send what a manifest or an index names, then itself under `name`: a registry takes nothing that names what it does not have."""
        data = self._bytes(item)
        for part in descriptors_of(data):
            if item.media_type == INDEX:
                self.everything(part, f"sha256:{part.sha256}")
            else:
                self._blob(part)
        # A tag is set in any case: it may name something else so far.
        if name.startswith("sha256:") and self.registry.has_manifest(item.sha256, item.media_type):
            self.done.present += 1
            return
        self.registry.put_manifest(name, item.media_type, data)
        self._sent(item, item.media_type)

    def _blob(self, item: Descriptor) -> None:
        if self.registry.has_blob(item.sha256):
            self.done.present += 1
            return
        self.registry.put_blob(item.sha256, item.size, self._content(self.layout.blobs[item.sha256]))
        self._sent(item, "blob")

    def _sent(self, item: Descriptor, what: str) -> None:
        self.done.sent += 1
        self.done.sent_bytes += item.size
        self.note(f"pushed {what} sha256:{item.sha256} ({item.size} bytes)")

    def _bytes(self, item: Descriptor) -> bytes:
        return self.session.store.blobs.get_bytes(self.layout.blobs[item.sha256])

    def _content(self, digest: Digest) -> Callable[[], Iterable[bytes]]:
        def chunks() -> Iterable[bytes]:
            with self.session.store.blobs.open(digest) as stream:
                while chunk := stream.read(_CHUNK):
                    yield chunk

        return chunks
