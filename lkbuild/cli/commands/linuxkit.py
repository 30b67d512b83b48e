"""`lkbuild linuxkit`: LinuxKit's YAML in."""

from __future__ import annotations

from pathlib import Path

from lkbuild.base.errors import Position, UsageError, nearest
from lkbuild.cli.flags import Flag
from lkbuild.cli.invocation import Command, Invocation
from lkbuild.cli.options import CONFIGURATION_FLAGS, DISPLAY_FLAGS, PLACE_FLAGS
from lkbuild.cli.render import printable

ACTIONS = ("spec",)


def command() -> Command:
    """The declaration of the verb."""
    return Command(
        name="linuxkit",
        usage="spec [FLAGS] FILE...",
        doc="""spec: print, as one JSON object, the config.json and runtime.json of each container, by their paths in the image. Several
            files are merged as LinuxKit merges them; `-` is standard input. Images are looked up by name in the OCI layout of
            --images.""",
        examples=(("lkbuild linuxkit spec --images oci linuxkit.yml common.yml", "what two files come to"),),
        flags=(
            Flag(name="images", metavar="LAYOUT", doc="An OCI image layout (a folder with index.json) with the images that are named."),
            *CONFIGURATION_FLAGS,
            *PLACE_FLAGS,
            *DISPLAY_FLAGS,
        ),
        words=(2, None),
        run=run,
    )


def run(invocation: Invocation) -> int:
    """Do one of them."""
    what, *files = invocation.patterns
    if what not in ACTIONS:
        raise UsageError(f"no `lkbuild linuxkit {what}`", hint=nearest(what, ACTIONS) or f"there are: {', '.join(ACTIONS)}")
    return _spec(invocation, files)


def _spec(invocation: Invocation, files: list[str]) -> int:
    from lkbuild.app.linuxkit.spec import spec  # noqa: PLC0415 - not for --help
    from lkbuild.app.session import host_arch  # noqa: PLC0415 - the same

    options = invocation.options()
    arch, *others = options.arches or (host_arch(),)
    if others:
        raise UsageError("one --arch at a time", hint=f"--arch {arch}")
    found = spec(files, images=_images(invocation), arch=arch, cwd=invocation.cwd, environment=invocation.environment)
    for warning in found.warnings:
        _warn(invocation, warning.position, warning.message)
    invocation.console.json_result(found.specs)
    return 0


def _images(invocation: Invocation) -> Path:
    text = invocation.parsed.text("images")
    if text is None:
        raise UsageError("where are the images?", hint="give --images and the folder of an OCI layout")
    return invocation.cwd / text


def _warn(invocation: Invocation, position: Position, message: str) -> None:
    style = invocation.console.style
    invocation.console.note(f"{style(printable(str(position)), 'bold')}: {style('warning:', 'yellow')} {printable(message)}")
