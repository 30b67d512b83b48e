"""`lkbuild doctor`: what this host lacks, and the command that mends it."""

from __future__ import annotations

from lkbuild.app.findings import Finding
from lkbuild.cli.console import Style
from lkbuild.cli.invocation import Command, Invocation
from lkbuild.cli.options import BUILDER_FLAG, DISPLAY_FLAGS, PLACE_FLAGS

_COLORS = {"ok": "green", "warn": "yellow", "fail": "red"}


def command() -> Command:
    """The declaration of the verb."""
    return Command(
        name="doctor",
        usage="[FLAGS]",
        doc="""Looks at this host: Python, namespaces for the sandbox, disk space, KVM, Docker, inotify limits, and how each architecture
            can be built. Each finding that is not well comes with the command that mends it. Exit 36 if lkbuild can't work here.""",
        examples=(
            ("lkbuild doctor", "before the first build"),
            ("lkbuild doctor --builder arm64=NAME", "what a builder of docker buildx adds"),
        ),
        flags=(BUILDER_FLAG, *PLACE_FLAGS, *DISPLAY_FLAGS),
        words=(0, 0),
        run=run,
    )


def run(invocation: Invocation) -> int:
    """Print the findings."""
    from lkbuild.app import doctor  # noqa: PLC0415 - not for --help
    from lkbuild.base.errors import HostError  # noqa: PLC0415 - the same

    findings = doctor.doctor(invocation.options())
    well = all(finding.state != "fail" for finding in findings)
    if invocation.console.json:
        invocation.console.json_result({"version": 1, "ok": well, "findings": [finding.to_json() for finding in findings]})
    else:
        for finding in findings:
            invocation.console.result(line(finding, invocation.console.stdout_style))
    return 0 if well else HostError.exit_code


def line(finding: Finding, style: Style) -> str:
    """`warn  kvm: /dev/kvm can't be opened`, with the mend below."""
    text = f"{style(f'{finding.state:<4}', _COLORS[finding.state])}  {finding.name}: {finding.text}"
    return f"{text}\n      mend: {finding.mend}" if finding.mend else text
