"""`lkbuild cache`: the store, looked at and looked after; what is shared of it; and a server to share it by."""

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
    "sign": "PATTERN...",
    "audit": "PATTERN...",
    "serve": "DIR",
}
#: Of a build's flags, those that mean nothing here.
_LEFT_OUT: Final = ("check", "dry-run", "keep-going", "events", "metrics")


def command() -> Command:
    """The declaration of the verb."""
    return Command(
        name="cache",
        usage="info|verify|gc|trust|keygen FILE|promote PATTERN...|sign PATTERN...|audit PATTERN...|serve DIR [FLAGS]",
        doc="""info: where the store is and what takes its space. verify: read all of it and compare digests; what is damaged is named, and
            with --repair removed, so that the next build makes it again (exit 36 where damage stays). gc: remove what was not used for
            longest until the store is within its size, never what a running build uses. keygen: make a private key in a new FILE, which
            signs what is published (--signing-key), and print its public half for cache/cache.yaml. trust: whose results count
            there. promote: publish targets, and all that they are made from, in another namespace of cache/cache.yaml, signed anew
            with our key, and nothing else; what is nowhere yet is built first. sign: sign results of targets that lie in a namespace
            and count for nobody, where this store has come to the same; nothing is built or sent. audit: who signed what the remotes
            of cache/cache.yaml hold of targets and of all that they are made from. serve: a shared cache for a team and its partners,
            by the policy in DIR/serve.yaml, until Ctrl-C; --init makes the policy, certificates, and a folder for each client.""",
        examples=(
            ("lkbuild cache verify --repair", "after a disk had errors"),
            ("lkbuild cache keygen builder.key", "to sign what is published to remotes"),
            ("lkbuild cache gc --max-size 20G --dry-run", "what would go"),
            ("lkbuild cache promote //images:aws --to partner/x", "give a partner what it builds upon"),
            ("lkbuild cache audit //images:aws", "whose results an image would be made of"),
            ("lkbuild cache serve --init /srv/cache --name cache.example.com --partner arm", "prepare a cache, for a partner as well"),
            ("lkbuild cache serve /srv/cache", "serve it"),
        ),
        flags=(
            Flag(name="repair", doc="verify: remove what is damaged."),
            Flag(name="max-size", metavar="SIZE", doc="gc: shrink to so many bytes (K, M, G, T are powers of 1024)."),
            Flag(name="to", metavar="NAMESPACE", doc="promote, sign: where; the namespace of a remote in cache/cache.yaml."),
            Flag(name="dry-run", doc="gc, promote, sign: say what would be done, and do nothing; serve: print nginx's configuration."),
            Flag(name="init", doc="serve: make what is missing in DIR: the policy, certificates, a folder for each client."),
            Flag(name="name", metavar="HOST", repeatable=True, doc="serve --init: a name of the server; repeatable; else this machine's."),
            Flag(
                name="partner", metavar="NAME", repeatable=True, doc="serve --init: a partner, with a namespace partner/NAME; repeatable."
            ),
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
    if what == "serve" and not invocation.parsed.switch("init"):
        return _serve(invocation)
    show(invocation, _value(what, invocation))
    return 0


def show(invocation: Invocation, value: Mapping[str, Any]) -> None:
    """A result, for people or as JSON."""
    if invocation.console.json:
        invocation.console.json_result(value)
    else:
        for line in as_lines(value):
            invocation.console.result(line)


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
        case "promote" | "sign":
            return _signed_anew(what, options, invocation)
        case "audit":
            from lkbuild.app.audit import audit  # noqa: PLC0415 - the same

            return audit(options, invocation.patterns[1:])
        case "serve":
            from lkbuild.app.service.initialise import initialise  # noqa: PLC0415 - the same

            return initialise(options, options.cwd / parsed.words[1], parsed.texts("name"), parsed.texts("partner"))
        case _:
            return cache.info(options)


def _signed_anew(what: str, options: BuildOptions, invocation: Invocation) -> Mapping[str, Any]:
    from lkbuild.app.promote import promote  # noqa: PLC0415 - not for --help
    from lkbuild.app.sign import sign  # noqa: PLC0415 - the same

    namespace = invocation.parsed.text("to")
    if namespace is None:
        raise UsageError("where to?", hint="--to NAMESPACE, of a remote in cache/cache.yaml")
    with build_phase(invocation, options) as sink:
        patterns = invocation.patterns[1:]
        return promote(options, patterns, namespace, sink).to_json() if what == "promote" else sign(options, patterns, namespace, sink)


def _serve(invocation: Invocation) -> int:
    """Serve until an interrupt, which is how it ends well."""
    from lkbuild.app.service import serve  # noqa: PLC0415 - not for --help

    options, console = invocation.options(), invocation.console
    folder = options.cwd / invocation.parsed.words[1]
    if invocation.parsed.switch("dry-run"):
        console.result(serve.configuration(folder))
        return 0

    def listening(value: Mapping[str, Any]) -> None:
        show(invocation, value if console.json else {item["url"]: item["clients"] for item in value["namespaces"]})
        console.stdout.flush()
        console.note("serving; Ctrl-C ends it")

    with build_phase(invocation, options) as sink:
        serve.serve(options, folder, sink, listening)
    return 0


def size_of(text: str | None) -> int | None:
    """Bytes of `20G`, `512M`, `1000`. Raises UsageError."""
    if text is None:
        return None
    number, unit = text.rstrip("KMGTkmgt"), text[len(text.rstrip("KMGTkmgt")) :].upper()
    if not (number.isascii() and number.isdecimal()) or len(unit) > 1:
        raise UsageError(f"'{text}' is no size", hint="write 20G, 512M or a number of bytes")
    return int(number) << (10 * ("KMGT".index(unit) + 1) if unit else 0)
