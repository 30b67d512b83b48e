"""Compiles lkbuild-launcher when lkbuild is installed, where there is a C compiler.

Where there is none, or it fails, the launcher is left out and bubblewrap starts every command: slower, with the same results. Hatchling
calls this (its custom build hook) before lkbuild can be imported. `CC` names another compiler; `LKBUILD_LAUNCHER=no` leaves it out.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_HERE = Path(__file__).parent / "lkbuild" / "sandbox" / "launcher"
_PROGRAM = _HERE / "lkbuild-launcher"
_FLAGS = ["-std=c11", "-O2", "-Wall", "-Wextra"]


class LauncherHook(BuildHookInterface[Any]):
    """Puts the program beside its source: there an editable installation finds it, and a wheel takes it from there."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - the interface
        """Before a wheel is built."""
        _PROGRAM.unlink(missing_ok=True)
        if os.environ.get("LKBUILD_LAUNCHER") == "no" or not compile_launcher(_PROGRAM):
            return
        build_data["artifacts"].append(str(_PROGRAM.relative_to(self.root)))
        build_data["pure_python"] = False
        build_data["tag"] = "py3-none-" + sysconfig.get_platform().replace("-", "_").replace(".", "_")


def compile_launcher(program: Path) -> bool:
    """Whether it could be made. Statically linked where that works: a dynamic linker is a tenth of a start."""
    named = os.environ.get("CC")
    compiler = shlex.split(named) if named else [next((name for name in ("cc", "gcc", "clang") if shutil.which(name)), "")]
    if not compiler[0]:
        return False
    sources = sorted(str(path) for path in _HERE.glob("*.c"))
    made = program.with_name(f"{program.name}.{os.getpid()}")  # two installations at once
    for link in (["-static"], []):
        try:
            done = subprocess.run([*compiler, *_FLAGS, *link, "-o", str(made), *sources], check=False, capture_output=True, text=True)
        except OSError:
            return False
        if done.returncode == 0:
            made.replace(program)
            return True
    return False
