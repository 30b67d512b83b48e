"""What a watch does for another terminal's `lkbuild build`: the same as that command would, with its streams, directory and environment.

Its stderr is the asker's own; stdout is kept until the end and sent, so that the asker either gets all of it or builds by itself.
"""

from __future__ import annotations

import io
import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from lkbuild.base.errors import Interrupted, UsageError
from lkbuild.cli.commands.build import command
from lkbuild.cli.console import Console
from lkbuild.cli.fast import filled
from lkbuild.cli.flags import parse
from lkbuild.cli.invocation import Invocation
from lkbuild.cli.main import split_verb
from lkbuild.cli.outcome import paths, show, texts_of, watched
from lkbuild.cli.render import render_error
from lkbuild.model.report import BuildReport

if TYPE_CHECKING:
    from lkbuild.app.options import BuildOptions
    from lkbuild.app.watching.host import UseCase
    from lkbuild.app.watching.server import Request
    from lkbuild.base.snapshot_format import Said

#: What a resident build does not do: it would look at more than its own files, or do nothing; and what counts every build has to run.
_NOT_HERE: Final = ("help", "check", "dry-run", "metrics")


class TerminalDialogue:
    """The `Dialogue` of a command line. The asker's stderr is closed with its request."""

    def __init__(self, request: Request) -> None:
        """Raises UsageError for a command line that the asker has to obey itself."""
        verb, rest = split_verb(request.arguments)
        if verb != "build":
            raise UsageError(f"'{verb}' is not done here")
        parsed = parse("build", command().flags, rest, request.environment)
        if any(parsed.values.get(name) for name in _NOT_HERE):
            raise UsageError("not done here")
        self._stdout = io.StringIO()
        stderr = os.fdopen(os.dup(request.stderr), "w", encoding="utf-8", errors="backslashreplace")
        console = Console(
            stdout=self._stdout,
            stderr=stderr,
            environment=request.environment,
            color=parsed.text("color") or "auto",
            quiet=parsed.switch("quiet"),
            json=parsed.switch("json"),
        )
        self._invocation = Invocation(
            command=command(), parsed=parsed, environment=request.environment, cwd=request.cwd, console=console, given=request.arguments
        )
        self.options: BuildOptions = self._invocation.options()
        self.patterns = self._invocation.patterns
        self._style = console.style  # asked of a terminal that is gone later

    def run(self, use_case: UseCase) -> tuple[int, bytes]:
        """See Dialogue."""
        console, started = self._invocation.console, time.monotonic()
        try:
            code = show(self._invocation, watched(self._invocation, use_case, self.options))
        except Interrupted as error:
            console.stderr.write(render_error(error, console.style))
            if console.json:
                console.json_result(BuildReport(elapsed_s=time.monotonic() - started, errors=(error,)).to_json())
            code = error.exit_code
        with suppress(OSError):
            console.stderr.close()
        return code, self._stdout.getvalue().encode("utf-8", "surrogateescape")

    def texts(self, report: BuildReport) -> Said:
        """See Dialogue."""
        return texts_of(self._invocation, report, paths(report), self._style)

    @staticmethod
    def said(texts: Said, seconds: float) -> tuple[bytes, bytes]:
        """See Dialogue."""
        return filled(*texts, seconds)
