"""Runs a credential helper: the user's own program on the host, which says who we are. Not sandboxed, and no action.

The protocol is EngFlow's, which Bazel uses as well: `PROGRAM get`, a JSON object on standard input, one on standard output
(github.com/EngFlow/credential-helper-spec). What the objects hold is not known here.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from lkbuild.base.errors import HostError

_PATIENCE_S: Final = 30.0


def run_helper(program: Path, request: bytes, folder: Path, environment: Mapping[str, str]) -> bytes:
    """What the helper answers. Raises HostError where it can't be run, fails, or takes too long; never says what it wrote."""
    try:
        done = subprocess.run(
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
    if done.returncode != 0:
        raise HostError(f"{program} ended with {done.returncode}")
    return done.stdout
