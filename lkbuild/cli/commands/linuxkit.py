"""`lkbuild linuxkit`: LinuxKit's YAML in."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lkbuild.base.errors import Position, UsageError, nearest
from lkbuild.cli.flags import Flag
from lkbuild.cli.invocation import Command, Invocation
from lkbuild.cli.options import BUILD_FLAGS
from lkbuild.cli.progress import progress
from lkbuild.cli.render import printable
from lkbuild.cli.signals import orderly

if TYPE_CHECKING:
    from lkbuild.app.linuxkit.inputs import ImagesFrom

_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
ACTIONS = ("spec", "build", "lock", "convert")


def command() -> Command:
    """The declaration of the verb."""
    return Command(
        name="linuxkit",
        usage="spec|build|lock|convert [FLAGS] FILE...",
        doc="""spec: print, as one JSON object, the config.json and runtime.json of each container, by their paths in the image. Several
            files are merged as LinuxKit merges them; `-` is standard input. Images are those of a lock, oci.lock beside the first
            file, or are looked up by name in the OCI layout of --images.
            build: build the image that the files describe, as LinuxKit lays it out: kernel, initrd.img and cmdline under lkbuild-out/. It
            needs no workspace. Images of a lock are pulled from their registries, by digest.
            lock: ask the registries once for the images that the files name, and write the lock. `lkbuild lock update` writes the same
            file for a target.
            convert: write a BUILD.yaml that means the same, with comments where a section can keep its text; --images names the layout
            that it locks images of, `oci` where it is not given.""",
        examples=(
            ("lkbuild linuxkit lock linuxkit.yml common.yml", "oci.lock, with the digests of what they name today"),
            ("lkbuild linuxkit spec linuxkit.yml common.yml", "what two files come to"),
            ("lkbuild linuxkit build --arch amd64 linuxkit.yml", "kernel, initrd and command line"),
            ("lkbuild linuxkit build --images oci linuxkit.yml", "the same from an OCI layout"),
            ("lkbuild linuxkit convert linuxkit.yml", "a BUILD.yaml beside it"),
        ),
        flags=(
            Flag(name="images", metavar="LAYOUT", doc="An OCI image layout (a folder with index.json) with the images that are named."),
            Flag(name="lock", metavar="FILE", doc="The lock of the images. Default: oci.lock beside the first file."),
            Flag(name="name", metavar="NAME", doc="build, convert: the target and folder for the outputs. Default: the first file's name."),
            *BUILD_FLAGS,
        ),
        words=(2, None),
        run=run,
    )


def run(invocation: Invocation) -> int:
    """Do one of them."""
    what, *files = invocation.patterns
    if what not in ACTIONS:
        raise UsageError(f"no `lkbuild linuxkit {what}`", hint=nearest(what, ACTIONS) or f"there are: {', '.join(ACTIONS)}")
    return {"spec": _spec, "build": _build, "lock": _lock, "convert": _convert}[what](invocation, files)


def _spec(invocation: Invocation, files: list[str]) -> int:
    from lkbuild.app.linuxkit.spec import spec  # noqa: PLC0415 - not for --help
    from lkbuild.app.session import host_arch  # noqa: PLC0415 - the same

    options = invocation.options()
    arch, *others = options.arches or (host_arch(),)
    if others:
        raise UsageError("one --arch at a time", hint=f"--arch {arch}")
    found = spec(files, images=_images(invocation, files), arch=arch, cwd=invocation.cwd, environment=invocation.environment)
    for warning in found.warnings:
        _warn(invocation, warning.position, warning.message)
    invocation.console.json_result(found.specs)
    return 0


def _build(invocation: Invocation, files: list[str]) -> int:
    from lkbuild.app.linuxkit.build import build, prepare  # noqa: PLC0415 - not for --help
    from lkbuild.cli.outcome import show, watched  # noqa: PLC0415 - the same

    arch = next(iter(invocation.options().arches), None)
    prepared = prepare(files, images=_images(invocation, files), arch=arch, cwd=invocation.cwd, environment=invocation.environment)
    for warning in prepared.warnings:
        _warn(invocation, warning.position, warning.message)
    name = _name(invocation, files)
    return show(invocation, watched(invocation, lambda options, sink: build(options, prepared, name, sink)))


def _lock(invocation: Invocation, files: list[str]) -> int:
    from lkbuild.app.linuxkit.inputs import lock_beside  # noqa: PLC0415 - not for --help
    from lkbuild.app.linuxkit.lock import lock  # noqa: PLC0415 - the same

    chosen = invocation.parsed.text("lock")
    path = invocation.cwd / chosen if chosen is not None else lock_beside(files, invocation.cwd)
    options = invocation.options()
    with orderly(options.cancel), progress(invocation.console, verbose=options.verbose) as sink:
        lines = lock(options, files, path=path, environment=invocation.environment, sink=sink)
    if invocation.console.json:
        invocation.console.json_result({"version": 1, "ok": True, "lock": list(lines)})
    else:
        for line in lines:
            invocation.console.result(line)
    return 0


def _convert(invocation: Invocation, files: list[str]) -> int:
    from lkbuild.app.linuxkit.convert import convert  # noqa: PLC0415 - not for --help

    dry_run = invocation.parsed.switch("dry-run")
    done = convert(
        files,
        name=_name(invocation, files),
        layout=invocation.parsed.text("images") or "oci",
        cwd=invocation.cwd,
        environment=invocation.environment,
        dry_run=dry_run,
    )
    for warning in done.warnings:
        _warn(invocation, warning.position, warning.message)
    if done.anew:
        invocation.console.note(f"written anew, without comments: {', '.join(done.anew)}")
    if invocation.console.json:
        invocation.console.json_result({"version": 1, "ok": True, "path": str(done.path), "text": done.text, "anew": list(done.anew)})
    else:
        invocation.console.result(done.text if dry_run else str(done.path))
    return 0


def _name(invocation: Invocation, files: list[str]) -> str:
    """The name of the image: what was asked for, or the first file's without its ending. Raises UsageError."""
    chosen = invocation.parsed.text("name")
    if chosen is not None and not _NAME.fullmatch(chosen):
        raise UsageError(f"'{chosen}' can't be the name of an image", hint="names hold letters, digits and _ . - only")
    stem = Path(files[0]).name.partition(".")[0]
    return chosen or (stem if _NAME.fullmatch(stem) else "linuxkit")


def _images(invocation: Invocation, files: list[str]) -> ImagesFrom:
    from lkbuild.app.linuxkit.inputs import images_from  # noqa: PLC0415 - not for --help

    parsed = invocation.parsed
    return images_from(files, layout=parsed.text("images"), lock=parsed.text("lock"), cwd=invocation.cwd)


def _warn(invocation: Invocation, position: Position, message: str) -> None:
    style = invocation.console.style
    invocation.console.note(f"{style(printable(str(position)), 'bold')}: {style('warning:', 'yellow')} {printable(message)}")
