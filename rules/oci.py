"""OCI images in rules: from a lock and a reference to an entry, and the action that makes a layer of its layers.

Shared by every rule that takes `lock: //some:oci_lock`. Pure. Does not know what an image is for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final

from lkbuild.base.errors import AnalysisError, Position, nearest
from lkbuild.base.label import Label
from lkbuild.model.action import DeclaredOutput, Input
from lkbuild.model.artifact import Artifact, Inline, Output, SourceFile
from lkbuild.model.attrs import FrozenMap
from lkbuild.model.deb_lock import LockFormatError
from lkbuild.model.oci_lock import OciEntry, parse_oci_lock
from lkbuild.model.references import normal, repository_of
from lkbuild.model.rule import RuleContext

from .providers import BaseInfo, OciLockInfo

_INDEX: Final = "application/vnd.oci.image.index.v1+json"
_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"


class LockedImages:
    """The images of an `oci_lock` dependency, for the architecture that is built for."""

    def __init__(self, ctx: RuleContext, lock: Label) -> None:
        """Read the lock. Fails at the attribute `lock`."""
        self._ctx = ctx
        self._update = f"run `lkbuild lock update {lock.short}`"
        self._info = ctx.require(lock, OciLockInfo, attr=("lock",))
        if not self._info.text.strip():
            ctx.fail(f"the lock file {self._info.path} is missing or empty", attr=("lock",), hint=self._update)
        try:
            self._entries = parse_oci_lock(self._info.text)
        except LockFormatError as error:
            ctx.fail(f"{self._info.path}:{error.line}: {error}", attr=("lock",), hint=self._update)

    def entry(self, reference: str, position: Position, *, execution: bool = False) -> OciEntry:
        """An image by its reference. Raises AnalysisError at the position where it is named."""
        name, arch = normal(reference), self._ctx.configuration.exec_arch if execution else self._ctx.arch
        found = self._entries.get((name, arch))
        if found is not None:
            return found
        arches = [other for known, other in self._entries if known == name]
        message = f"{name} is not locked for {arch}" if arches else f"{name} is not in the lock {self._info.path}"
        hint = f"it is for {', '.join(arches)}" if arches else nearest(name, {known for known, _ in self._entries}) or self._update
        raise AnalysisError(message, position=position, hint=hint, label=str(self._ctx.label))

    def platforms(self, reference: str) -> tuple[OciEntry, ...]:
        """An image for each architecture that it is locked for."""
        return tuple(entry for (name, _), entry in self._entries.items() if name == normal(reference))

    def blob(self, reference: str, digest: str) -> Output:
        """Emit the check of a blob against the lock."""
        hexadecimal = digest.removeprefix("sha256:")
        if not self._info.layout and not self._info.archive:
            return self._fetched(reference, hexadecimal)
        (output,) = self._ctx.builtin(
            "checked",
            1,
            [hexadecimal],
            inputs=[Input("blob", self._source(reference, digest))],
            outputs=[DeclaredOutput("blob")],
            message=f"check blob {hexadecimal[:12]}",
        )
        return output

    def base(self, entry: OciEntry) -> BaseInfo:
        """An image as something to build upon: its layout, each blob of it checked against the lock."""
        top = {"mediaType": _MANIFEST, "digest": entry.manifest, "size": entry.manifest_size}
        index = json.dumps({"schemaVersion": 2, "mediaType": _INDEX, "manifests": [top]}, sort_keys=True)
        digests = dict.fromkeys((entry.manifest, entry.config_blob, *entry.layers))
        blobs = tuple(Input(f"blobs/{digest.replace(':', '/')}", self.blob(entry.reference, digest)) for digest in digests)
        written = {"index.json": index, "oci-layout": json.dumps({"imageLayoutVersion": "1.0.0"})}
        layout = (*blobs, *(Input(path, Inline(text.encode())) for path, text in written.items()))
        return BaseInfo(layout=layout, config=FrozenMap(entry.config))

    def _source(self, reference: str, digest: str) -> Artifact:
        hexadecimal = digest.removeprefix("sha256:")
        if self._info.layout:
            return SourceFile(f"{self._info.layout}/blobs/sha256/{hexadecimal}")
        return self._archived(hexadecimal) if self._info.archive else self._fetched(reference, hexadecimal)

    def _archived(self, hexadecimal: str) -> Output:
        (output,) = self._ctx.builtin(
            "archive_blob",
            1,
            [hexadecimal],
            inputs=[Input("archive.tar", SourceFile(self._info.archive))],
            outputs=[DeclaredOutput("blob")],
            message=f"blob {hexadecimal[:12]} of {self._info.archive}",
        )
        return output

    def _fetched(self, reference: str, hexadecimal: str) -> Output:
        """Emit the fetch of a blob or a manifest from the image's registry."""
        where = f"{repository_of(reference)}@sha256:{hexadecimal}"
        (output,) = self._ctx.builtin(
            "fetch",
            1,
            [f"sha256:{hexadecimal}", "-"],
            outputs=[DeclaredOutput("blob")],
            sources=(f"oci-blob:{where}", f"oci-manifest:{where}"),
            message=f"pull {hexadecimal[:12]} of {reference.rpartition('/')[2]}",
        )
        return output

    def layer(
        self, entry: OciEntry, *, below: Sequence[Artifact] = (), above: Sequence[Artifact] = (), exclude: Sequence[str] = ()
    ) -> Output:
        """Emit the merging of an image's layers into one, checked against the lock.

        `below`: layers under it. `above`: layers over it, whose directories leave those of the image as they are.
        """
        blobs = {f"image/{index:03d}": self._source(entry.reference, digest) for index, digest in enumerate(entry.layers)}
        own = {path: digest.removeprefix("sha256:") for path, digest in zip(blobs, entry.layers, strict=True)}
        guests = {f"above/{index}": artifact for index, artifact in enumerate(above)}
        inputs = {**{f"below/{index}": artifact for index, artifact in enumerate(below)}, **blobs, **guests}
        request = {"sha256": own, "exclude": list(exclude), "guests": {path: [] for path in guests}}
        return merged(self._ctx, inputs, request, message=f"layer of {entry.reference.rpartition('/')[2]}")


def merged(ctx: RuleContext, inputs: Mapping[str, Artifact], request: Mapping[str, object], *, message: str) -> Output:
    """Emit the builtin `oci_root`."""
    (output,) = ctx.builtin(
        "oci_root",
        2,
        [json.dumps(request, sort_keys=True)],
        inputs=[Input(path, artifact) for path, artifact in inputs.items()],
        outputs=[DeclaredOutput("layer.tar")],
        message=message,
    )
    return output
