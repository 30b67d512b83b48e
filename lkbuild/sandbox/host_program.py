"""The user's own program at the user's terminal (another hypervisor, for `lkbuild run`): not sandboxed, for it is no action.

It lies here because lkbuild.sandbox is the one place that starts processes. It knows nothing of the program.
"""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Sequence

from lkbuild.base.errors import HostError


def run_program(arguments: Sequence[str]) -> int:
    """Run it to its end; its exit code. An interrupt at the terminal goes to it as well, which decides. Raises HostError."""
    try:
        process = subprocess.Popen(list(arguments))
    except OSError as error:
        raise HostError(f"can't start {arguments[0]}: {error.strerror}", hint=f"install {arguments[0]}") from error
    while True:
        with contextlib.suppress(KeyboardInterrupt):
            return process.wait()
