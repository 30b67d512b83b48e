"""What every ActionCache promises of claims (lkbuild.model.ports): one runs, the others wait for its result."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from lkbuild.base.digest import Digest
from lkbuild.base.errors import Interrupted
from lkbuild.model.action import ActionResult
from lkbuild.store.disk import DiskStore

KEY, OTHER = Digest.of(b"key"), Digest.of(b"other")
RESULT = ActionResult()


def never():
    return False


def test_who_comes_second_waits_and_then_finds_the_result(store):
    held, found = threading.Event(), []

    def second():
        held.wait(20)
        with store.actions.claim(KEY, never) as waited:
            found.append((waited, store.actions.get(KEY)))

    thread = threading.Thread(target=second)
    thread.start()
    with store.actions.claim(KEY, never) as waited:
        assert not waited
        held.set()
        store.actions.put(KEY, RESULT)
        assert found == []
    thread.join(20)
    assert [result for _, result in found] == [RESULT]


def test_another_key_is_not_waited_for(store):
    with store.actions.claim(KEY, never), store.actions.claim(OTHER, never) as waited:
        assert not waited


def test_a_claim_ends_with_an_error_in_its_block(store):
    with pytest.raises(ZeroDivisionError), store.actions.claim(KEY, never):
        raise ZeroDivisionError
    with store.actions.claim(KEY, never) as waited:
        assert not waited


def test_who_waits_can_be_stopped(store):
    with store.actions.claim(KEY, never), pytest.raises(Interrupted), store.actions.claim(KEY, lambda: True):
        raise AssertionError


HOLDER = """
import sys, time
from pathlib import Path
from lkbuild.base.digest import Digest
from lkbuild.store.disk import DiskStore

store = DiskStore.open(Path(sys.argv[1]))
with store.actions.claim(Digest.of(b"key"), lambda: False):
    print("held", flush=True)
    time.sleep(1000)
"""


def test_the_claim_of_a_process_that_was_killed_is_nobodys(tmp_path):
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path / "store")], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        with DiskStore.open(tmp_path / "store") as store:
            with pytest.raises(Interrupted), store.actions.claim(KEY, lambda: True):
                raise AssertionError
            holder.kill()
            with store.actions.claim(KEY, never) as _:
                assert store.actions.get(KEY) is None
