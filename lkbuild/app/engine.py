"""Puts the parts of an execution together: store, strategy, fetcher, folders. Does not run anything itself."""

from __future__ import annotations

import contextlib
import tempfile
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
        opened = stack.enter_context(open_remotes(session, sink))
        pool = ScratchPool(Path(path))
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
