"""Use case: build an image's disk in the format that a destination takes, and send it there; or tell what would be sent.

Does not know destinations (lkbuild.clouds does).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from lkbuild.app.build import build
from lkbuild.app.options import BuildOptions
from lkbuild.base.errors import UsageError
from lkbuild.base.values import dataclass
from lkbuild.clouds.choose import destination
from lkbuild.clouds.destination import Disk
from lkbuild.model.events import EventSink


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What a push came to: `reference` is what the destination calls it; None for a dry run, whose `steps` were not done."""

    reference: str | None
    steps: tuple[str, ...]
    digest: str


def push_disk(options: BuildOptions, label: str, address: str, sink: EventSink, note: Callable[[str], None]) -> Sent:
    """Build the format of the destination, or the one that the label names, and send it. With `dry_run` nothing is sent, but it is built.

    Raises:
        UsageError: an address that is none, a label that selects no single disk.
        LkbuildError: it could not be built, or the destination refuses.
    """
    where = destination(address)
    if options.offline and not options.dry_run:
        raise UsageError("--offline: a push needs the network", hint="`lkbuild build` writes the disk alone")
    asked = label if "." in label.rpartition("/")[2].rpartition(":")[2] else f"{label}.{where.group}"
    report = build(replace(options, dry_run=False), [asked], sink)
    for error in report.errors:
        raise error
    if len(report.targets) != 1 or len(report.targets[0].outputs) != 1:
        raise UsageError(f"{asked} selects no single disk", hint=f"name an image, for one architecture: its .{where.group} is taken")
    target = report.targets[0]
    output = target.outputs[0]
    name = target.label.rpartition(":")[2].partition(".")[0]
    disk = Disk(path=Path(output.path), name=name, arch=target.configuration.partition(",")[0], digest=output.digest.hash)
    steps = where.steps(disk)
    return Sent(reference=None if options.dry_run else where.send(disk, note), steps=steps, digest=output.digest.hash)
