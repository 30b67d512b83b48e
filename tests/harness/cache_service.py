"""`lkbuild cache serve`, the real command as a process of its own, and clients that join it as the guide says."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.workspace import LKBUILD, PATIENCE_S, Workspace, user_store

READ = "[read-blobs, read-results]"
ALL = "[read-blobs, read-results, write-blobs, write-results]"


@dataclass(frozen=True, slots=True)
class Service:
    """A cache that is served from a folder; `urls` by namespace."""

    folder: Path
    urls: Mapping[str, str]
    process: subprocess.Popen[str]

    def join(self, workspace: Workspace, client: str) -> Path:
        """What a client does with its folder: one copy into its home, one into its workspace. The workspace's policy is the answer."""
        home = Path(workspace.environment["HOME"]) / ".config/lkbuild" / client
        shutil.copytree(self.folder / "clients" / client, home, dirs_exist_ok=True)
        return workspace.write("cache/cache.yaml", (home / "cache.yaml").read_text(encoding="utf-8"))


def free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for item in sockets:
            item.bind(("127.0.0.1", 0))
        return [item.getsockname()[1] for item in sockets]


def policy(namespaces: Mapping[str, tuple[int, str, Mapping[str, str]]]) -> str:
    """A serve.yaml: by namespace its port, its protocol and its clients' rights."""
    lines = ["listen: 127.0.0.1", "names: [localhost]", "namespaces:"]
    for name, (port, protocol, clients) in namespaces.items():
        lines += [f"  {name}:", f"    port: {port}", f"    protocol: {protocol}", "    clients:"]
        lines += [f"      {client}: {rights}" for client, rights in clients.items()]
    return "\n".join([*lines, ""])


def environment(folder: Path) -> dict[str, str]:
    """That of a server: nginx comes from the store that all tests share; what is left behind would be in a folder of its own."""
    (folder / "tmp").mkdir(parents=True, exist_ok=True)
    return {**os.environ, "LKBUILD_CACHE": str(user_store()), "TMPDIR": str(folder / "tmp"), "HOME": str(folder)}


def initialise(folder: Path, text: str, *arguments: str) -> None:
    """Make a folder to serve from a policy."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "serve.yaml").write_text(text, encoding="utf-8")
    command = [LKBUILD, "cache", "serve", "--init", folder, *arguments]
    done = subprocess.run(command, env=environment(folder), capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    assert done.returncode == 0, done.stderr


@contextlib.contextmanager
def serving(folder: Path, *, stop: int = signal.SIGTERM) -> Iterator[Service]:
    """Serve a folder that was prepared; at the end it is told to stop, and must do so well."""
    command = [LKBUILD, "cache", "serve", folder, "--json"]
    with (folder / "stderr").open("w") as log:
        process = subprocess.Popen(
            command,
            env=environment(folder),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        )
    try:
        told = _told(process)
        assert told is not None, (folder / "stderr").read_text(encoding="utf-8")
        names = [item["url"].partition("/")[2].partition("/")[2].partition("/")[2] for item in told["namespaces"]]
        yield Service(folder, dict(zip(names, (item["url"] for item in told["namespaces"]), strict=True)), process)
        if process.poll() is None:
            process.send_signal(stop)
            assert process.wait(PATIENCE_S) == 0, (folder / "stderr").read_text(encoding="utf-8")
    finally:
        process.kill()
        process.communicate()


def _told(process: subprocess.Popen[str]) -> dict | None:
    """The object that it prints when it listens; None where it ends without."""
    text = ""
    assert process.stdout is not None
    for line in process.stdout:
        text += line
        if line == "}\n":
            return json.loads(text)
    return None
