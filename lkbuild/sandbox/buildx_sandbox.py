"""`lkbuild.model.ports.Sandbox` by `docker buildx`: a command as a RUN without network, on whatever engine the client is set up for.

The root tree is the base image, from a layout that is made here once; the environment is in that image's configuration, where no quoting
can change it; inputs are named contexts, mounted where bubblewrap mounts them; /build is taken out. Nothing that the engine remembers is
taken: whether to run was decided before. Does not know what an action is.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tarfile
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from lkbuild.base.errors import HostError
from lkbuild.model.ports import SandboxResult, SandboxRun
from lkbuild.sandbox.bubblewrap import BubblewrapSandbox
from lkbuild.sandbox.buildx import Buildx
from lkbuild.sandbox.folders import remove_tree
from lkbuild.sandbox.plan import HOSTNAME, SOURCE_DATE_EPOCH, UID, WORK, environment_of

_ACCOUNTS: Final = Path(__file__).parent / "etc"
_INDEX: Final = "application/vnd.oci.image.index.v1+json"
_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
_CONFIG: Final = "application/vnd.oci.image.config.v1+json"
_LAYER: Final = "application/vnd.oci.image.layer.v1.tar"
#: Top-level names that an executor makes itself, whatever the tree has there.
_OWN: Final = {"proc", "dev", "tmp", WORK[1:]}
_ENDED: Final = re.compile(r"did not complete successfully: exit code: (\d+)")
_NOT_FOUND: Final = re.compile(r"did not complete successfully:.*(executable file not found|no such file or directory)")
_STEP: Final = re.compile(r"#(\d+) \[run \d+/\d+\] RUN ")
#: The frontend refuses longer lines (moby/buildkit, frontend/dockerfile/parser, bufio's MaxScanTokenSize).
_LINE_MAX: Final = 65_535


class BuildxSandbox:
    """Runs commands on an engine. Safe to use from many threads.

    Args:
        client: how the engine is reached.
        arch: what commands run on.
    """

    def __init__(self, client: Buildx, arch: str) -> None:
        self._client = client
        self._arch = arch
        self._guard = threading.Lock()
        self._roots: dict[Path | None, tuple[Path, str]] = {}

    def run(self, request: SandboxRun, *, cancelled: Callable[[], bool]) -> SandboxResult:
        """See Sandbox."""
        self._client.client()
        folder = Path(tempfile.mkdtemp(prefix=f"{request.work.name}.buildx-", dir=request.work.parent))
        try:
            return self._run(request, folder, cancelled)
        except OSError as error:
            raise HostError(f"the sandbox's folders can't be made: {error}") from error
        finally:
            remove_tree(folder)

    def _run(self, request: SandboxRun, folder: Path, cancelled: Callable[[], bool]) -> SandboxResult:
        layout, layer = self._root(request)
        image = _image(layout, layer, self._arch, dict(environment_of(request)))
        (folder / "Dockerfile").write_text(_dockerfile(request), encoding="utf-8")
        words = [
            *self._client.command(self._arch),
            *("--progress=plain", f"--platform=linux/{self._arch}", "--network=none", "--provenance=false", "--sbom=false", "--no-cache"),
            f"--file={folder}/Dockerfile",
            f"--build-context=lkbuild-root=oci-layout://{layout}@{image}",
            *(f"--build-context={name}={path}" for name, path in _contexts(request, folder)),
            f"--build-arg=BUILDKIT_SANDBOX_HOSTNAME={HOSTNAME}",
            f"--output=type=local,dest={folder}/out",
            # Not used, but what the engine keeps of other contexts goes by its name: no other run has this one (lkbuild.sandbox.buildx).
            str(folder),
        ]
        ended = self._client.run(words, folder / "said", request.timeout_s, cancelled)
        text = (folder / "said").read_text(encoding="utf-8", errors="replace")
        request.log.write_text("".join(_own_lines(text)), encoding="utf-8")
        if ended.reason is None and ended.exit_code != 0:
            return SandboxResult(exit_code=_exit_code(text), seconds=ended.seconds)
        if ended.reason is None:
            _take_out(folder / "out", request.work)
        return ended

    def describe(self, request: SandboxRun) -> str:
        """The same in this machine's own sandbox: what a command finds is equal."""
        return BubblewrapSandbox().describe(request)

    def _root(self, request: SandboxRun) -> tuple[Path, str]:
        """A layout, and the digest of the layer in it that is a root tree: made once, and kept as long as working directories are."""
        with self._guard:
            found = self._roots.get(request.root)
            if found is None:
                layout = Path(tempfile.mkdtemp(prefix="root-", dir=request.work.parent.parent))
                found = self._roots[request.root] = (layout, _layer(layout, request.root))
            return found


def _layer(layout: Path, root: Path | None) -> str:
    """Write a root tree as a layer: owned by root, everything of one time. Its digest."""
    (layout / "blobs/sha256").mkdir(parents=True)
    (layout / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}', encoding="ascii")
    (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "mediaType": _INDEX, "manifests": []}), encoding="ascii")
    path = layout / "layer"
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        there = sorted(set(os.listdir(root)) - _OWN) if root is not None else []  # noqa: PTH208 - names are what is needed
        for name in there:
            archive.add(f"{root}/{name}", arcname=name, filter=_plain)
        for name, mode, owner in (("tmp", 0o1777, 0), (WORK[1:], 0o755, UID), ("etc", 0o755, 0)):
            if name not in there:
                archive.addfile(_entry(name, tarfile.DIRTYPE, mode, owner))
        for name in ("passwd", "group"):
            if root is None or not (root / "etc" / name).exists():
                data = (_ACCOUNTS / name).read_bytes()
                info = _entry(f"etc/{name}", tarfile.REGTYPE, 0o644, 0)
                info.size = len(data)
                archive.addfile(info, BytesIO(data))
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    shutil.move(path, layout / "blobs/sha256" / digest)
    return digest


def _plain(info: tarfile.TarInfo) -> tarfile.TarInfo:
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    info.mtime = SOURCE_DATE_EPOCH
    return info


def _entry(name: str, kind: bytes, mode: int, owner: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.uid, info.gid, info.mtime = kind, mode, owner, owner, SOURCE_DATE_EPOCH
    return info


def _image(layout: Path, layer: str, arch: str, environment: Mapping[str, str]) -> str:
    """Write an image with that layer and an environment into the layout. Its digest."""
    env = [f"{name}={value}" for name, value in environment.items()]
    rootfs = {"type": "layers", "diff_ids": [f"sha256:{layer}"]}
    config = _blob(layout, {"architecture": arch, "os": "linux", "config": {"Env": env}, "rootfs": rootfs})
    size = (layout / "blobs/sha256" / layer).stat().st_size
    layers = [{"mediaType": _LAYER, "digest": f"sha256:{layer}", "size": size}]
    manifest = {"schemaVersion": 2, "mediaType": _MANIFEST, "config": {**config, "mediaType": _CONFIG}, "layers": layers}
    digest: str = _blob(layout, manifest)["digest"]
    return digest


def _blob(layout: Path, value: Any) -> dict[str, Any]:
    data = json.dumps(value, sort_keys=True).encode()
    digest = hashlib.sha256(data).hexdigest()
    (layout / "blobs/sha256" / digest).write_bytes(data)
    return {"digest": f"sha256:{digest}", "size": len(data)}


def _contexts(request: SandboxRun, folder: Path) -> Iterator[tuple[str, Path]]:
    """Named contexts: the working directory, each mounted tree, and a folder with the mounted files."""
    files = folder / "files"
    files.mkdir()
    yield "lkbuild-work", request.work
    yield "lkbuild-files", files
    for number, (source, _) in enumerate(request.mounts):
        if source.is_dir():
            yield f"lkbuild-{number}", source
        else:
            shutil.copy2(source, files / str(number))


def _dockerfile(request: SandboxRun) -> str:
    """What builds /build: its inputs belong to the sandbox's user, as they do under bubblewrap, and can't be written."""
    own = f"--chown={UID}:{UID}"
    copies, mounts = [f"COPY --from=lkbuild-files {own} / /files/"], []
    for number, (source, path) in enumerate(request.mounts):
        if source.is_dir():
            copies.append(f"COPY --from=lkbuild-{number} {own} / /{number}/")
        place = f"/{number}" if source.is_dir() else f"/files/{number}"
        mounts.append(f"--mount=type=bind,from=inputs,source={place},target={WORK}/{path} ")
    run = f"RUN {''.join(mounts)}{json.dumps(list(request.arguments))}"
    if len(run) > _LINE_MAX:
        raise HostError(f"the command is {len(run)} bytes long, where an engine takes {_LINE_MAX}", hint="build it by --strategy=sandbox")
    inputs = ["FROM scratch AS inputs", *copies] if mounts else []
    before = ["FROM lkbuild-root AS run", f"COPY --from=lkbuild-work {own} / {WORK}/", f"USER {UID}:{UID}", f"WORKDIR {WORK}"]
    return "\n".join([*inputs, *before, run, "FROM scratch", f"COPY --from=run {WORK} /", ""])


def _own_lines(text: str) -> Iterator[str]:
    """Of what the client says, what the command has said."""
    step = next((found.group(1) for line in text.splitlines() if (found := _STEP.match(line))), None)
    for line in text.splitlines():
        number, _, rest = line.partition(" ")
        if step is not None and number == f"#{step}" and rest[:1].isdigit():
            yield rest.partition(" ")[2] + "\n"


def _exit_code(text: str) -> int:
    """Of the command. Raises HostError where it was never started."""
    found = _ENDED.search(text)
    if found:
        return int(found.group(1))
    if _NOT_FOUND.search(text):
        return 127  # a shell's exit code for a command that it does not find
    raise HostError("docker buildx can't run a command", detail="\n".join(text.splitlines()[-20:]), hint="`lkbuild doctor` looks at Docker")


def _take_out(made: Path, work: Path) -> None:
    """Put what was made where the working directory was."""
    for name in os.listdir(work):  # noqa: PTH208 - names are what is needed
        path = work / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    for name in os.listdir(made):  # noqa: PTH208 - the same
        shutil.move(made / name, work / name)
