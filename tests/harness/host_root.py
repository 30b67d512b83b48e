"""A root tree made of what every test host has: this Python, its libraries, and a shell with a few tools; and commands that run there."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable
from pathlib import Path

#: Of Python's library. It is three quarters of it, and what is in a root goes up to each engine that commands run on.
NOT_NEEDED = (
    *("asyncio", "concurrent", "curses", "dbm", "distutils", "email", "ensurepip", "html", "http", "idlelib", "lib2to3", "logging"),
    *("multiprocessing", "pydoc_data", "sqlite3", "test", "tests", "tkinter", "turtledemo", "unittest", "venv", "wsgiref", "xml", "xmlrpc"),
)
TOOLS = ("sh", "cat", "id", "sleep", "setsid", "ls", "touch", "env", "kill", "head", "mkdir", "chmod", "hostname")


def make_root(root: Path) -> Path:
    """A tree with merged /usr, /bin as a link, no /proc, /dev, /tmp, /build or /etc/passwd: as a toolchain may be."""
    (root / "usr/bin").mkdir(parents=True)
    (root / "etc").mkdir()
    (root / "etc/marker").write_text("from the tree\n")
    for name in ("bin", "lib", "lib64"):
        (root / "usr" / name).mkdir(exist_ok=True)
        (root / name).symlink_to(f"usr/{name}")
    programs = [Path(found) for tool in TOOLS if (found := shutil.which(tool))]
    for program in programs:
        _copy_program(root, program, "usr/bin/" + program.name)
    _copy_python(root)
    return root


def _copy_python(root: Path) -> None:
    real = Path(sys._base_executable).resolve()  # type: ignore[attr-defined]
    _copy_program(root, real, "usr/bin/python3")
    library = Path(sysconfig.get_path("stdlib", vars={"base": sys.base_prefix, "installed_base": sys.base_prefix}))
    target = root / "usr/lib" / library.name
    # With what is compiled: a command that imports a few modules takes 40 ms of processor time then, without 200.
    skip = shutil.ignore_patterns("site-packages", "dist-packages", "config-*", "*.opt-?.pyc", *NOT_NEEDED)
    shutil.copytree(library, target, ignore=skip, dirs_exist_ok=True)
    for module in (target / "lib-dynload").glob("*.so"):
        if module.name.startswith(("_socket", "select", "math", "_posixsubprocess", "array", "fcntl", "_ctypes")):
            _copy_libraries(root, module)


def _copy_program(root: Path, program: Path, path: str) -> None:
    shutil.copy(program.resolve(), root / path)
    _copy_libraries(root, program)


def _copy_libraries(root: Path, program: Path) -> None:
    listed = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=False).stdout
    for word in listed.split():
        if word.startswith("/"):
            # Merged /usr: /lib/x and /usr/lib/x are one; anything else keeps its directory.
            path = word if word.startswith("/usr/") else "/usr" + os.path.normpath(word)
            target = root / path.lstrip("/")
            if not word.startswith(("/lib", "/usr/lib")):
                target = root / "usr/lib" / Path(word).name
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.exists():
                shutil.copy(Path(word).resolve(), target)


def new_marker() -> str:
    """A number of seconds that no other command waits for, here or ever: nothing finds its result, and nothing else has it in its words."""
    return f"9{secrets.randbelow(10**12):012}7.5"


def processes_with(marker: str) -> list[int]:
    """Host processes whose command line holds the marker."""
    found: list[int] = []
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if folder.name.isdigit() and marker.encode() in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
    return found


def began(marker: str, build: subprocess.Popen[str]) -> list[int]:
    """The processes of a marker, once a build has come to them."""
    while not (found := processes_with(marker)):
        assert build.poll() is None, build.communicate()
        _let_others_run()
    return found


def over(marker: str) -> None:
    """Once nothing runs that has the marker."""
    while processes_with(marker):
        _let_others_run()


def end_until(ended: Callable[[], object], marker: str) -> None:
    """End what has the marker, wherever and however often it runs, until something is so."""
    while not ended():
        for pid in processes_with(marker):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        _let_others_run()


def _let_others_run() -> None:
    """There is no event to wait for; and who looks without a pause takes the processor that is waited for."""
    time.sleep(0.02)
