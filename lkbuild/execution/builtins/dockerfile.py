"""Builtins that make images of Dockerfiles, and layers of such images: dockerfile, oci_image_root.

What comes back from an engine is taken apart and put together in the canonical form: times, compression, history and who built it are
none of the result. Which engine it is, is the ImageBuilder's business.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, Final

from lkbuild.base.errors import BuildFailed, HostError, LkbuildError
from lkbuild.dockerfile.config import told
from lkbuild.dockerfile.stages import parse
from lkbuild.execution.builtin_call import BuiltinCall
from lkbuild.execution.builtins.oci import image, pack
from lkbuild.execution.failures import log_tail
from lkbuild.execution.placing import place
from lkbuild.image import oci
from lkbuild.image.layer import merge_layers, tar_to_layer
from lkbuild.image.oci import Descriptor, ImageLayout
from lkbuild.image.tar import END
from lkbuild.model.action import OutputFile, OutputTree
from lkbuild.model.ports import ImageBuild
from lkbuild.model.tree import File, Layout, Subtree

#: As other layers of images are packed (rules/oci_layout.py).
_LEVEL: Final = 3
#: What Docker's client says of an engine that does not answer (docker/docker, client/errors.go).
_UNREACHED: Final = "Cannot connect to the Docker daemon"
_BASES: Final = "bases"
_CONTEXT: Final = "context"
#: In a build argument: a digest of all inputs.
_INPUTS: Final = "@{inputs}"


def dockerfile(call: BuiltinCall) -> tuple[OutputTree]:
    """The image of a Dockerfile, as an image layout. Needs an engine.

    Inputs: `Dockerfile`, files below `context/`, and an image layout below `bases/NAME` for each base.
    Argument: JSON with `arch`, `name`, `stage`, `network`, `arguments`; `told`: what the engine's configuration must say; `config`: what
    stands in the image's in its place; `labels`: more of them; `again`: what the engine remembers is not taken.
    """
    request = json.loads(call.arguments[0])
    for path, leaf in call.inputs.items():
        place(leaf, call.scratch / path, call.blobs)
    (call.scratch / _CONTEXT).mkdir(exist_ok=True)
    names = sorted({path.split("/")[1] for path in call.inputs if path.startswith(f"{_BASES}/")})
    inputs = _inputs(call)
    build = ImageBuild(
        inputs=inputs,
        dockerfile=call.scratch / "Dockerfile",
        context=call.scratch / _CONTEXT,
        bases=tuple((name, call.scratch / _BASES / name, _manifest_of(call.scratch / _BASES / name)) for name in names),
        arch=request["arch"],
        stage=request["stage"],
        arguments=tuple((name, value.replace(_INPUTS, inputs)) for name, value in sorted(request["arguments"].items())),
        runs=_runs(call.scratch / "Dockerfile", request),
        network=request["network"],
        fresh=call.fresh or request["again"],
        output=call.scratch / "image.tar",
        log=call.scratch / "log",
        timeout_s=call.timeout_s,
    )
    ended = call.images.build(build, cancelled=call.cancelled)
    if ended.exit_code != 0 or ended.reason is not None:
        raise _failed(build, ended.reason or f"docker buildx ended with {ended.exit_code}")
    with tarfile.open(build.output) as archive:
        return _taken(call, archive, request)


def image_root(call: BuiltinCall) -> tuple[OutputFile]:
    """The layers of an image layout as one canonical layer, whiteouts applied."""
    ((path, leaf),) = call.inputs.items()
    if not isinstance(leaf, Subtree):
        raise BuildFailed(f"input {path} is a file, where a layout is needed")
    layout = ImageLayout.read(leaf.root, call.blobs.get_bytes)
    (top,) = layout.manifests
    _, *layers = oci.descriptors_of(call.blobs.get_bytes(layout.blobs[top.sha256]))
    with contextlib.ExitStack() as opened, call.blobs.put_stream() as writer:
        for chunk in merge_layers([opened.enter_context(call.blobs.open(layout.blobs[item.sha256])) for item in layers], call.scratch):
            writer.write(chunk)
    return call.made(writer.digest)


def _taken(call: BuiltinCall, archive: tarfile.TarFile, request: Mapping[str, Any]) -> tuple[OutputTree]:
    """The engine's image in the canonical form."""
    (top,) = _document(archive, "index.json")["manifests"]
    manifest = _document(archive, _blob(top))
    config = _document(archive, _blob(manifest["config"])).get("config") or {}
    if told(config) != request["told"]:
        said, read = (json.dumps(item, sort_keys=True) for item in (told(config), request["told"]))
        hint = "say `command`, `env`, `cwd`, `uid` and `gid` of the target; and please report it, with the Dockerfile"
        raise BuildFailed(
            "the engine's image says other things of its container than its Dockerfile was read to say",
            detail=f"  the image: {said}\n  read:      {read}",
            hint=hint,
        )
    blobs: dict[str, File] = {}
    layers: list[Descriptor] = []
    diff_ids: list[str] = []
    for item in manifest["layers"]:
        with _member(archive, _blob(item)) as stream:
            chunks = tar_to_layer(stream, call.scratch)
            first = next(chunks)
            if first == END:  # an engine makes one of an instruction that changes no file
                continue
            packed = pack(call, itertools.chain((first,), chunks), level=_LEVEL)
        blobs[packed.descriptor.sha256] = File(packed.digest)
        layers.append(packed.descriptor)
        diff_ids.append(packed.diff_id)
    labels = {**(config.get("Labels") or {}), **request["labels"]}
    final = {name: value for name, value in {**config, **request["config"], "Labels": labels}.items() if value}
    document = oci.configuration(final, request["arch"], diff_ids)
    return image(call, blobs, layers, document, arch=request["arch"], name=request["name"])


def _inputs(call: BuiltinCall) -> str:
    """40 hexadecimal digits that are others where any input is: what LinuxKit calls the hash of a package."""
    root, _ = Layout(call.inputs).encode()
    return root.hash[:40]


def _runs(dockerfile: Path, request: Mapping[str, Any]) -> bool:
    given = {"TARGETPLATFORM": f"linux/{request['arch']}", "TARGETARCH": request["arch"], "TARGETOS": "linux", **request["arguments"]}
    text = dockerfile.read_text(encoding="utf-8")
    return parse(text, dockerfile.name, given=given, target=request["stage"]).runs


def _manifest_of(layout: Path) -> str:
    (top,) = json.loads((layout / "index.json").read_bytes())["manifests"]
    digest: str = top["digest"]
    return digest


def _blob(descriptor: Mapping[str, Any]) -> str:
    return f"blobs/{descriptor['digest'].replace(':', '/')}"


def _member(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    found = archive.extractfile(name)
    if found is None:
        raise BuildFailed(f"the engine's image has no {name}")
    return found


def _document(archive: tarfile.TarFile, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.load(_member(archive, name))
    return found


def _failed(build: ImageBuild, reason: str) -> LkbuildError:
    """The error for what the client said: the Dockerfile's, or that of a host without an engine."""
    text = "\n".join(log_tail(build.log))
    if _UNREACHED in text:
        return HostError("no Docker engine is reached, which builds Dockerfiles", detail=text, hint="`lkbuild doctor` looks at Docker")
    hint = None
    if "exec format error" in text:
        hint = (
            f"the builder can't run programs of {build.arch}: give one that can by --builder {build.arch}=NAME; `lkbuild doctor` says more"
        )
    elif not build.network:
        hint = "RUN has no network: put what it needs into the context, by a lock; or say `network: true`, and the result is not shared"
    return BuildFailed(f"dockerfile failed: {reason}", detail=text, hint=hint)
