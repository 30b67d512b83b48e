"""Use case: start a workspace. Writes a handful of files and overwrites none; does not load what it wrote."""

from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path
from typing import Final

from lkbuild.base.errors import HostError, LoadError, UsageError
from lkbuild.loading.root import workspace_above
from lkbuild.loading.workspace import WorkspaceLoader

_BUILD: Final = """\
# The root of the workspace. `lkbuild help targets` explains this file, `lkbuild info rules` lists the rules.
workspace:
  name: {name}
  default_targets: ["//..."]

targets:
  hello:
    rule: genrule
    doc: The first target. Edit greeting.txt and build again, only then something runs.
    srcs: [greeting.txt]
    outs: [hello.txt]
    cmd: cat $SRCS > $OUT
"""

#: What the name of a workspace may not hold (lkbuild.loading says so when it reads it).
_FOREIGN: Final = re.compile(r"[^A-Za-z0-9_.-]+")
_GREETING: Final = "Hello from lkbuild.\n"
_GITIGNORE: Final = "/lkbuild-out\n"

_README: Final = """\
# {title}

Built with lkbuild:

    lkbuild                 # help
    lkbuild //:hello        # build one target: prints the path of what it made
    lkbuild //...           # build all
    lkbuild query //...     # what there is
"""


def init(directory: Path, name: str | None = None) -> list[Path]:
    """Write a workspace into a folder, made if need be; returns the files written.

    A .gitignore or README.md that is there stays as it is.

    Raises:
        HostError: the folder can't be made or written.
        UsageError: there is a BUILD.yaml or a greeting.txt already, the folder is a file, or the name is none.
    """
    title = name or _FOREIGN.sub("-", directory.resolve().name).strip("-_.") or "workspace"
    if name and (_FOREIGN.search(name) or not name[0].isalnum()):
        raise UsageError(f"'{name}' can't be the name of a workspace", hint="letters, digits and _ . - name one, a letter or digit first")
    build = _BUILD.format(name=json.dumps(title))
    required = {"BUILD.yaml": build, "greeting.txt": _GREETING}
    optional = {".gitignore": _GITIGNORE, "README.md": _README.format(title=title)}
    if directory.exists() and not directory.is_dir():
        raise UsageError(f"{directory} is a file", hint="give a folder, new or old")
    for file in required:
        if (directory / file).exists():
            raise UsageError(
                f"{directory / file} is there already", hint="nothing was written; init starts workspaces, it does not change them"
            )
    wanted = required | {file: text for file, text in optional.items() if not (directory / file).exists()}
    written: list[Path] = []
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for file, text in wanted.items():
            written.append(_write(directory / file, text))
    except OSError as error:
        for path in written:  # half a workspace would be in the way of the next try
            path.unlink(missing_ok=True)
        raise HostError(f"can't write {error.filename or directory}: {error.strerror}", hint="give another folder") from error
    return written


def around(directory: Path) -> tuple[Path, str] | None:
    """The workspace that a folder lies in, and the folder's path there; None where `//...` does not come there anyway."""
    place = directory.resolve()
    outer = workspace_above(place.parent)
    if outer is None:
        return None
    loader, inner = WorkspaceLoader(outer, lambda _: None, tuple), place.relative_to(outer)
    with contextlib.suppress(LoadError):  # what is wrong with the outer one is for whoever builds it
        if any(loader.skipped(path.as_posix()) for path in (inner, *inner.parents) if path.name):
            return None
    return outer, inner.as_posix()


def _write(path: Path, text: str) -> Path:
    with path.open("x", encoding="utf-8") as file:
        try:
            file.write(text)
            file.flush()
        except OSError:
            path.unlink()
            raise
    return path
