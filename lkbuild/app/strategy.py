"""From options to where commands run. Does not run anything itself."""

from __future__ import annotations

import os

from lkbuild.app.options import BuildOptions
from lkbuild.app.remotes import Opened, engine_policy
from lkbuild.app.session import Session, host_arch
from lkbuild.execution.scratch import ScratchPool
from lkbuild.execution.strategies.engine_first import EngineFirst
from lkbuild.execution.strategies.on_engine import OnEngine, Waiting
from lkbuild.execution.strategies.sandboxed import Sandboxed
from lkbuild.execution.strategies.worker import Workers
from lkbuild.model.cache_policy import RemotePolicy
from lkbuild.model.configuration import ISA
from lkbuild.model.events import EventSink, Notice
from lkbuild.model.ports import ImageBuilder, Sandbox, Strategy
from lkbuild.sandbox.bubblewrap import BubblewrapSandbox
from lkbuild.sandbox.buildx import Buildx
from lkbuild.sandbox.emulation import Wary
from lkbuild.sandbox.launched import find_launcher
from lkbuild.sandbox.plan import UID

_DYNAMIC = "dynamic"
_BUILDX = "buildx"
#: How long a command waits in an engine's queue before it is begun here as well: longer than an engine that is free takes to begin.
_WAIT_S = 2.0
#: How long nothing runs on an engine before that is told: one that has no worker of the kind asked for does not say so.
_QUEUED_S = 30.0


def make_strategy(session: Session, opened: Opened, scratch: ScratchPool, sink: EventSink) -> Strategy:
    """The strategy of a session. Raises UsageError."""
    cpus = os.cpu_count() or 1
    failures = session.state / "failed"
    in_buildx = session.options.strategy == _BUILDX
    sandboxed = Sandboxed(
        sandbox=_in_buildx(session.options) if in_buildx else BubblewrapSandbox(launcher=find_launcher()),
        blobs=opened.blobs,
        scratch=scratch,
        failures=failures,
        cpus=cpus,
        remote=opened.remote,
    )
    if opened.engine is None:
        return sandboxed
    policy = engine_policy(session)
    # Who trusts builders' keys does not trust what anyone may have written into the engine's action cache.
    asked = workers(policy)
    properties = ", ".join(f"{name}={value}" for name, value in asked.platform)
    text = f"remote {policy.url}: no command has run there for {_QUEUED_S:g} s; they ask for workers with {properties}"
    away = OnEngine(
        engine=opened.engine,
        workers=asked,
        blobs=opened.blobs,
        failures=failures,
        fresh=policy.signed,
        waiting=Waiting(lambda: sink.emit(Notice(text=text)), _QUEUED_S),
    )
    return EngineFirst(
        away,
        sandboxed,
        places=session.options.jobs or cpus,
        wait_s=_WAIT_S if session.options.strategy == _DYNAMIC else None,
        tell=lambda text: sink.emit(Notice(text=text)),
        required=session.options.remote_required,
    )


def _in_buildx(options: BuildOptions) -> Sandbox:
    from lkbuild.sandbox.buildx_sandbox import BuildxSandbox  # noqa: PLC0415 - not for most builds

    return BuildxSandbox(make_buildx(options), host_arch())


def make_buildx(options: BuildOptions) -> Buildx:
    """The client of a Docker engine that the user has set up. Nothing is looked for before something is built by it."""
    builders = [text.rpartition("=") for text in options.builders]
    return Buildx(environment=options.environment, builders={arch: name for arch, _, name in builders}, offline=options.offline)


def make_images(options: BuildOptions, sink: EventSink) -> ImageBuilder:
    """What builds Dockerfiles, and says what of it is slow."""
    return Wary(make_buildx(options), lambda text: sink.emit(Notice(text=text)))


def workers(policy: RemotePolicy) -> Workers:
    """What is asked of a remote's workers: this architecture, and the sandbox's user by the properties that buildbox has for it."""
    usual = (("ISA", ISA[host_arch()]), ("OSFamily", "linux"), ("unixGID", str(UID)), ("unixUID", str(UID)))
    return Workers(platform=usual if policy.platform is None else policy.platform, cpus=policy.worker_cpus)
