"""From options to where commands run. Does not run anything itself."""

from __future__ import annotations

import os

from lkbuild.app.remotes import Opened, engine_policy
from lkbuild.app.session import Session, host_arch
from lkbuild.execution.scratch import ScratchPool
from lkbuild.execution.strategies.engine_first import EngineFirst
from lkbuild.execution.strategies.on_engine import OnEngine
from lkbuild.execution.strategies.sandboxed import Sandboxed
from lkbuild.execution.strategies.worker import Workers
from lkbuild.model.cache_policy import RemotePolicy
from lkbuild.model.configuration import ISA
from lkbuild.model.events import EventSink, Notice
from lkbuild.model.ports import Strategy
from lkbuild.sandbox.bubblewrap import BubblewrapSandbox
from lkbuild.sandbox.plan import UID

_DYNAMIC = "dynamic"
#: How long a command waits in an engine's queue before it is begun here as well: longer than an engine that is free takes to begin.
_WAIT_S = 2.0


def make_strategy(session: Session, opened: Opened, scratch: ScratchPool, sink: EventSink) -> Strategy:
    """The strategy of a session. Raises UsageError."""
    cpus = os.cpu_count() or 1
    failures = session.state / "failed"
    sandboxed = Sandboxed(
        sandbox=BubblewrapSandbox(), blobs=opened.blobs, scratch=scratch, failures=failures, cpus=cpus, remote=opened.remote
    )
    if opened.engine is None:
        return sandboxed
    policy = engine_policy(session)
    # Who trusts builders' keys does not trust what anyone may have written into the engine's action cache.
    away = OnEngine(engine=opened.engine, workers=workers(policy), blobs=opened.blobs, failures=failures, fresh=policy.signed)
    dynamic = session.options.strategy == _DYNAMIC
    if session.options.remote_required and not dynamic:
        return away
    return EngineFirst(
        away,
        sandboxed,
        places=session.options.jobs or cpus,
        wait_s=_WAIT_S if dynamic else None,
        tell=lambda text: sink.emit(Notice(text=text)),
    )


def workers(policy: RemotePolicy) -> Workers:
    """What is asked of a remote's workers: this architecture, and the sandbox's user by the properties that buildbox has for it."""
    usual = (("ISA", ISA[host_arch()]), ("OSFamily", "linux"), ("unixGID", str(UID)), ("unixUID", str(UID)))
    return Workers(platform=usual if policy.platform is None else policy.platform, cpus=policy.worker_cpus)
