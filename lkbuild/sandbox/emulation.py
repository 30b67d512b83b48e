"""An `ImageBuilder` that says what emulation costs, before it is begun: once for each architecture, with the slowdown measured there.

The builder runs two programs of its own architecture, and the same two of the other; what they differ by is free of how long a container
takes to start. Does not refuse anything: who wants emulation has it.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from lkbuild.base.errors import HostError
from lkbuild.model.ports import ImageBuild, SandboxResult
from lkbuild.sandbox.builders import node_of
from lkbuild.sandbox.buildx import Buildx
from lkbuild.sandbox.turns import TURNS, program

#: About a quarter of a second by itself.
_LONG: Final = TURNS << 15
_PATIENCE_S: Final = 120
_WORTH_TELLING: Final = 1.5
_DOCKERFILE: Final = 'FROM scratch\nCOPY short long /\nRUN ["/short"]\nRUN ["/long"]\n'


class Wary:
    """Safe to use from many threads.

    Args:
        client: what builds.
        tell: takes a line for the user.
    """

    def __init__(self, client: Buildx, tell: Callable[[str], None]) -> None:
        self._client = client
        self._tell = tell
        self._guard = threading.Lock()
        self._known: set[str] = set()

    def build(self, request: ImageBuild, *, cancelled: Callable[[], bool]) -> SandboxResult:
        """See ImageBuilder."""
        if request.runs:
            with self._guard:
                if request.arch not in self._known:
                    self._known.add(request.arch)
                    self._look(request.arch, request.log.parent, cancelled)
        return self._client.build(request, cancelled=cancelled)

    def _look(self, arch: str, folder: Path, cancelled: Callable[[], bool]) -> None:
        try:
            nodes = self._client.nodes(arch)
        except HostError:
            return  # the build itself will say so
        node = node_of(nodes, arch)
        if node is None or node.how(arch) != "emulated":
            return
        own = node.native[0]
        found = slowdown(self._client, arch, own, folder, cancelled)
        if found is not None and found < _WORTH_TELLING:
            return  # it is the node's own, after all
        cost = f"about {found:.0f} times as slow as {own} (measured)" if found else "many times as slow as native programs"
        self._tell(f"the builder emulates {arch} for RUN: {cost}; --builder {arch}=NAME names one with native nodes")


def slowdown(client: Buildx, arch: str, own: str, folder: Path, cancelled: Callable[[], bool]) -> float | None:
    """How many times as long programs of an architecture take a builder as those of its own; None where that can't be told."""
    theirs, ours = (_seconds(client, name, arch, folder, cancelled) for name in (arch, own))
    return theirs / ours if theirs and ours else None


def _seconds(client: Buildx, arch: str, builder: str, folder: Path, cancelled: Callable[[], bool]) -> float | None:
    """What the turns of the long program take, on the builder for another architecture."""
    import tempfile  # noqa: PLC0415 - not for most builds

    with tempfile.TemporaryDirectory(prefix="turns-", dir=folder) as name:
        context = Path(name)
        for file, turns in (("short", TURNS), ("long", _LONG)):
            (context / file).write_bytes(program(arch, turns))
            (context / file).chmod(0o755)
        (context / "Dockerfile").write_text(_DOCKERFILE, encoding="ascii")
        own = ("--no-cache", "--network=none", "--provenance=false", "--sbom=false", f"--output=type=local,dest={context}/out")
        words = [*client.command(builder), "--progress=rawjson", f"--platform=linux/{arch}", *own, str(context)]
        ended = client.run(words, context / "log", _PATIENCE_S, cancelled)
        if ended.exit_code != 0 or ended.reason is not None:
            return None
        took = dict(_steps((context / "log").read_text(encoding="utf-8", errors="replace")))
    short, long = (next((seconds for step, seconds in took.items() if f'["/{file}"]' in step), 0.0) for file in ("short", "long"))
    return long - short if long > short > 0 else None


def _steps(text: str) -> Iterator[tuple[str, float]]:
    """Steps that have ended, and how long each took, from values of JSON one after the other (moby/buildkit, client/graph.go)."""
    from datetime import datetime  # noqa: PLC0415 - not for most builds

    decoder, at = json.JSONDecoder(), text.find("{")
    while at >= 0:
        try:
            found, end = decoder.raw_decode(text, at)
        except ValueError:  # words of the client that look like the beginning of one
            found, end = {}, at + 1
        for vertex in found.get("vertexes") or ():
            if vertex.get("started") and vertex.get("completed"):
                started, completed = (datetime.fromisoformat(vertex[name]) for name in ("started", "completed"))
                yield vertex["name"], (completed - started).total_seconds()
        at = text.find("{", end)
