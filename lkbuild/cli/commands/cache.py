"""`lkbuild cache`: the store, looked at and looked after."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lkbuild.base.errors import UsageError, nearest
from lkbuild.cli.flags import Flag
from lkbuild.cli.invocation import Command, Invocation
from lkbuild.cli.options import DISPLAY_FLAGS, PLACE_FLAGS
from lkbuild.cli.tables import as_lines

ACTIONS = ("info", "verify", "gc", "keygen", "trust")


def command() -> Command:
    """The declaration of the verb."""
    return Command(
        name="cache",
        usage="info|verify|gc|trust|keygen FILE [FLAGS]",
        doc="""info: where the store is and what takes its space. verify: read all of it and compare digests; what is damaged is named, and
            with --repair removed, so that the next build makes it again (exit 36 where damage stays). gc: remove what was not used for
            longest until the store is within its size, never what a running build uses. keygen: make a private key in a new FILE, which
            signs what is published (--signing-key), and print its public half for cache/cache.yaml. trust: whose results count
            there.""",
        examples=(
            ("lkbuild cache verify --repair", "after a disk had errors"),
            ("lkbuild cache keygen builder.key", "to sign what is published to remotes"),
            ("lkbuild cache gc --max-size 20G --dry-run", "what would go"),
        ),
        flags=(
            Flag(name="repair", doc="verify: remove what is damaged."),
            Flag(name="max-size", metavar="SIZE", doc="gc: shrink to so many bytes (K, M, G, T are powers of 1024)."),
            Flag(name="dry-run", doc="gc: say what would be removed, and remove nothing."),
            *PLACE_FLAGS,
            *DISPLAY_FLAGS,
        ),
        words=(1, 2),
        run=run,
    )


def run(invocation: Invocation) -> int:
    """Do one of them."""
    what = invocation.parsed.words[0]
    if what not in ACTIONS:
        raise UsageError(f"no `lkbuild cache {what}`", hint=nearest(what, ACTIONS) or f"there are: {', '.join(ACTIONS)}")
    if (len(invocation.parsed.words) == 2) != (what == "keygen"):
        raise UsageError(f"`lkbuild cache {what}` takes {'a FILE' if what == 'keygen' else 'no file'}")
    value = _value(what, invocation)
    if invocation.console.json:
        invocation.console.json_result(value)
    else:
        for line in as_lines(value):
            invocation.console.result(line)
    return 0


def _value(what: str, invocation: Invocation) -> Mapping[str, Any]:
    from lkbuild.app import cache  # noqa: PLC0415 - not for --help

    options, parsed = invocation.options(), invocation.parsed
    if what in ("keygen", "trust"):
        from lkbuild.app import trust  # noqa: PLC0415 - the same

        return trust.keygen(options.cwd / parsed.words[1]) if what == "keygen" else {"keys": trust.trusted(options)}
    if what == "verify":
        return cache.verify(options, repair=parsed.switch("repair"))
    if what == "gc":
        return cache.gc(options, max_bytes=size_of(parsed.text("max-size")))
    return cache.info(options)


def size_of(text: str | None) -> int | None:
    """Bytes of `20G`, `512M`, `1000`. Raises UsageError."""
    if text is None:
        return None
    number, unit = text.rstrip("KMGTkmgt"), text[len(text.rstrip("KMGTkmgt")) :].upper()
    if not (number.isascii() and number.isdecimal()) or len(unit) > 1:
        raise UsageError(f"'{text}' is no size", hint="write 20G, 512M or a number of bytes")
    return int(number) << (10 * ("KMGT".index(unit) + 1) if unit else 0)
