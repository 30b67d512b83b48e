"""Runs a credential helper: the user's own program on the host, which says who we are. Not sandboxed, and no action.

Two protocols that look alike: EngFlow's, which Bazel uses as well (`PROGRAM get`, a JSON object on standard input, one on standard
output: github.com/EngFlow/credential-helper-spec), and Docker's (`docker-credential-NAME get`, a server on standard input). What the
answers hold is not known here.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from lkbuild.base.errors import HostError

_PATIENCE_S: Final = 30.0
#: What Docker's helpers say, and end with 1, where they have nothing (credentials/error.go).
_UNKNOWN: Final = b"credentials not found"


def run_helper(program: Path, request: bytes, folder: Path, environment: Mapping[str, str]) -> bytes:
    """What the helper answers. Raises HostError where it can't be run, fails, or takes too long; never says what it wrote."""
    done = _run(program, request, folder, environment)
    if done.returncode != 0:
        raise HostError(f"{program} ended with {done.returncode}")
    return done.stdout


def docker_helper(name: str, server: str, environment: Mapping[str, str]) -> bytes:
    """What Docker's helper of that name answers for a server; empty where it knows none. Raises HostError as `run_helper`."""
    program = shutil.which(f"docker-credential-{name}", path=environment.get("PATH"))
    if program is None:
        raise HostError(f"there is no docker-credential-{name}, which Docker's config.json names", hint="install it, or put it on the PATH")
    done = _run(Path(program), server.encode(), Path("/"), environment)
    if done.returncode != 0 and _UNKNOWN not in done.stdout:
        raise HostError(f"{program} ended with {done.returncode}")
    return done.stdout if done.returncode == 0 else b""


def _run(program: Path, request: bytes, folder: Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            [program, "get"],
            input=request,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env=dict(environment),
            timeout=_PATIENCE_S,
            check=False,
            start_new_session=True,
        )
    except OSError as error:
        raise HostError(f"can't start {program}: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise HostError(f"{program} has not answered in {_PATIENCE_S:g} s") from error
