"""`lkbuild info`: what lkbuild knows, for people and for editors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lkbuild.base.errors import UsageError, nearest
from lkbuild.cli.flags import Flag
from lkbuild.cli.invocation import Command, Invocation
from lkbuild.cli.options import CONFIGURATION_FLAGS, DISPLAY_FLAGS, PLACE_FLAGS
from lkbuild.cli.outcome import build_phase
from lkbuild.cli.quantities import size
from lkbuild.cli.tables import as_lines

TOPICS = ("workspace", "store", "rules", "schema", "trace", "size")
#: So many files, and differences of a kind, are shown; `--json` has all.
_SHOWN = 15


def command() -> Command:
    """The declaration of the verb."""
    return Command(
        name="info",
        usage="[workspace|store|rules|schema|trace|size LABEL]",
        doc="""workspace: its root, configurations and settings. store: where it is and what it holds. rules: the rules that a BUILD.yaml
            may name, with their attributes. schema: a JSON Schema of BUILD.yaml for editors. trace: the path of the timeline of the newest
            build, for ui.perfetto.dev. size: what takes the space in a target's outputs, per layer and per file, and with --against what
            changed since.""",
        examples=(
            ("lkbuild info", "the workspace"),
            ("lkbuild info schema > BUILD.schema.json", "for an editor"),
            ("lkbuild info size //images:minimal --json > before.json", "to compare with later"),
            ("lkbuild info size //images:minimal --against before.json", "what has grown since"),
        ),
        flags=(
            Flag(name="against", metavar="FILE", doc="What `lkbuild info size --json` told before; size tells what changed since."),
            *CONFIGURATION_FLAGS,
            *PLACE_FLAGS,
            *DISPLAY_FLAGS,
        ),
        words=(0, 2),
        run=run,
    )


def run(invocation: Invocation) -> int:
    """Print one of them."""
    topic = invocation.parsed.words[0] if invocation.parsed.words else TOPICS[0]
    if topic not in TOPICS:
        raise UsageError(f"no `lkbuild info {topic}`", hint=nearest(topic, TOPICS) or f"there are: {', '.join(TOPICS)}")
    words = 2 if topic == "size" else 1
    if len(invocation.parsed.words) > words or (topic == "size" and len(invocation.parsed.words) < words):
        raise UsageError(f"`lkbuild info {topic}` takes {'one label' if topic == 'size' else 'nothing more'}")
    if topic == "size":
        return _size(invocation, invocation.parsed.words[1])
    from lkbuild.app import info  # noqa: PLC0415 - not for --help

    use_case = {
        "workspace": info.workspace,
        "store": info.store,
        "rules": info.rules,
        "schema": info.schema,
        "trace": info.trace,
    }[topic]
    value = use_case(invocation.options())
    if invocation.console.json or topic == "schema":
        invocation.console.json_result(value)
    elif topic == "trace":
        invocation.console.result(value["trace"])
    else:
        for line in as_lines(value):
            invocation.console.result(line)
    return 0


def _size(invocation: Invocation, label: str) -> int:
    """Build it and print what takes the space."""
    from lkbuild.app.size import size as use_case  # noqa: PLC0415 - as above

    against, options, console = invocation.parsed.text("against"), invocation.options(), invocation.console
    with build_phase(invocation, options) as sink:
        told = use_case(options, label, sink, invocation.cwd / against if against else None)
    if console.json:
        console.json_result(told)
        return 0
    for line in (*_account(told), *_changed(told.get("changed", {}))):
        console.result(line)
    return 0


def _account(told: Mapping[str, Any]) -> Iterator[str]:
    """Outputs and their parts, then the largest files of all parts."""
    for output in told["outputs"]:
        yield f"{size(output['bytes']):>9}  {output['name']}"
        for part in output["parts"]:
            unpacked = f" ({size(part['unpacked_bytes'])} unpacked)" if part["files"] else ""
            yield f"{size(part['bytes']):>9}    {part['label']}{unpacked}: {part['what']}"
    files = [
        (count, path, part["label"]) for output in told["outputs"] for part in output["parts"] for path, count in part["files"].items()
    ]
    if files:
        yield "largest files, unpacked:"
    for count, path, label in sorted(files, key=lambda item: (-item[0], item[1]))[:_SHOWN]:
        yield f"{size(count):>9}    {path} ({label})"


def _changed(changed: Mapping[str, Any]) -> Iterator[str]:
    """What differs from before, the largest difference first."""
    for kind, items in changed.items():
        yield f"{kind} that differ: {len(items)}"
        for item in items[:_SHOWN]:
            before, after = item["bytes_before"], item["bytes"]
            sign = "+" if after >= before else "-"
            yield f"{sign}{size(abs(after - before)):>9}  {item['name']}: {size(before)} to {size(after)}"
