"""Help topics: taken from the code where the code knows, so that they can't be out of date. Returns text; prints nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from lkbuild.cli.helptext import columns

_LABELS: Final = """\
A label names a target: //package/path:name. The package is a folder with a BUILD.yaml.

  //pkg/dhcpcd:dhcpcd     the target dhcpcd of pkg/dhcpcd/BUILD.yaml
  //pkg/dhcpcd            short for it: the name is the folder's
  :dhcpcd                 a target of the package where you are
  pkg/dhcpcd              from the folder where you are, as a path; so are ./pkg/dhcpcd, .. and /home/you/lkbuild/pkg/dhcpcd
  //:hello                a target of the root package
  //images:minimal.iso    one output of //images:minimal
  //pkg/dhcpcd.oci        one output of //pkg/dhcpcd, for //pkg/dhcpcd:dhcpcd.oci

A pattern selects many:

  //...                   all targets (but those tagged `manual: true`)
  //pkg/...               all targets of pkg and below
  //pkg/dhcpcd:all        all targets of one package
  -//pkg/docker           not this one; goes after what it takes away from: lkbuild build //... -- -//pkg/docker"""

_SELECT: Final = """\
An attribute may depend on the configuration:

  debs:
    select:
      amd64: [grub-pc-bin]
      arm64: [grub-efi-arm64-bin]
      default: []

Keys are architectures ({arches}), `<setting>=<value>` of the workspace's `settings:`, or `default`. Without a key that
fits, the build stops at analysis and says which are there. `--config NAME` sets settings by the workspace's `configs:`."""


def exit_codes_topic() -> str:
    """The table of exit codes."""
    from lkbuild.cli.exit_codes import exit_codes  # noqa: PLC0415 - one topic of many

    return "\n".join(["Exit codes, Bazel's where Bazel has one:", "", *columns((f"{code:>3}", text) for code, text in exit_codes())])


def labels_topic() -> str:
    """How targets are named and selected."""
    return _LABELS


def targets_topic() -> str:
    """What a BUILD.yaml may say of any target."""
    from lkbuild.model.target import COMMON_ATTRS  # noqa: PLC0415 - the same

    head = ["A BUILD.yaml maps names to targets. Every target has these attributes:", ""]
    tail = ["", "The rest is its rule's: `lkbuild info rules` lists the rules, `lkbuild info schema` has all of it for an editor."]
    return "\n".join([*head, *columns((name, str(doc)) for name, doc in COMMON_ATTRS.items()), *tail])


def select_topic() -> str:
    """How attributes depend on the configuration."""
    from lkbuild.model.configuration import ARCHES  # noqa: PLC0415 - the same

    return _SELECT.format(arches=", ".join(ARCHES))


def formats_topic() -> str:
    """The output groups that rules tell of."""
    from lkbuild.app.info import groups  # noqa: PLC0415 - the same

    lines = ["What a target can be written as, beside its default outputs: `lkbuild //images:minimal.iso` makes the output `iso`."]
    for rules, found in groups().items():
        lines += ["", f"Targets of the rule {' or '.join(rules)}:", "", *columns((f".{name}", doc) for name, doc in found.items())]
    return "\n".join(
        [*lines, "", "`formats: [iso, aws]` on an image says which it is shipped in; `lkbuild //images:x.formats` makes those."]
    )


def environment_topic() -> str:
    """The variables that lkbuild reads."""
    from lkbuild.cli.options import BUILD_FLAGS  # noqa: PLC0415 - the same

    rows = [(flag.variable, flag.doc) for flag in BUILD_FLAGS if flag.name not in ("help", "json")]
    others = [
        ("NO_COLOR, FORCE_COLOR", "Colours off, on."),
        ("CI", "Set: plain lines instead of a display that redraws itself."),
        ("XDG_CACHE_HOME", "Where caches are: the store is lkbuild below it."),
    ]
    head = ["Every flag of a verb may be given as a variable; the command line wins. A list is separated by commas.", ""]
    return "\n".join([*head, *columns([*rows, *others])])


#: Topic to the function that writes it.
TOPICS: Final[dict[str, Callable[[], str]]] = {
    "exit-codes": exit_codes_topic,
    "labels": labels_topic,
    "targets": targets_topic,
    "select": select_topic,
    "formats": formats_topic,
    "environment": environment_topic,
}
