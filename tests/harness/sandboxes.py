"""The sandbox by each of the programs that start commands in it. A test that can't have one is skipped, and says why."""

import pytest

from lkbuild.sandbox.bubblewrap import BubblewrapSandbox
from lkbuild.sandbox.probe import probe

#: Both programs.
STARTERS = ("bubblewrap", "launcher")


def sandbox_by(starter):
    """The sandbox whose commands one of them starts."""
    found = probe()
    if found.problem is not None:
        pytest.skip(f"no sandbox on this host: {found.problem}\n{found.problem.hint}")
    if starter == "launcher" and found.launcher is None:
        pytest.skip("lkbuild was installed without a C compiler: bubblewrap starts everything here")
    return BubblewrapSandbox(found.bwrap, launcher=found.launcher if starter == "launcher" else None, nested=found.nested)
