"""`lkbuild test`: tests are actions, so a test whose inputs did not change is not run again."""

from __future__ import annotations

from lkbuild.cli.console import Style
from lkbuild.cli.invocation import Command, Invocation
from lkbuild.cli.options import BUILD_FLAGS
from lkbuild.cli.outcome import remember, show, snapshot_of, watched
from lkbuild.model.report import BuildReport, TargetReport


def command() -> Command:
    """The declaration of the verb."""
    return Command(
        name="test",
        usage="[FLAGS] [PATTERN...] [-- -PATTERN...]",
        doc="""Runs the tests that patterns select (all of the workspace without one) and prints a line for each. A test that passed and
            whose inputs are the same is not run again. One that a wildcard finds, and that is not for the architecture, is `incompatible`,
            which is no failure. No test at all is an error (exit 4), a failed one is exit 3.""",
        examples=(
            ("lkbuild test //images/...", "boot every image"),
            ("lkbuild test --arch arm64 //images:minimal-boot", "under emulation"),
        ),
        flags=BUILD_FLAGS,
        run=run,
    )


def run(invocation: Invocation) -> int:
    """Test and report."""
    from lkbuild.app import test  # noqa: PLC0415 - not for --help

    snapshot = snapshot_of(invocation)
    report = watched(invocation, lambda options, sink: test.test(options, invocation.patterns, sink, snapshot=snapshot))
    for line in _verdicts(invocation, report):
        if not invocation.console.json:
            invocation.console.result(line)
    code = show(invocation, report, outputs=False)
    remember(invocation, snapshot, lambda report: _verdicts(invocation, report))
    return code


def _verdicts(invocation: Invocation, report: BuildReport) -> list[str]:
    return [verdict(target, invocation.console.stdout_style) for target in report.targets]


def verdict(target: TargetReport, style: Style | None = None) -> str:
    """`passed  //images:minimal-boot (amd64)`; where the log of a failed one is, or why it is incompatible."""
    paint = style or Style()
    line = f"{paint(f'{target.state:<10}', 'bold')} {target.label} ({target.configuration})"
    if target.reason:
        return f"{line}: {target.reason}"
    return f"{line}  {target.log}" if target.log and target.state == "failed" else line
