"""`lkbuild build`: what was asked for, under lkbuild-out/."""

from __future__ import annotations

from lkbuild.cli.invocation import Command, Invocation
from lkbuild.cli.options import BUILD_FLAGS, DOWNLOAD_FLAG
from lkbuild.cli.outcome import paths, remember, show, snapshot_of, watched


def command() -> Command:
    """The declaration of the verb."""
    return Command(
        name="build",
        usage="[FLAGS] [PATTERN...] [-- -PATTERN...]",
        doc="""Builds targets and what they need, places their outputs under lkbuild-out/ and prints the paths. Without a pattern,
            the workspace's default targets. What did not change is not built again; what someone else built comes from the cache.
            Tests that a pattern selects are built too, that is run: their output is the log.""",
        examples=(
            ("lkbuild //images:minimal", "build one image"),
            ("lkbuild build //pkg/... -- -//pkg/docker", "all packages but one"),
            ("lkbuild build --arch all --keep-going //images/...", "every image for every architecture"),
            ("lkbuild build --json //images:minimal", "the outcome as one JSON object"),
            ("lkbuild build --check //pkg/init", "build it a second time and compare"),
        ),
        flags=(DOWNLOAD_FLAG, *BUILD_FLAGS),
        run=run,
    )


def run(invocation: Invocation) -> int:
    """Build and report."""
    from lkbuild.app import build  # noqa: PLC0415 - not for --help

    snapshot = snapshot_of(invocation)
    report = watched(invocation, lambda options, sink: build.build(options, invocation.patterns, sink, snapshot=snapshot))
    code = show(invocation, report)
    remember(invocation, snapshot, paths)
    return code
