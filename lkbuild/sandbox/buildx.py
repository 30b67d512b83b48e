"""`lkbuild.model.ports.ImageBuilder` by `docker buildx`: the user's own client, and whatever engine it is set up for.

The client is not sandboxed: it must reach the engine. What it is told is all that the build may depend on: the bases are layouts on disk,
RUN has no network, the proxies of Docker's configuration and labels of git are left out. Does not know what an action is.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from pathlib import Path
from typing import Final

from lkbuild.base.errors import FetchError, HostError
from lkbuild.base.values import dataclass
from lkbuild.model.ports import ImageBuild, SandboxResult
from lkbuild.sandbox.builders import Node, nodes_of
from lkbuild.sandbox.host_output import host_output
from lkbuild.sandbox.plan import SOURCE_DATE_EPOCH

_LOAD_S: Final = 600
#: How long a builder may take to say what it is: one that is far away, or is not there, takes its time.
_ASK_S: Final = 20.0
_TICK_S: Final = 0.05
#: How long the client may take to call a build off, in seconds: then it is killed, and the engine does it.
_GRACE_S: Final = 5.0
#: What a client would add of its configuration (docker/cli, configfile.ParseProxyConfig), both ways of writing.
_PROXIES: Final = ("ALL_PROXY", "FTP_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY")
_VARIABLES: Final = ("SOURCE_DATE_EPOCH", "BUILDKIT_SYNTAX", "BUILDX_GIT_LABELS", "BUILDX_GIT_INFO")


@dataclass(frozen=True, slots=True, kw_only=True)
class Buildx:
    """Builds by a command `docker`. Safe to use from many threads.

    Attributes:
        environment: of the client: where the engine is (DOCKER_HOST, DOCKER_CONTEXT, the client's configuration in HOME).
        builders: names of builders, or of contexts of Docker's, by architecture; that of "" is for those that have none. None at all: the
            client's own choice.
        offline: what may reach the network is not built.
    """

    environment: Mapping[str, str]
    builders: Mapping[str, str] = field(default_factory=dict)
    offline: bool = False
    _contexts: dict[str, bool] = field(default_factory=dict, init=False, repr=False, compare=False)

    def client(self) -> str:
        """The command. Raises HostError where there is none."""
        found = shutil.which("docker", path=self.environment.get("PATH"))
        if found is None:
            raise HostError(
                "there is no `docker` here, which builds Dockerfiles", hint="apt-get install docker-cli docker-buildx docker.io"
            )
        return found

    def command(self, arch: str) -> list[str]:
        """The command line up to `build`, for an architecture."""
        return self._words(arch, "build")

    def _words(self, arch: str, verb: str) -> list[str]:
        """The command line up to a verb of buildx, and which builder it is for."""
        name = self.builders.get(arch) or self.builders.get("")
        if name and self._is_context(name):  # which buildx lists among the builders, and refuses by --builder
            return [self.client(), f"--context={name}", "buildx", verb]
        return [self.client(), "buildx", verb, *([f"--builder={name}"] if name else [])]

    def _is_context(self, name: str) -> bool:
        if name not in self._contexts:
            answer = host_output([self.client(), "context", "inspect", name], Path("/"), self.environment, patience_s=_ASK_S)
            self._contexts[name] = answer.code == 0
        return self._contexts[name]

    def build(self, request: ImageBuild, *, cancelled: Callable[[], bool]) -> SandboxResult:
        """See ImageBuilder. Raises FetchError for what may reach the network, offline."""
        if request.network and self.offline:
            hint = "build it once without --offline: what comes of it is kept here; or put what it fetches into the context, by a lock"
            raise FetchError("this Dockerfile may reach the network (`network: true`), and --offline forbids that", hint=hint)
        context = _apart(request)
        try:
            return self.run([*self.command(request.arch), *options(request), str(context)], request.log, request.timeout_s, cancelled)
        finally:
            context.unlink()

    def nodes(self, arch: str = "") -> tuple[Node, ...]:
        """The nodes of the builder for an architecture. Raises HostError where it can't be asked."""
        answer = host_output(self._words(arch, "inspect"), Path("/"), self.environment, patience_s=_ASK_S)
        found = nodes_of(answer.output.decode(errors="replace"))
        if answer.code != 0 or not found:  # of an engine that it does not reach it tells, and ends well
            raise HostError("docker buildx has no builder that answers", detail=answer.complaint)
        return found

    def load(self, archive: Path, log: Path, cancelled: Callable[[], bool]) -> None:
        """Load an archive of images into the engine. Raises HostError where it does not take it."""
        ended = self.run([self.client(), "load", "--quiet", f"--input={archive}"], log, _LOAD_S, cancelled)
        if ended.exit_code != 0 or ended.reason is not None:
            detail = log.read_text(encoding="utf-8", errors="replace").strip()
            raise HostError("docker does not load the image", detail=detail, hint="`docker info` tells whether its engine is reached")

    def run(self, words: list[str], log: Path, timeout_s: int, cancelled: Callable[[], bool]) -> SandboxResult:
        """Run the client to its end, its output in a file."""
        environment = {name: value for name, value in self.environment.items() if name not in _VARIABLES}
        began = time.monotonic()
        with log.open("wb") as output:
            try:
                # In a group of its own: an interrupt at the terminal is ours to pass on.
                child = subprocess.Popen(
                    words, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=environment, process_group=0
                )
            except OSError as error:
                raise HostError(f"can't start {words[0]}: {error.strerror}") from error
            try:
                reason = _watch(child, began + timeout_s, timeout_s, cancelled)
            finally:
                _stop(child)
        return SandboxResult(exit_code=child.returncode, seconds=time.monotonic() - began, reason=reason)


def _apart(request: ImageBuild) -> Path:
    """The context by a path that no other inputs ever had.

    BuildKit keeps what it was sent by the last part of the context's path, the Dockerfile too, and of what it has by then it takes a file
    of the same size and time for the same (moby/buildkit 2592): ours have one time.
    """
    own = f"-{os.urandom(8).hex()}" if request.fresh else ""
    link = request.output.with_name(f"context-{request.inputs}{own}")
    link.symlink_to(request.context, target_is_directory=True)
    return link


def options(request: ImageBuild) -> Iterator[str]:
    """What `docker buildx build` is told of a build, but for the context."""
    yield "--progress=plain"
    yield f"--platform=linux/{request.arch}"
    yield f"--network={'default' if request.network else 'none'}"
    # Attestations tell of the time and of the engine.
    yield from ("--provenance=false", "--sbom=false")
    yield f"--file={request.dockerfile}"
    if request.stage:
        yield f"--target={request.stage}"
    if request.fresh:
        yield "--no-cache"
    for name, layout, digest in request.bases:
        yield f"--build-context={name}=oci-layout://{layout}@{digest}"
    # A cache mount is what earlier builds have left: each build has its own, and none sees what another did before.
    own = {"SOURCE_DATE_EPOCH": str(SOURCE_DATE_EPOCH), "BUILDKIT_CACHE_MOUNT_NS": os.urandom(8).hex()}
    arguments = {**own, **dict(request.arguments)}
    if not request.network:
        arguments.update(dict.fromkeys((*_PROXIES, *(name.lower() for name in _PROXIES)), ""))
    for name, value in sorted(arguments.items()):
        yield f"--build-arg={name}={value}"
    yield f"--output=type=oci,dest={request.output},compression=uncompressed,force-compression=true"


def _watch(child: subprocess.Popen[bytes], deadline: float, timeout_s: int, cancelled: Callable[[], bool]) -> str | None:
    """Wait for the end; returns why it must be ended before, or None."""
    while True:
        try:
            child.wait(_TICK_S)
        except subprocess.TimeoutExpired:
            if cancelled():
                return "cancelled"
            if time.monotonic() >= deadline:
                return f"took longer than its time limit of {timeout_s} s"
        else:
            return None


def _stop(child: subprocess.Popen[bytes]) -> None:
    """End what is left of it: at SIGTERM it calls the build off."""
    if child.poll() is not None:
        return
    os.killpg(child.pid, signal.SIGTERM)
    try:
        child.wait(_GRACE_S)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
