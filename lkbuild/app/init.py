"""Use case: start a workspace. Writes a handful of files and overwrites none; does not load what it wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from lkbuild.base.errors import UsageError

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
        UsageError: there is a BUILD.yaml or a greeting.txt already, or the folder is a file.
    """
    title = name or directory.resolve().name or "workspace"
    build = _BUILD.format(name=json.dumps(title, ensure_ascii=False))
    required = {"BUILD.yaml": build, "greeting.txt": _GREETING}
    optional = {".gitignore": _GITIGNORE, "README.md": _README.format(title=title)}
    if directory.exists() and not directory.is_dir():
        raise UsageError(f"{directory} is a file", hint="give a folder, new or old")
    for file in required:
        if (directory / file).exists():
            raise UsageError(
                f"{directory / file} is there already", hint="nothing was written; init starts workspaces, it does not change them"
            )
    directory.mkdir(parents=True, exist_ok=True)
    wanted = required | {file: text for file, text in optional.items() if not (directory / file).exists()}
    return [_write(directory / file, text) for file, text in wanted.items()]


def _write(path: Path, text: str) -> Path:
    with path.open("x", encoding="utf-8") as file:
        file.write(text)
    return path
