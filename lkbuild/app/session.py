"""One command's view of the world: workspace, rules, store and configuration, opened together and closed together.

The one place where options become objects. Does not know what the command does with them.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from lkbuild.analysis.analyzer import Analyzer
from lkbuild.analysis.load_rules import RuleRegistry
from lkbuild.app.options import BuildOptions
from lkbuild.base.checkpoint import Checkpoint, checkpoint
from lkbuild.base.digest import Digest
from lkbuild.base.errors import UsageError, nearest
from lkbuild.base.values import dataclass
from lkbuild.execution.sources import SourceDigests
from lkbuild.loading.workspace import WorkspaceLoader, find_workspace
from lkbuild.model.configuration import ARCHES, MACHINES, Configuration
from lkbuild.store.disk import DiskStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What is in memory of a workspace: a process that builds several times keeps it as long as nothing of it has changed."""

    root: Path
    rules: RuleRegistry
    loader: WorkspaceLoader
    analyzer: Analyzer

    @classmethod
    def of(cls, root: Path, rules: RuleRegistry | None = None, *, parsed: Path | None = None) -> Self:
        """That of a workspace, of which nothing is read yet but the rules that are given. `parsed`: where packages are remembered."""
        registry = rules or RuleRegistry.of_workspace(root)
        loader = WorkspaceLoader(root, registry.get, registry.names, parsed=parsed)
        analyzer = Analyzer(target=lambda label, referrer: loader.target(label, referrer=referrer), rule=registry.get, tool=registry.tool)
        return cls(root=root, rules=registry, loader=loader, analyzer=analyzer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What a use case works with.

    Attributes:
        options: as given.
        root: the workspace.
        rules, loader, analyzer: of the workspace.
        store: the user's.
        sources: digests of the workspace's files.
        state: a folder for what is remembered of this workspace, in the cache.
        out: where outputs go.
        checkpoint: raises Interrupted once this command was to stop. What is loaded is others', too, and is handed it call by call.
    """

    options: BuildOptions
    root: Path
    rules: RuleRegistry
    loader: WorkspaceLoader
    analyzer: Analyzer
    store: DiskStore
    sources: SourceDigests
    state: Path
    out: Path
    checkpoint: Checkpoint

    def configurations(self) -> tuple[Configuration, ...]:
        """What to build for: each architecture asked for, with the workspace's settings. Raises UsageError."""
        settings = self._settings()
        arches = self.options.arches or (host_arch(),)
        return tuple(Configuration(arch=arch, exec_arch=host_arch(), settings=settings) for arch in arches)

    def looked_at(self) -> Iterator[str]:
        """Paths of all that was read so far, absolute or relative to the workspace; some may not exist."""
        yield from self.sources.looked_at()
        yield from self.loader.looked_at()
        yield from self.rules.looked_at()

    def _settings(self) -> tuple[tuple[str, str], ...]:
        workspace = self.loader.workspace
        chosen = {name: setting.values[0] for name, setting in workspace.settings.items()}
        for name in self.options.configs:
            if name not in workspace.configs:
                known = ", ".join(workspace.configs) or "none"
                raise UsageError(f"unknown configuration '{name}'", hint=nearest(name, workspace.configs) or f"the workspace has: {known}")
            chosen.update(workspace.configs[name])
        return tuple(sorted(chosen.items()))


def host_arch() -> str:
    """This machine's architecture, in Debian's names. Raises UsageError for one that lkbuild does not know."""
    machine = os.uname().machine
    if machine not in MACHINES:
        raise UsageError(f"this machine is a {machine}", hint=f"give --arch; lkbuild runs on {', '.join(ARCHES)}")
    return MACHINES[machine]


def state_folder(cache: Path, root: Path) -> Path:
    """Where a workspace's memory is."""
    return cache / "workspaces" / Digest.of(os.fsencode(root)).short


@contextlib.contextmanager
def open_session(options: BuildOptions, loaded: Loaded | None = None) -> Iterator[Session]:
    """Open everything for the workspace that the options mean, and close it again; what is `loaded` is not loaded again."""
    root = loaded.root if loaded else options.workspace or find_workspace(options.cwd)
    state = state_folder(options.cache, root)
    loaded = loaded or Loaded.of(root, parsed=state / "parsed")
    store = DiskStore.open(options.cache)
    check = checkpoint(options.cancel)
    sources = SourceDigests(root, state / "sources", check)
    session = Session(
        options=options,
        root=root,
        rules=loaded.rules,
        loader=loaded.loader,
        analyzer=loaded.analyzer,
        store=store,
        sources=sources,
        state=state,
        out=options.out or root / "lkbuild-out",
        checkpoint=check,
    )
    try:
        yield session
    finally:
        sources.save()
        store.close()
