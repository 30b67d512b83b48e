"""Puts the parts of an execution together: store, sandbox, fetcher, folders. Does not run anything itself."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from lkbuild.app.fetching import make_fetcher
from lkbuild.app.options import BuildOptions
from lkbuild.app.remotes import open_remotes
from lkbuild.app.session import Session
from lkbuild.base.errors import StoreError
from lkbuild.execution.build import BuildLoop
from lkbuild.execution.runner import RunnerParts
from lkbuild.execution.scratch import ScratchPool
from lkbuild.execution.strategies.sandboxed import Sandboxed
from lkbuild.model.events import EventSink
from lkbuild.sandbox.bubblewrap import BubblewrapSandbox
from lkbuild.sandbox.buildx import Buildx


def make_buildx(options: BuildOptions) -> Buildx:
    """The client of a Docker engine that the user has set up. Nothing is looked for before something is built by it."""
    builders = [text.rpartition("=") for text in options.builders]
    return Buildx(environment=options.environment, builders={arch: name for arch, _, name in builders})


@contextlib.contextmanager
def make_loop(session: Session, sink: EventSink) -> Iterator[BuildLoop]:
    """The build loop of a session; its scratch folder is removed at the end."""
    # In a store that can't be written nothing can be built, but what it knows can be asked for.
    folder = session.store.scratch if session.store.writable else None
    try:
        scratch = tempfile.TemporaryDirectory(prefix="build-", dir=folder, ignore_cleanup_errors=True)
    except OSError as error:
        raise StoreError(f"can't write to {session.options.cache}: {error.strerror}", hint="give another --cache") from error
    with contextlib.ExitStack() as stack:
        path = stack.enter_context(scratch)
        blobs, remote = stack.enter_context(open_remotes(session, sink))
        pool = ScratchPool(Path(path))
        sandboxed = Sandboxed(
            sandbox=BubblewrapSandbox(),
            blobs=blobs,
            scratch=pool,
            failures=session.state / "failed",
            cpus=os.cpu_count() or 1,
            remote=remote,
        )
        parts = RunnerParts(
            blobs=blobs,
            actions=session.store.actions,
            strategy=sandboxed,
            images=make_buildx(session.options),
            fetcher=make_fetcher(session),
            sources=session.sources,
            sink=sink,
            scratch=pool,
            cancelled=session.options.cancel,
            remote=remote,
        )
        yield BuildLoop(parts)
