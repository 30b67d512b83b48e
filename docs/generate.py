"""Writes docs/reference from the code that it describes: `make docs`. tests/docs fails while a page is out of date.

Reads declarations only (rules, verbs, errors, builtins); does not build anything. Not part of the lkbuild package.
"""

# ruff: noqa: E501, INP001 - a script that holds sentences of pages
from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from lkbuild.analysis.load_rules import RuleRegistry
from lkbuild.cli.exit_codes import exit_codes
from lkbuild.cli.flags import Flag
from lkbuild.cli.helptext import spelling
from lkbuild.cli.main import load_command
from lkbuild.cli.options import BUILD_FLAGS
from lkbuild.cli.verbs import TOPIC_SUMMARIES, VERBS
from lkbuild.execution.builtins.registry import BUILTINS
from lkbuild.linuxkit.deviations import DEVIATIONS
from lkbuild.model.attrs import (
    Attr,
    AttrType,
    Boolean,
    File,
    FrozenMap,
    Integer,
    LabelOf,
    ListOf,
    MapOf,
    OneOf,
    Select,
    String,
    Struct,
    TextFile,
)
from lkbuild.model.rule import Rule
from lkbuild.model.target import COMMON_ATTRS

ROOT: Final = Path(__file__).parent.parent
FOLDER: Final = ROOT / "docs" / "reference"
_NOTE: Final = "<!-- Written by docs/generate.py from the code: `make docs` writes it anew. -->"
#: Fields that packages and images share are described once, under this heading.
_SHARED: Final = "Container fields"


def rules_page() -> str:
    """Every rule with its attributes, from the declarations that the loader reads."""
    registry = RuleRegistry((ROOT / "rules",))
    rules = [rule for name in registry.names() if (rule := registry.get(name)) is not None]
    # The registry imports rules under a private package name; their neighbours are found under the same.
    private = rules[0].analyze.__module__.rsplit(".", 2)[0]
    shared = importlib.import_module(f"{private}.container_fields")
    container: Mapping[str, Attr] = {**shared.CONTAINER_FIELDS, **shared.SUPERVISION_FIELDS}
    parts = [
        "# Rules",
        _NOTE,
        "",
        "What may stand after `rule:` in a BUILD.yaml. How a BUILD.yaml is written: [build-file.md](../format/build-file.md); as a JSON Schema for",
        "editors: `lkbuild info schema`. How a rule is made: [rules/README.md](../../rules/README.md).",
        "",
        " · ".join(f"[{rule.name}](#{rule.name})" for rule in rules),
        "",
        "## Attributes of every rule",
        "",
        *_table(("attribute", "what it is"), ((f"`{name}`", str(doc)) for name, doc in COMMON_ATTRS.items())),
    ]
    for rule in rules:
        parts += ["", *_rule(rule, container)]
    parts += ["", f"## {_SHARED}", ""]
    parts += [
        "Of a `package`, and of an entry of an image's `onboot`, `services` and `onshutdown`, which wins. Those of supervision stand last.",
        "",
    ]
    parts += _attributes(container, {})
    return "\n".join(parts) + "\n"


def _rule(rule: Rule, container: Mapping[str, Attr]) -> list[str]:
    lines = [f"## {rule.name}", "", rule.doc.strip(), ""]
    if rule.groups:
        lines += ["Outputs to ask for by name, `//p:x.NAME`:", "", *(f"- `.{name}`: {doc}" for name, doc in rule.groups.items()), ""]
    own = {name: attr for name, attr in rule.attrs.items() if container.get(name) is not attr}
    lines += _attributes(own, container)
    if len(own) < len(rule.attrs):
        lines += ["", f"And the [container fields](#{_SHARED.lower().replace(' ', '-')})."]
    return lines


def _attributes(attrs: Mapping[str, Attr], shared: Mapping[str, Attr], prefix: str = "") -> list[str]:
    rows = list(_rows(attrs, shared, prefix))
    return _table(("attribute", "takes", "default", "what it is"), rows)


def _rows(attrs: Mapping[str, Attr], shared: Mapping[str, Attr], prefix: str) -> Iterable[tuple[str, ...]]:
    for name, attr in attrs.items():
        if prefix and (shared.get(name) is attr or not attr.doc):
            continue  # told once, or by whoever owns the format
        default = "required" if attr.required else _default(attr.default)
        fixed = "" if attr.configurable else " No `select:`."
        yield f"`{prefix}{name}`", _takes(attr.type), default, attr.doc + fixed
        for inner, mark in _structs(attr.type):
            yield from _rows(inner.fields, shared, f"{prefix}{name}{mark}.")


def _structs(kind: AttrType, mark: str = "") -> Iterable[tuple[Struct, str]]:
    """Structs inside of a type, with `[]` for each list around them."""
    match kind:
        case Struct():
            yield kind, mark
        case ListOf():
            yield from _structs(kind.item, mark + "[]")
        case OneOf():
            for option in kind.options:
                yield from _structs(option, mark)
        case MapOf():
            yield from _structs(kind.value, mark + "{}")


def _takes(kind: AttrType) -> str:  # noqa: C901 - one case for each type
    match kind:
        case String():
            return ", ".join(f"`{choice}`" for choice in kind.choices) or ("text, number or boolean" if kind.lenient else "text")
        case Integer():
            low, high = kind.minimum, kind.maximum
            return "whole number" + (f" {low} to {high}" if high is not None else f" from {low}" if low is not None else "")
        case Boolean():
            return "`true`, `false`"
        case LabelOf():
            needs = " or ".join(f"`{name}`" for name in kind.provides)
            return ("label of a tool" if kind.execution else "label") + (f" with {needs}" if needs else "")
        case File():
            return "file or label" + (" of a tool" if kind.execution else "")
        case TextFile():
            return "text file"
        case ListOf():
            one = _takes(kind.item)
            return f"{one}, or a list" if kind.single else f"list: {one}"
        case MapOf():
            return f"mapping: {_takes(kind.value)}"
        case Struct():
            return "mapping" if kind.fields else "`{}`"
        case OneOf():
            return " or ".join(dict.fromkeys(_takes(option) for option in kind.options))


def _default(value: Any) -> str:
    match value:
        case None:
            return ""
        case Select():
            return "by configuration"
        case bool():
            return f"`{str(value).lower()}`"
        case tuple() | list():
            return f"`[{', '.join(map(str, value))}]`"
        case FrozenMap() | dict():
            return "`{}`" if not value else f"`{dict(value)}`"
        case "":
            return '`""`'
    label = getattr(value, "label", value)
    return f"`{label}`"


def commands_page() -> str:
    """Every verb with its usage, examples and flags; what all building verbs share is described once."""
    common = {flag.name for flag in BUILD_FLAGS}
    parts = ["# Commands", _NOTE, "", "`lkbuild LABEL...` is `lkbuild build LABEL...`. Flags and words may stand in any order.", ""]
    parts += _table(("verb", "does"), ((f"[{verb}](#{verb})", summary) for verb, summary in VERBS.items()))
    parts += ["", "`lkbuild help TOPIC`: " + ", ".join(f"`{name}` ({summary})" for name, summary in TOPIC_SUMMARIES.items()) + "."]
    for verb in VERBS:
        command = load_command(verb)
        parts += ["", f"## {verb}", "", "```text", f"lkbuild {verb} {command.usage}".rstrip(), "```"]
        parts += ["", *(" ".join(paragraph.split()) for paragraph in command.doc.split("\n\n"))] if command.doc else []
        if command.examples:
            parts += ["", *_table(("example", ""), ((f"`{line.replace('|', chr(92) + '|')}`", what) for line, what in command.examples))]
        own = [flag for flag in command.flags if flag not in BUILD_FLAGS]
        if own:
            parts += ["", *_flags(own)]
        shared = [flag.name for flag in command.flags if flag.name in common and flag in BUILD_FLAGS]
        parts += ["", "[Shared flags](#shared-flags): " + ", ".join(f"`--{name}`" for name in shared) + "."] if shared else []
    parts += [
        "",
        "## Shared flags",
        "",
        "Each may be a variable, too: `--keep-going` is `LKBUILD_KEEP_GOING=1`. The command line wins.",
        "",
    ]
    return "\n".join([*parts, *_flags(BUILD_FLAGS)]) + "\n"


def _flags(flags: Iterable[Flag]) -> list[str]:
    return _table(("flag", "what it does"), ((f"`{spelling(flag).strip()}`", flag.doc) for flag in flags))


def exit_codes_page() -> str:
    """The codes that the error tree declares."""
    rows = ((str(code), meaning) for code, meaning in exit_codes())
    intro = "Bazel's numbers where Bazel has one. `lkbuild help exit-codes` prints the same. With `--json` the object's `exit_code` is the process's."
    return "\n".join(["# Exit codes", _NOTE, "", intro, "", *_table(("code", "meaning"), rows)]) + "\n"


def builtins_page() -> str:
    """The builtins by name, with version and what their docstrings say."""
    parts = [
        "# Builtins",
        _NOTE,
        "",
        "Actions that the engine does in its own process: pure transformations of bytes that the store streams. A rule emits one by",
        "`ctx.builtin(name, version, arguments, inputs=..., outputs=...)`. Name and version are the first arguments of its REAPI command, so both are in",
        "its key: a version is raised when a builtin's bytes change.",
    ]
    for name, (version, module, function) in BUILTINS.items():
        found = getattr(importlib.import_module(f"lkbuild.execution.builtins.{module}"), function)
        doc = "\n".join(line.strip() for line in (found.__doc__ or "").strip().splitlines())
        parts += ["", f"## {name}", "", f"Version {version}, `lkbuild/execution/builtins/{module}.py`.", "", doc]
    return "\n".join(parts) + "\n"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for row in rows:
        cells = (" ".join(cell.split()) if "\\|" in cell else " ".join(cell.split()).replace("|", "\\|") for cell in row)
        lines.append("| " + " | ".join(cells) + " |")
    return lines


#: Page to the function that writes it.
def linuxkit_page() -> str:
    """How LinuxKit's YAML is read, from the list of deviations that tests hold."""
    parts = [
        "# LinuxKit's YAML",
        _NOTE,
        "",
        "`lkbuild linuxkit` reads what LinuxKit 1.8 reads: its whole schema, with templates (`@pkg:`), labels of images, names for ids, and several",
        "files merged into one. `lkbuild linuxkit spec` prints the same config.json and runtime.json as LinuxKit writes, but for what follows.",
        "What LinuxKit refuses is refused, with the place, the line and what to do. YAML is taken as Go's yaml.v3 takes it: anchors, aliases, merge",
        "keys and `0666` (a number) included.",
    ]
    for deviation in DEVIATIONS:
        parts += [
            "",
            f"## {deviation.name[0].upper()}{deviation.name[1:]}",
            f"- LinuxKit: {_one_line(deviation.linuxkit)}",
            f"- lkbuild: {_one_line(deviation.lkbuild)}",
            f"- Why: {_one_line(deviation.reason)}",
        ]
    return "\n".join(parts) + "\n"


def _one_line(text: str) -> str:
    return " ".join(text.split())


PAGES: Final[dict[str, Callable[[], str]]] = {
    "rules.md": rules_page,
    "commands.md": commands_page,
    "exit-codes.md": exit_codes_page,
    "builtins.md": builtins_page,
    "linuxkit.md": linuxkit_page,
}


def main() -> int:
    """Write all pages; say which have changed."""
    FOLDER.mkdir(exist_ok=True)
    for name, write in PAGES.items():
        path, text = FOLDER / name, write()
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            sys.stdout.write(f"{path.relative_to(ROOT)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
