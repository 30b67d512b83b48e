"""Builtins that move bytes: fetch, concat, stamp. They do not look inside what they move."""

from __future__ import annotations

import re
from typing import Final

from lkbuild.base.errors import BuildFailed
from lkbuild.execution.builtin_call import BuiltinCall
from lkbuild.model.action import OutputFile

_STAMP: Final = re.compile(rb"@\{id:([^{}]+)\}")


def fetch(call: BuiltinCall) -> tuple[OutputFile]:
    """Bring one file from outside. Arguments: `sha256:<hex>`, size in bytes or "-", optionally `executable`."""
    sha256 = call.arguments[0].removeprefix("sha256:")
    size = None if call.arguments[1] == "-" else int(call.arguments[1])
    digest = call.fetcher.fetch(call.sources, sha256, size, call.progress)
    return call.made(digest, executable="executable" in call.arguments[2:])


def concat(call: BuiltinCall) -> tuple[OutputFile]:
    """Join files in the order of the inputs; the same content a second time is left out where the argument is `unique`."""
    digests = [file.digest for _, file in call.files()]
    if "unique" in call.arguments:
        digests = list(dict.fromkeys(digests))
    return call.made(call.blobs.put_parts(digests))


def stamp(call: BuiltinCall) -> tuple[OutputFile]:
    """Write a text in which `@{id:PATH}` stands for the short digest of the input PATH. Argument: the name of the text's input."""

    def name(match: re.Match[bytes]) -> bytes:
        path = match.group(1).decode()
        if path not in call.inputs:
            raise BuildFailed(f"the text names the input {path}, which there is not")
        return call.file(path).digest.short.encode()

    text = call.blobs.get_bytes(call.file(call.arguments[0]).digest)
    return call.made(call.blobs.put_bytes(_STAMP.sub(name, text)))
