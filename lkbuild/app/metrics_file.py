"""`--metrics FILE`: what builds asked of remote caches, for Prometheus, by the textfile collector of its node exporter.

Counters go on from what the file holds, so that rates over many builds of a machine are right; a file that is gone starts at nothing, as
every counter may. Readers see the old file or the new one. Does not know what is displayed.
Source: prometheus.io/docs/instrumenting/exposition_formats (text-based format), node_exporter's textfile collector.
"""

from __future__ import annotations

import fcntl
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import accumulate
from pathlib import Path
from typing import Final

from lkbuild.base.atomic import write_atomic
from lkbuild.base.errors import UsageError
from lkbuild.base.values import dataclass
from lkbuild.model.events import BuildFinished, Event
from lkbuild.model.ports import ANSWER_SECONDS, PeerUse

_LIMIT: Final = 16 << 20
_LINE: Final = re.compile(r"(?P<series>lkbuild_\w+(?:\{[^\n]*\})?) (?P<value>[0-9.e+-]+)")


@dataclass(frozen=True, slots=True)
class Family:
    """Metrics of one name: their type and what they are."""

    name: str
    kind: str
    doc: str


_BUILDS: Final = Family("lkbuild_builds_total", "counter", "Builds that ended, by whether all went well.")
_LAST: Final = Family("lkbuild_last_build_timestamp_seconds", "gauge", "When the last build ended.")
_ANSWERS: Final = Family("lkbuild_remote_answer_seconds", "histogram", "How long remotes took to answer, transfers over streams left out.")
_RESULTS: Final = Family(
    "lkbuild_remote_results_total", "counter", "Results of actions that remotes were asked for, by whether they had them."
)
_REQUESTS: Final = Family("lkbuild_remote_requests_total", "counter", "Requests to remotes.")
_FAILURES: Final = Family("lkbuild_remote_failures_total", "counter", "Requests to remotes that failed.")
_SENT: Final = Family("lkbuild_remote_sent_bytes_total", "counter", "Bytes of messages to remotes.")
_RECEIVED: Final = Family("lkbuild_remote_received_bytes_total", "counter", "Bytes of messages from remotes.")
FAMILIES: Final = (_BUILDS, _LAST, _RESULTS, _REQUESTS, _FAILURES, _SENT, _RECEIVED, _ANSWERS)
_FIRST: Final = f"# HELP {FAMILIES[0].name} "


class MetricsFile:
    """Adds a build to a file when it has ended. `failure`: why it could not, if so."""

    def __init__(self, path: Path, now: Callable[[], float] = time.time) -> None:
        """Raises UsageError where the file could not be written, or is somebody else's."""
        self._path, self._now = path, now
        self.failure: str | None = None
        if not os.access(path.parent, os.W_OK | os.X_OK):
            raise UsageError(f"can't write metrics to {path.parent}", hint="--metrics FILE names a file in a folder that exists")
        try:
            text = _read(path)
        except (OSError, ValueError) as error:
            raise UsageError(f"can't read {path}: {error}", hint="--metrics FILE goes on from what the file holds") from error
        if text and not text.startswith(_FIRST):
            raise UsageError(f"{path} holds something else than metrics of lkbuild", hint="give a file of its own")

    def emit(self, event: Event) -> None:
        """Take one event."""
        if isinstance(event, BuildFinished):
            try:
                self._add(event)
            except (OSError, ValueError) as error:
                self.failure = f"no metrics were written to {self._path}: {error}"

    def _add(self, event: BuildFinished) -> None:
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)  # of the folder, for the file is another one each time
            before = parsed(_read(self._path))
            write_atomic(self._path, rendered(before, event, self._now()).encode())
        finally:
            os.close(folder)


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_LIMIT).decode()
    except FileNotFoundError:
        return ""


def parsed(text: str) -> dict[str, float]:
    """What a file of ours holds, by series. Raises ValueError for what none of ours holds."""
    found: dict[str, float] = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            match = _LINE.fullmatch(line)
            if match is None:
                raise ValueError(f"it holds '{line[:60]}'")
            found[match["series"]] = float(match["value"])
    return found


def rendered(before: Mapping[str, float], event: BuildFinished, now: float) -> str:
    """The file after one more build."""
    news: dict[str, dict[str, float]] = {family.name: {} for family in FAMILIES}
    # Of both outcomes from the first build on: a rate needs a value before the first failure.
    for ok in (True, False):
        news[_BUILDS.name][f'{_BUILDS.name}{{outcome="{"success" if ok else "failure"}"}}'] = float(ok == event.ok)
    for peer in event.remote.remotes:
        for family, series, value in _series(peer):
            news[family.name][series] = value
    families = {name: dict(series) for name, series in news.items()}
    for series, value in before.items():
        name = _family_of(series)
        if name in families and name != _LAST.name:
            families[name][series] = families[name].get(series, 0.0) + value
    families[_LAST.name] = {_LAST.name: now}
    lines: list[str] = []
    for family in FAMILIES:
        lines += [f"# HELP {family.name} {family.doc}", f"# TYPE {family.name} {family.kind}"]
        lines += [f"{series} {_number(value)}" for series, value in families[family.name].items()]
    return "\n".join([*lines, ""])


def _series(peer: PeerUse) -> Iterator[tuple[Family, str, float]]:
    remote = f'remote="{_escaped(peer.url)}"'
    yield _RESULTS, f'{_RESULTS.name}{{{remote},outcome="hit"}}', peer.hits
    yield _RESULTS, f'{_RESULTS.name}{{{remote},outcome="miss"}}', peer.misses
    for family, value in ((_REQUESTS, peer.requests), (_FAILURES, peer.failures), (_SENT, peer.bytes_up), (_RECEIVED, peer.bytes_down)):
        yield family, f"{family.name}{{{remote}}}", value
    bounds = [*(f"{bound:g}" for bound in ANSWER_SECONDS), "+Inf"]
    for bound, count in zip(bounds, accumulate(peer.answers), strict=True):
        yield _ANSWERS, f'{_ANSWERS.name}_bucket{{{remote},le="{bound}"}}', count
    yield _ANSWERS, f"{_ANSWERS.name}_sum{{{remote}}}", peer.answer_seconds
    yield _ANSWERS, f"{_ANSWERS.name}_count{{{remote}}}", sum(peer.answers)


def _family_of(series: str) -> str:
    name = series.partition("{")[0]
    return _ANSWERS.name if name.startswith(_ANSWERS.name) else name


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)
