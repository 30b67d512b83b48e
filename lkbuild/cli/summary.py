"""The line that ends a build. One line, most of it counts; knows reports, not builds."""

from __future__ import annotations

from typing import Final

from lkbuild.cli.console import Style
from lkbuild.cli.quantities import about, duration, size
from lkbuild.model.action import Source
from lkbuild.model.ports import RemoteUse
from lkbuild.model.report import BuildReport

#: Class of an action to its name in the summary and its colour, in the order shown.
COUNTED: Final = (
    (Source.FAILED, "failed", "red"),
    (Source.EXECUTED, "built", "green"),
    (Source.LOCAL_HIT, "local hits", "cyan"),
    (Source.REMOTE_HIT, "remote hits", "cyan"),
    (Source.UP_TO_DATE, "up to date", "dim"),
    (Source.SKIPPED, "skipped", "yellow"),
)

#: So many actions of a critical path are named.
_SHOWN: Final = 3


def summary(report: BuildReport, style: Style | None = None) -> str:
    """`built 12 · local hits 230 · up to date 9717 · 38.2 s · downloaded 212 MiB · saved ~14 min`."""
    before, after = around_duration(report, style)
    return before + duration(report.elapsed_s) + after


def around_duration(report: BuildReport, style: Style | None = None) -> tuple[str, str]:
    """What stands before and behind the time that it took: a snapshot keeps these."""
    paint = style or Style()
    parts = [paint(f"{name} {report.counts[source]}", color) for source, name, color in COUNTED if report.counts.get(source)]
    if not parts:
        parts = ["nothing to do"] if report.ok else [paint("failed", "red")]
    length = sum(seconds for _, seconds in report.critical_path)
    path = " → ".join(_ends([name for name, _ in report.critical_path])) if length >= 1 else ""
    tail = [f" (critical path {duration(length)}: {path})" if path else ""]
    if report.fetched_bytes:
        tail.append(f"downloaded {size(report.fetched_bytes)}")
    if report.remote.round_trips:
        use = report.remote
        tail.append(f"remote {size(use.bytes_down)} down, {size(use.bytes_up)} up in {use.round_trips} requests{_answers(use)}")
    if report.saved_seconds >= 1:
        tail.append(f"saved {about(report.saved_seconds)}")
    return " · ".join([*parts, ""]), " · ".join(tail)


def _answers(use: RemoteUse) -> str:
    """How many of the results that were asked for were there, and how long an answer took on the average."""
    hits, asked = sum(peer.hits for peer in use.remotes), sum(peer.hits + peer.misses for peer in use.remotes)
    found = f", {hits} of {asked} results" if asked else ""
    count, seconds = sum(sum(peer.answers) for peer in use.remotes), sum(peer.answer_seconds for peer in use.remotes)
    return f"{found}, {1000 * seconds / count:.1f} ms an answer" if count else found


def _ends(names: list[str]) -> list[str]:
    """A long path by its ends: `--json` and the trace have all of it."""
    return names if len(names) <= _SHOWN else [names[0], f"{len(names) - 2} more", names[-1]]
