"""What a program of the host says: not sandboxed, for it is asked about the host's own files (git, about a checkout).

It lies here because lkbuild.sandbox is the one place that starts processes. The program reads nothing, and nothing of it is kept.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from lkbuild.base.errors import HostError
from lkbuild.base.values import dataclass


@dataclass(frozen=True, slots=True)
class Answer:
    """How a program ended, and what it wrote."""

    code: int
    output: bytes
    complaint: str


def host_output(arguments: Sequence[str], folder: Path, environment: Mapping[str, str], *, patience_s: float | None = None) -> Answer:
    """Run a program to its end. Raises HostError where it can't be started, or has not answered in time."""
    try:
        done = subprocess.run(
            list(arguments),
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=patience_s,
        )
    except subprocess.TimeoutExpired as error:
        raise HostError(f"{arguments[0]} has not answered in {patience_s:g} s") from error
    except OSError as error:
        raise HostError(f"can't start {arguments[0]} in {folder}: {error.strerror}", hint=f"install {arguments[0]}") from error
    return Answer(done.returncode, done.stdout, done.stderr.decode(errors="replace").strip())
