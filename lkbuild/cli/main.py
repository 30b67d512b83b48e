"""The entry point: find the verb, import it alone, turn whatever escapes into one clear message and an exit code.

It imports nothing heavy: `lkbuild --help` has 60 ms and a no-op build 80 ms (design 13). What each verb does is not known here.
"""

from __future__ import annotations

import gc
import os
import sys

TYPE_CHECKING = False  # typing itself costs 5 ms
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lkbuild.cli.invocation import Command


def console_script() -> int:
    """What the `lkbuild` command runs."""
    _open_closed_streams()
    try:
        answered = fast_path(sys.argv[1:], os.environ)
        if answered is not None:
            os._exit(answered)  # all is written: to take tens of thousands of objects apart costs as much as to look at the files
        # A build makes values that stay: by default the collector goes through all of them again and again (15 % at 10,000 targets).
        gc.set_threshold(50_000, 20, 100)
        code = _long_way(sys.argv[1:], os.environ)
        gc.freeze()  # nothing is left to be found by the collector, which goes through everything twice more as Python ends
    except KeyboardInterrupt:  # before, or after, lkbuild.cli.guard was there to see it
        _wrote("error: interrupted\n", 2)
        os._exit(8)
    return code


def _open_closed_streams() -> None:
    """Give what was closed by the caller (`>&-`) to /dev/null: else the next file that is opened, the store's, is where results go."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            null = os.open(os.devnull, os.O_RDWR)
            if null != number:
                os.dup2(null, number)
                os.close(null)
            setattr(sys, name, open(number, "w" if number else "r", encoding="utf-8"))  # noqa: SIM115, PTH123 - until the process ends


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Obey a command line; returns the exit code (`lkbuild help exit-codes`)."""
    answered = fast_path(arguments, environment)
    return _long_way(arguments, environment) if answered is None else answered


def _long_way(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    from lkbuild.cli.guard import guarded  # noqa: PLC0415 - after the fast path

    return guarded(lambda: _dispatch(arguments, environment), arguments, environment)


def fast_path(arguments: Sequence[str], environment: Mapping[str, str]) -> int | None:
    """Answer what needs nothing beyond what Python has imported at its start, or None: then the long way is taken.

    That is the version, the overview, and a build of which a snapshot says that nothing has changed (design 5).
    """
    words = tuple(arguments)
    if words in (("version",), ("--version",), ("-V",)):
        from lkbuild import __version__  # noqa: PLC0415 - costs nothing

        return _wrote(f"lkbuild {__version__}\n")
    if words in ((), ("help",), ("--help",), ("-h",)):
        from lkbuild.cli.helptext import overview  # noqa: PLC0415 - costs 1 ms

        return _wrote(overview() + "\n")
    from lkbuild.cli.ask import ask  # noqa: PLC0415 - not for the version
    from lkbuild.cli.fast import answer  # noqa: PLC0415 - the same

    answered = ask(arguments, environment)
    return answer(arguments, environment) if answered is None else answered


def _wrote(text: str, descriptor: int = 1) -> int | None:
    """0, or None where it can't be written: the long way has the words for that."""
    try:
        os.write(descriptor, text.encode())
    except OSError:
        return None
    return 0


def _dispatch(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    from lkbuild.cli.invocation import Invocation  # noqa: PLC0415 - after the fast path

    verb, rest = split_verb(arguments)
    command = load_command(verb)
    return command.main(Invocation.parse(command, rest, environment, arguments))


def load_command(verb: str) -> Command:
    """Import a verb's module and return its declaration."""
    from importlib import import_module  # noqa: PLC0415 - the same

    module: Callable[[], Command] = import_module(f"lkbuild.cli.commands.{verb}").command
    return module()


def split_verb(arguments: Sequence[str]) -> tuple[str, Sequence[str]]:
    """The verb of a command line and its arguments. Flags may stand before the verb; a label or pattern means `build`.

    Raises:
        UsageError: the first word is neither a verb nor a pattern.
    """
    from lkbuild.base.errors import UsageError, nearest  # noqa: PLC0415 - the same
    from lkbuild.cli.verbs import VERBS  # noqa: PLC0415 - the same

    if not arguments or list(arguments[:1]) in (["--help"], ["-h"]):
        return "help", arguments[1:]
    first = arguments[0]
    if first in VERBS:
        return first, arguments[1:]
    if first == "--version":
        return "version", arguments[1:]
    if first.startswith("-"):
        return _verb_after_flags(arguments)
    if is_pattern(first):
        return "build", arguments
    known = nearest(first, VERBS) or "`lkbuild help` lists the verbs"
    raise UsageError(f"no verb '{first}'", hint=f"{known.removesuffix('?')}; a target of this folder is written :{first or 'name'}")


def _verb_after_flags(arguments: Sequence[str]) -> tuple[str, Sequence[str]]:
    """`lkbuild --offline test //x` is `lkbuild test --offline //x`; without a verb it is a build."""
    from lkbuild.cli.options import BUILD_FLAGS  # noqa: PLC0415 - the same
    from lkbuild.cli.verbs import VERBS  # noqa: PLC0415 - the same

    with_value = {f"--{flag.name}" for flag in BUILD_FLAGS if flag.metavar} | {f"-{flag.short}" for flag in BUILD_FLAGS if flag.metavar}
    at = 0
    while at < len(arguments) and arguments[at].startswith("-") and arguments[at] != "--":
        at += 2 if arguments[at] in with_value else 1
    if at < len(arguments) and arguments[at] in VERBS:
        return arguments[at], [*arguments[:at], *arguments[at + 1 :]]
    return "build", arguments


def is_pattern(word: str) -> bool:
    """Whether a first word is a target pattern and no verb: it has a slash or a colon, or is `.`, `..` or `...`."""
    return "/" in word or ":" in word or word in (".", "..") or word.endswith("...")
