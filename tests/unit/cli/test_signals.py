"""Ctrl-C in order, and then not."""

import os
import signal
import subprocess
import sys

import pytest

from lkbuild.app.cancel import Cancel
from lkbuild.cli.signals import orderly


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_first_signal_sets_the_flag_and_interrupts_nothing(number, capfd):
    cancel = Cancel()
    with orderly(cancel):
        os.kill(os.getpid(), number)
        assert cancel.requested
    assert "Ctrl-C" in capfd.readouterr().err


def test_the_handlers_of_before_are_back_after_the_block():
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with pytest.raises(ZeroDivisionError), orderly(Cancel()):
        raise ZeroDivisionError
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_a_second_signal_kills_with_exit_code_8():
    code = """
import os, signal, time
from lkbuild.app.cancel import Cancel
from lkbuild.cli.signals import orderly
with orderly(Cancel()):
    os.kill(os.getpid(), signal.SIGINT)
    os.write(1, b"still here")
    os.kill(os.getpid(), signal.SIGINT)
    os.write(1, b"never")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (8, b"still here")
