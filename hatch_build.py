"""Compiles the two programs in C when lkbuild is installed, where there is a C compiler.

Where there is none, or it fails, they are left out. Then bubblewrap starts every command, and Python compares files: slower, with the same
results. Hatchling calls this (its custom build hook) before lkbuild can be imported. `CC` names another compiler; `LKBUILD_LAUNCHER=no`
leaves both out.
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

_HERE = Path(__file__).parent / "lkbuild"
#: Each beside its source.
PROGRAMS = (_HERE / "sandbox" / "launcher" / "lkbuild-launcher", _HERE / "base" / "unchanged" / "lkbuild-unchanged")
_FLAGS = ["-std=c11", "-O2", "-Wall", "-Wextra", "-pthread"]


class LauncherHook(BuildHookInterface[Any]):
    """Puts the programs beside their source: there an editable installation finds them, and a wheel takes them from there."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - the interface
        """Before a wheel is built."""
        for program in PROGRAMS:
            program.unlink(missing_ok=True)
            if os.environ.get("LKBUILD_LAUNCHER") != "no" and compile_program(program):
                build_data["artifacts"].append(str(program.relative_to(self.root)))
                build_data["pure_python"] = False
        if not build_data.get("pure_python", True):
            build_data["tag"] = "py3-none-" + sysconfig.get_platform().replace("-", "_").replace(".", "_")


def compile_program(program: Path) -> bool:
    """Whether it could be made. Statically linked where that works: a dynamic linker is a tenth of a start."""
    named = os.environ.get("CC")
    compiler = shlex.split(named) if named else [next((name for name in ("cc", "gcc", "clang") if shutil.which(name)), "")]
    if not compiler[0]:
        return False
    sources = sorted(str(path) for path in program.parent.glob("*.c"))
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
