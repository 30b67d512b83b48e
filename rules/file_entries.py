"""`files:` as LinuxKit writes it, and the layer that it becomes. Shared by every rule that places single files.

Does not know where the layer goes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from lkbuild.model.action import DeclaredOutput, Input
from lkbuild.model.artifact import Output
from lkbuild.model.attrs import Attr, Boolean, File, Integer, ListOf, String, Struct
from lkbuild.model.rule import RuleContext

_ID: Final = Integer(minimum=0, maximum=2**31)

FILES: Final = ListOf(
    item=Struct(
        fields={
            "path": Attr(type=String(), required=True, doc="Where, from the root."),
            "contents": Attr(type=String(lenient=True), doc="Its content."),
            "source": Attr(type=File(), doc="Its content, from a file or a target with one output."),
            "symlink": Attr(type=String(), doc="It is a symbolic link to this."),
            "directory": Attr(type=Boolean(), default=False, doc="It is a directory."),
            "mode": Attr(
                type=String(lenient=True, pattern="[0-7]{3,5}"), doc="Octal mode. Default: 0644, executables and directories 0755."
            ),
            "uid": Attr(type=_ID, default=0, doc="Owner."),
            "gid": Attr(type=_ID, default=0, doc="Group."),
        }
    )
)
_KINDS: Final = ("contents", "source", "symlink", "directory")


def files_layer(ctx: RuleContext, files: Iterable[Mapping[str, Any]], *, attr: str = "files", message: str = "") -> Output:
    """Emit the layer that holds some `files:` entries."""
    entries: list[dict[str, Any]] = []
    inputs: list[Input] = []
    for index, item in enumerate(files):
        given = [kind for kind in _KINDS if item[kind] not in (None, False)]
        if len(given) != 1:
            ctx.fail("a file has exactly one of contents, source, symlink, directory", attr=(attr, index))
        entry = _entry(item, given[0])
        if given[0] == "source":
            found = ctx.files(item["source"])
            if len(found) != 1:
                ctx.fail(f"the source has {len(found)} files, where one is needed", attr=(attr, index, "source"))
            entry["input"] = f"in/{index}"
            inputs.append(Input(entry["input"], found[0].artifact))
        entries.append(entry)
    return layer(ctx, entries, inputs, message=message)


def layer(ctx: RuleContext, entries: Iterable[Mapping[str, Any]], inputs: Iterable[Input] = (), *, message: str = "") -> Output:
    """Emit a layer of entries: path, kind (file, dir, symlink), mode, uid, gid, and contents, input (a path) or target."""
    text = json.dumps(list(entries), sort_keys=True)
    (output,) = ctx.builtin(
        "layer",
        1,
        [text],
        inputs=inputs,
        outputs=[DeclaredOutput("layer.tar")],
        message=message or f"layer of {ctx.label.short}",
    )
    return output


def _entry(item: Mapping[str, Any], kind: str) -> dict[str, Any]:
    entry: dict[str, Any] = {"path": item["path"].strip("/"), "uid": item["uid"], "gid": item["gid"]}
    if item["mode"]:
        entry["mode"] = int(item["mode"], 8)
    match kind:
        case "contents":
            entry |= {"kind": "file", "contents": item["contents"]}
        case "source":
            entry["kind"] = "file"
        case "symlink":
            entry |= {"kind": "symlink", "target": item["symlink"]}
        case _:
            entry["kind"] = "dir"
    return entry
