"""The command line of this process over a workspace: the long way, and the fast path, which is asked whether it would answer.

Knows nothing of what is built.
"""

import time

from lkbuild.cli.fast import answer
from lkbuild.cli.main import main


class Here:
    """The workspace, built and asked in this process."""

    def __init__(self, ws, capfd, monkeypatch):
        self.ws, self.capfd, self.monkeypatch = ws, capfd, monkeypatch
        self.environment = {"HOME": ws.environment["HOME"], "LKBUILD_CACHE": str(ws.cache)}
        monkeypatch.chdir(ws.root)

    def build(self, *arguments, code=0):
        """The long way; what it wrote to stdout."""
        self.capfd.readouterr()
        time.sleep(0.02)  # beyond the granularity of the file system's clock, so that what the test wrote is older
        with self.monkeypatch.context() as patch:
            patch.setattr("lkbuild.cli.main.fast_path", lambda *_: None)
            assert main(arguments, self.environment) == code
        return self.capfd.readouterr().out

    def settle(self, *arguments):
        """Build until nothing is to be done, so that there is a snapshot."""
        self.build(*arguments)
        return self.build(*arguments)

    def answered(self, *arguments, **environment):
        """What the fast path said, or None where it left it to the long way."""
        self.capfd.readouterr()
        code = answer(arguments, {**self.environment, **environment})
        out = self.capfd.readouterr()
        if code is None:
            assert out == ("", "")
            return None
        assert code == 0
        return out.out
