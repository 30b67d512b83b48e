"""Providers that the engine itself understands. Rules add their own kinds in rules/providers.py.

A provider is a frozen dataclass; a target gives at most one of each class. The engine looks at these only: what to
materialise, what to run, what to test.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field

from lkbuild.base.values import dataclass
from lkbuild.model.action import ActionSpec, Input
from lkbuild.model.artifact import NamedArtifact, Output


@dataclass(frozen=True, slots=True)
class Files:
    """Default outputs: what `lkbuild //t` builds and what a file attribute that names the target gets."""

    files: tuple[NamedArtifact, ...]


@dataclass(frozen=True, slots=True)
class OutputGroups:
    """Further outputs by name: `//images:desktop.iso` is group `iso` of `//images:desktop`. Built only when asked for."""

    groups: Mapping[str, tuple[NamedArtifact, ...]]


@dataclass(frozen=True, slots=True)
class Joint:
    """Output groups that are one thing for several architectures together, as an index of images is.

    Attributes:
        groups: by name, the builtin that joins them and its version. Each architecture's output is an input of the architecture's name.
    """

    groups: Mapping[str, tuple[str, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Runnable:
    """What `lkbuild run //t` starts: a command in a sandbox with the caller's terminal.

    Attributes:
        spec: the command; options of `lkbuild run` are appended to its arguments as `--name=value`.
        options: names of the options that it takes (publish, disk, mem, cpus, ...), with one line of help each.
        network: it may use the host's network (for port forwarding).
        devices: device files of the host that it gets where they exist (/dev/kvm).
        extras: by option, what the command needs only with it: else it is neither built nor fetched.
    """

    spec: ActionSpec
    options: Mapping[str, str] = field(default_factory=dict)
    network: bool = False
    devices: tuple[str, ...] = ()
    extras: Mapping[str, tuple[Input, ...]] = field(default_factory=dict)

    def inputs(self, options: Iterable[str]) -> tuple[Input, ...]:
        """What it needs with some options."""
        chosen = dict.fromkeys(item for name in options for item in self.extras.get(name, ()))
        return (*self.spec.inputs, *chosen)


@dataclass(frozen=True, slots=True)
class Test:
    """What `lkbuild test //t` builds: an action that fails when the test does. `log` is its readable report."""

    __test__ = False  # pytest collects classes of this name
    log: Output


@dataclass(frozen=True, slots=True, kw_only=True)
class Locked:
    """A lock file that `lkbuild lock` keeps: what kind it is, where it lies, and what it must hold.

    Attributes:
        kind: names the resolver (`deb`, `http`, `pypi`).
        path: workspace-relative path of the lock file.
        request: what the target asks for, as JSON text: each kind defines its own form.
        content: the lock as loaded.
    """

    kind: str
    path: str
    request: str
    content: str
