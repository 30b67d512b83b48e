"""Reading ahead is a gain of time, and nothing depends on it."""

import threading

import pytest

from lkbuild.base.ahead import ahead
from lkbuild.base.digest import Digest
from lkbuild.store.foreseen import Foresight


@pytest.fixture(autouse=True)
def no_thread(monkeypatch):
    def refuse(_thread):
        raise RuntimeError

    monkeypatch.setattr(threading.Thread, "start", refuse)


def test_where_no_thread_can_be_started_chunks_are_made_as_they_are_taken():
    with ahead(iter([b"a", b"b"])) as chunks:
        assert [*chunks] == [b"a", b"b"]


def test_what_goes_wrong_with_them_is_raised_as_it_is():
    with pytest.raises(KeyError) as raised, ahead(iter([])):
        raise KeyError
    assert raised.value.__context__ is None


def test_where_no_thread_can_be_started_nothing_is_foreseen():
    foresight, part = Foresight(None), Digest.of(b"part")
    foresight.expect([part])
    assert foresight.begun([part]).parts == ()
