"""The other end of lkbuild-launcher, where it can't even be started."""

from __future__ import annotations

import errno
import gc
import socket
import sys
from pathlib import Path

import pytest

from lkbuild.sandbox.launched import Launcher


def test_a_launcher_without_a_connection_is_an_error_and_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise OSError(errno.EMFILE, "too many open files")

    ignored: list[object] = []
    monkeypatch.setattr(socket, "socketpair", refuse)
    monkeypatch.setattr(sys, "unraisablehook", ignored.append)
    with pytest.raises(OSError, match="too many"):
        Launcher(Path("/bin/true"))
    gc.collect()
    assert ignored == []
