"""OCI image layouts for tests: images from files in memory, by reference. Knows nothing of lkbuild."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_INDEX = "application/vnd.oci.image.index.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


def tar_of(files: Mapping[str, bytes | str | None]) -> bytes:
    """A tar of files; None as content is a directory, a text what a symbolic link leads to."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for path, content in files.items():
            info = tarfile.TarInfo(path)
            data = content if isinstance(content, bytes) else b""
            info.size, info.mode = len(data), 0o755
            if isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
            elif content is None:
                info.type = tarfile.DIRTYPE
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


class Images:
    """A layout that grows. Each change writes its index anew."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._names: dict[str, dict[str, Any]] = {}
        (folder / "blobs" / "sha256").mkdir(parents=True)

    def add(self, reference: str, *layers: Mapping[str, bytes | str | None], arches: Sequence[str] = ("amd64",), **config: Any) -> None:
        """Add an image, or replace the one that the reference names."""
        blobs = [{**self.blob(gzip.compress(tar_of(files), mtime=0)), "mediaType": _LAYER} for files in layers]
        manifests = []
        for arch in arches:
            settings = self.blob(json.dumps({"architecture": arch, "os": "linux", "config": config}).encode())
            manifest = self.blob(json.dumps({"schemaVersion": 2, "config": settings, "layers": blobs}).encode())
            manifests.append({**manifest, "platform": {"os": "linux", "architecture": arch}})
        index = self.blob(json.dumps({"schemaVersion": 2, "mediaType": _INDEX, "manifests": manifests}).encode())
        self._names[reference] = {**index, "annotations": {"org.opencontainers.image.ref.name": reference}}
        (self.folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": list(self._names.values())}))

    def blob(self, data: bytes) -> dict[str, Any]:
        """Put a blob; gives its digest and size."""
        digest = hashlib.sha256(data).hexdigest()
        (self.folder / "blobs" / "sha256" / digest).write_bytes(data)
        return {"digest": f"sha256:{digest}", "size": len(data)}
