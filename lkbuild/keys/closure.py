"""The key of a target's closure: where what was last built of a target is found. Analysis is enough to tell it; no file is read for it.

It names the target and not its content, so that who has changed one source still finds what all the others were made to.
"""

from __future__ import annotations

from typing import Final

from lkbuild.base import wire
from lkbuild.base.digest import Digest
from lkbuild.model.configuration import NodeKey

_TAG: Final = "lkbuild.closure.v1"


def closure_key(workspace: str, node: NodeKey, group: str | None) -> Digest:
    """That of a target's default outputs, or of one group of them, in the workspace of that name."""
    configuration = node.configuration
    words = (_TAG, workspace, node.label.short, group or "", configuration.arch, configuration.exec_arch)
    settings = (wire.message(2, wire.text(1, name) + wire.text(2, value)) for name, value in configuration.settings)
    return Digest.of(b"".join((*(wire.message(1, word.encode()) for word in words), *settings)))
