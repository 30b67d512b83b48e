"""What the command line and the environment say about a build: one frozen value that every use case takes.

Made in lkbuild.cli.options only. It knows no flag's spelling, and does not look for the workspace: the use case does.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path

from lkbuild.app.cancel import Cancel
from lkbuild.base.values import dataclass


def new_invocation() -> str:
    """A name that no other build has: `20261122-033000.125-9f2c`, UTC."""
    now = time.time()
    return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime(now))}.{int(now * 1000) % 1000:03}-{os.urandom(2).hex()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildOptions:
    """Options that use cases share.

    Attributes:
        cwd: where the command was given, absolute; relative patterns and paths mean from there.
        cache: the store's folder, absolute; it may not exist yet.
        workspace: the workspace's root, absolute; None: found from `cwd` upwards.
        out: where outputs are materialised; None: `lkbuild-out` in the workspace.
        arches: target architectures in the order given, without repeats; empty: the host's.
        configs: names of the workspace's `configs:`, applied in this order.
        jobs: actions at a time; None: as many as there are CPUs.
        strategy: where commands run: `sandbox`, `buildx`, `remote`, `dynamic`.
        remote_jobs: commands at a time on an engine; None: a number that keeps one busy.
        keep_going: after a failure, go on with what does not depend on it.
        offline: nothing is fetched.
        check: run what would be a hit again, and compare the outputs.
        dry_run: plan, run nothing.
        remotes: URLs of remote caches, before those of the policy; "off": none at all.
        remote_required: a remote that fails is an error.
        signing_key: a private key to sign what is published; None: that of the user's configuration, if there is one.
        strict_trust: a remote result that no trusted key has signed is an error, whatever the policy says of its remote.
        builders: builders of buildx: a name for all architectures, or `ARCH=NAME` for one.
        download: whose bytes of remote results are wanted: `all`, `toplevel`, `none`.
        events: a file that takes what happens, as JSON lines; None: none.
        metrics: a file that counts what remotes were asked and gave; None: none.
        verbose: logs of actions that succeed are wanted too.
        environment: the environment of the process, as it was at the start.
        cancel: set by Ctrl-C.
        invocation: names this build in records, traces and events; names sort by time.
    """

    cwd: Path
    cache: Path
    workspace: Path | None = None
    out: Path | None = None
    arches: tuple[str, ...] = ()
    configs: tuple[str, ...] = ()
    jobs: int | None = None
    strategy: str = "sandbox"
    remote_jobs: int | None = None
    keep_going: bool = False
    offline: bool = False
    check: bool = False
    dry_run: bool = False
    remotes: tuple[str, ...] = ()
    remote_required: bool = False
    signing_key: Path | None = None
    strict_trust: bool = False
    builders: tuple[str, ...] = ()
    download: str = "toplevel"
    events: Path | None = None
    metrics: Path | None = None
    verbose: bool = False
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    cancel: Cancel = field(default_factory=Cancel, compare=False, repr=False)
    invocation: str = field(default_factory=new_invocation, compare=False, repr=False)

    @property
    def away(self) -> bool:
        """Whether commands run on a remote that executes."""
        return self.strategy in {"remote", "dynamic"}
