"""Use case: build an image for another hypervisor than lkbuild's QEMU, and start it, or say how: one of another host can only be told.

Does not know hypervisors (app.hypervisors does). What is started is the user's own program: it is not sandboxed.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from lkbuild.app.build import build
from lkbuild.app.hypervisors.choose import chosen, guest_of, start_of
from lkbuild.app.hypervisors.guest import Hypervisor, Start
from lkbuild.app.options import BuildOptions
from lkbuild.base.atomic import write_atomic
from lkbuild.base.errors import UsageError
from lkbuild.model.events import EventSink
from lkbuild.model.report import TargetReport
from lkbuild.sandbox.host_program import run_program


def prepare(options: BuildOptions, label: str, name: str, run_options: Mapping[str, Sequence[str]], sink: EventSink) -> Start:
    """Build what the hypervisor starts, beside which its configuration is written; what starts it.

    Raises:
        UsageError: a hypervisor that there is not, or what it can't do.
        LkbuildError: the image could not be built.
    """
    kind = chosen(name)
    report = build(options, [f"{label}.{kind.medium}" if kind.medium else label], sink)
    for error in report.errors:
        raise error
    if len(report.targets) != 1:
        raise UsageError(f"{label} selects {len(report.targets)} targets", hint="name one target, for one architecture")
    start = _start(kind, report.targets[0], run_options, options.cwd)
    for path, text in start.files.items():
        write_atomic(Path(path), text.encode())
    return start


def _start(kind: Hypervisor, target: TargetReport, run_options: Mapping[str, Sequence[str]], cwd: Path) -> Start:
    files = {Path(output.path).name: output.path for output in target.outputs}
    if not {"kernel", "initrd.img", "cmdline"} <= set(files):
        if not kind.medium:
            raise UsageError(f"{target.label} is no image", hint="images can be run; `lkbuild build` makes other targets' files")
        files = {"medium": target.outputs[0].path}
    cmdline = "" if "medium" in files else Path(files["cmdline"]).read_text(encoding="utf-8").strip()
    arch = target.configuration.partition(",")[0]
    name = target.label.rpartition(":")[2].partition(".")[0]
    placed = dict(run_options)
    for option in ("disk", "share"):
        if option in placed:
            placed[option] = [str(cwd / value) for value in placed[option]]
    guest = guest_of(name, arch, files, cmdline, placed, str(Path(target.outputs[0].path).parent))
    return start_of(kind, guest)


def start(name: str, what: Start) -> int:
    """Run it at the caller's terminal; its exit code. Raises UsageError where this host does not have it."""
    kind = chosen(name)
    hint = "--print shows the command"
    if kind.host != sys.platform:
        raise UsageError(f"{name} is a hypervisor of another host ({kind.host})", hint=hint)
    if shutil.which(what.command[0]) is None:
        raise UsageError(f"{what.command[0]} is not installed", hint=hint)
    return run_program(what.command)
