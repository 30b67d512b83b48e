"""`lkbuild cache`: the store, looked at and looked after."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from lkbuild.base.errors import UsageError, nearest
from lkbuild.cli.flags import Flag
from lkbuild.cli.invocation import Command, Invocation
from lkbuild.cli.options import BUILD_FLAGS
from lkbuild.cli.outcome import build_phase
from lkbuild.cli.tables import as_lines

if TYPE_CHECKING:
    from lkbuild.app.options import BuildOptions

#: What can be done, with what comes after the word.
ACTIONS: Final = {
    "info": "",
    "verify": "",
    "gc": "",
    "trust": "",
    "keygen": "FILE",
    "promote": "PATTERN...",
    "audit": "PATTERN...",
}
#: Of a build's flags, those that mean nothing here.
_LEFT_OUT: Final = ("check", "dry-run", "keep-going", "events")


def command() -> Command:
    """The declaration of the verb."""
    return Command(
        name="cache",
        usage="info|verify|gc|trust|keygen FILE|promote PATTERN...|audit PATTERN... [FLAGS]",
        doc="""info: where the store is and what takes its space. verify: read all of it and compare digests; what is damaged is named, and
            with --repair removed, so that the next build makes it again (exit 36 where damage stays). gc: remove what was not used for
            longest until the store is within its size, never what a running build uses. keygen: make a private key in a new FILE, which
            signs what is published (--signing-key), and print its public half for cache/cache.yaml. trust: whose results count
            there. promote: publish targets, and all that they are made from, in another namespace of cache/cache.yaml, signed anew
            with our key, and nothing else; what is nowhere yet is built first. audit: who signed what the remotes of cache/cache.yaml
            hold of targets and of all that they are made from.""",
        examples=(
            ("lkbuild cache verify --repair", "after a disk had errors"),
            ("lkbuild cache keygen builder.key", "to sign what is published to remotes"),
            ("lkbuild cache gc --max-size 20G --dry-run", "what would go"),
            ("lkbuild cache promote //images:aws --to partner/x", "give a partner what it builds upon"),
            ("lkbuild cache audit //images:aws", "whose results an image would be made of"),
        ),
        flags=(
            Flag(name="repair", doc="verify: remove what is damaged."),
            Flag(name="max-size", metavar="SIZE", doc="gc: shrink to so many bytes (K, M, G, T are powers of 1024)."),
            Flag(name="to", metavar="NAMESPACE", doc="promote: where to; the namespace of a remote in cache/cache.yaml."),
            Flag(name="dry-run", doc="gc, promote: say what would be removed or sent, and do nothing."),
            *(flag for flag in BUILD_FLAGS if flag.name not in _LEFT_OUT),
        ),
        words=(1, None),
        run=run,
    )


def run(invocation: Invocation) -> int:
    """Do one of them."""
    what, *words = invocation.parsed.words
    if what not in ACTIONS:
        raise UsageError(f"no `lkbuild cache {what}`", hint=nearest(what, ACTIONS) or f"there are: {', '.join(ACTIONS)}")
    wanted = ACTIONS[what]
    if bool(words) != bool(wanted) or (len(words) > 1 and not wanted.endswith("...")):
        raise UsageError(f"`lkbuild cache {what}` takes {wanted or 'nothing more'}")
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
    match what:
        case "verify":
            return cache.verify(options, repair=parsed.switch("repair"))
        case "gc":
            return cache.gc(options, max_bytes=size_of(parsed.text("max-size")))
        case "keygen" | "trust":
            from lkbuild.app import trust  # noqa: PLC0415 - the same

            return trust.keygen(options.cwd / parsed.words[1]) if what == "keygen" else {"keys": trust.trusted(options)}
        case "promote":
            return _promote(options, invocation)
        case "audit":
            from lkbuild.app.audit import audit  # noqa: PLC0415 - the same

            return audit(options, invocation.patterns[1:])
        case _:
            return cache.info(options)


def _promote(options: BuildOptions, invocation: Invocation) -> Mapping[str, Any]:
    from lkbuild.app.promote import promote  # noqa: PLC0415 - not for --help

    namespace = invocation.parsed.text("to")
    if namespace is None:
        raise UsageError("where to?", hint="--to NAMESPACE, of a remote in cache/cache.yaml")
    with build_phase(invocation, options) as sink:
        return promote(options, invocation.patterns[1:], namespace, sink).to_json()


def size_of(text: str | None) -> int | None:
    """Bytes of `20G`, `512M`, `1000`. Raises UsageError."""
    if text is None:
        return None
    number, unit = text.rstrip("KMGTkmgt"), text[len(text.rstrip("KMGTkmgt")) :].upper()
    if not (number.isascii() and number.isdecimal()) or len(unit) > 1:
        raise UsageError(f"'{text}' is no size", hint="write 20G, 512M or a number of bytes")
    return int(number) << (10 * ("KMGT".index(unit) + 1) if unit else 0)
