"""What a build came to: the value behind both the summary on the terminal and `--json`.

The JSON form is a promise (design 12): `version` changes when a field changes its meaning or goes. Values only.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from typing import Any, Final, TypeAlias

from lkbuild.base.digest import Digest
from lkbuild.base.errors import LkbuildError
from lkbuild.base.values import dataclass
from lkbuild.model.action import Source
from lkbuild.model.ports import RemoteUse

JSON_VERSION: Final = 1

#: Path, hash, size, and whether it is a directory: of a `BuiltOutput`, where there are thousands.
Written: TypeAlias = tuple[str, str, int, bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltOutput:
    """A file or directory that was asked for. `path` is absolute, under lkbuild-out/."""

    path: str
    digest: Digest
    tree: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetReport:
    """One requested target.

    Attributes:
        state: `built`, `up_to_date`, `failed`, `skipped`; for tests `passed`, `failed`, `skipped`, or `incompatible`: a wildcard found
            it, and it can't be built for that architecture.
        reason: why it is incompatible.
    """

    label: str
    configuration: str
    key: str
    state: str
    outputs: tuple[BuiltOutput, ...] = ()
    log: str | None = None
    reason: str | None = None

    def written(self) -> Iterator[Written]:
        """The outputs as plain values."""
        return ((output.path, output.digest.hash, output.digest.size, output.tree) for output in self.outputs)


class Targets(Sequence[TargetReport]):
    """Reports of many targets, each of which is made when somebody looks at it."""

    @abstractmethod
    def written(self) -> Iterator[Written]:
        """The outputs of all, without making anything."""

    def __eq__(self, other: object) -> bool:
        return tuple(self) == tuple(other) if isinstance(other, tuple | Targets) else NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildReport:
    """All that a build has to say.

    Attributes:
        counts: actions by class; each action is in one.
        executed: labels with mnemonics of the actions that ran, in order of completion.
        fetched_bytes: bytes downloaded.
        saved_seconds: recorded times of the actions that did not have to run.
        critical_path: of what ran, the chain that took longest: `//label mnemonic` and seconds each.
        remote: what went over the wire to remote caches.
    """

    elapsed_s: float
    targets: Sequence[TargetReport] = ()
    counts: Mapping[Source, int] = field(default_factory=dict)
    executed: tuple[str, ...] = ()
    errors: tuple[LkbuildError, ...] = ()
    fetched_bytes: int = 0
    saved_seconds: float = 0.0
    critical_path: tuple[tuple[str, float], ...] = ()
    remote: RemoteUse = field(default_factory=RemoteUse)

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return not self.errors

    @property
    def exit_code(self) -> int:
        """0, or the code of the first error."""
        return self.errors[0].exit_code if self.errors else 0

    def written(self) -> Iterator[Written]:
        """The outputs of all targets, in order."""
        targets = self.targets
        return targets.written() if isinstance(targets, Targets) else (output for target in targets for output in target.written())

    def to_json(self) -> dict[str, Any]:
        """The promised form."""
        return {
            "version": JSON_VERSION,
            "ok": self.ok,
            "exit_code": self.exit_code,
            "elapsed_s": round(self.elapsed_s, 3),
            "targets": [_target(target) for target in self.targets],
            "counts": {source.value: self.counts.get(source, 0) for source in Source},
            "executed": list(self.executed),
            "fetched_bytes": self.fetched_bytes,
            "critical_path": [{"action": name, "seconds": round(seconds, 3)} for name, seconds in self.critical_path],
            "remote": use_json(self.remote),
            "errors": [error_json(one) for error in self.errors for one in error.each()],
        }


def use_json(use: RemoteUse) -> dict[str, Any]:
    """Requests to remotes and the bytes of their messages, of all together and of each."""
    return {
        "round_trips": use.round_trips,
        "bytes_up": use.bytes_up,
        "bytes_down": use.bytes_down,
        "remotes": [
            {
                "url": peer.url,
                "hits": peer.hits,
                "misses": peer.misses,
                "requests": peer.requests,
                "failures": peer.failures,
                "bytes_up": peer.bytes_up,
                "bytes_down": peer.bytes_down,
                "answers": sum(peer.answers),
                "answer_s": round(peer.answer_seconds, 6),
            }
            for peer in use.remotes
        ],
    }


def error_json(error: LkbuildError) -> dict[str, Any]:
    """An error as JSON: class, label, file, line, column, message, hint."""
    where = error.position
    return {
        "class": type(error).__name__,
        "label": error.label,
        "file": where.file if where else None,
        "line": where.line if where else None,
        "column": where.column if where else None,
        "message": error.message,
        "hint": error.hint,
    }


def _target(target: TargetReport) -> dict[str, Any]:
    outputs = [
        {"path": item.path, "digest": f"blake3:{item.digest.hash}", "size": item.digest.size, "tree": item.tree} for item in target.outputs
    ]
    return {
        "label": target.label,
        "configuration": target.configuration,
        "key": target.key,
        "state": target.state,
        "outputs": outputs,
        "log": target.log,
        **({"reason": target.reason} if target.reason else {}),
    }
