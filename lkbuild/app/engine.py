"""Puts the parts of an execution together: store, strategy, fetcher, folders. Does not run anything itself."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from lkbuild.app.fetching import make_fetcher
from lkbuild.app.remotes import open_remotes
from lkbuild.app.session import Session
from lkbuild.app.strategy import make_images, make_strategy
from lkbuild.base.errors import StoreError
from lkbuild.execution.build import BuildLoop
from lkbuild.execution.runner import RunnerParts
from lkbuild.execution.scratch import ScratchPool
from lkbuild.model.events import EventSink
from lkbuild.sandbox.folders import remove_tree


@contextlib.contextmanager
def _scratch(session: Session) -> Iterator[Path]:
    """A folder of this build's. What can't be removed at its end goes with the store's lease."""
    if not session.store.writable:
        import tempfile  # noqa: PLC0415 - not for most builds

        # In a store that can't be written nothing can be built, but what it knows can be asked for.
        with tempfile.TemporaryDirectory(prefix="build-", ignore_cleanup_errors=True) as name:
            yield Path(name)
        return
    folder = session.store.scratch / f"build-{os.urandom(6).hex()}"
    try:
        folder.mkdir(mode=0o700)
    except OSError as error:
        raise StoreError(f"can't write to {session.options.cache}: {error.strerror}", hint="give another --cache") from error
    try:
        yield folder
    finally:
        remove_tree(folder)


@contextlib.contextmanager
def make_loop(session: Session, sink: EventSink) -> Iterator[BuildLoop]:
    """The build loop of a session; its scratch folder is removed at the end."""
    with contextlib.ExitStack() as stack:
        pool = ScratchPool(stack.enter_context(_scratch(session)))
        opened = stack.enter_context(open_remotes(session, sink))
        parts = RunnerParts(
            blobs=opened.blobs,
            actions=session.store.actions,
            strategy=make_strategy(session, opened, pool, sink),
            images=make_images(session.options, sink),
            fetcher=make_fetcher(session),
            sources=session.sources,
            sink=sink,
            scratch=pool,
            cancelled=session.options.cancel,
            remote=opened.remote,
        )
        yield BuildLoop(parts)
