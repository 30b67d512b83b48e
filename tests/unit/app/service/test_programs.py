"""The programs of a cache."""

import importlib.util

import pytest
from harness.workspace import REPOSITORY

from lkbuild.app.service.programs import find_casd
from lkbuild.base.errors import HostError


def test_the_wheel_of_the_extra_has_buildbox_casd():
    assert find_casd().name == "buildbox-casd"


def test_without_the_extra_the_error_names_it(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(HostError) as caught:
        find_casd()
    assert "lkbuild[serve]" in caught.value.hint


def test_the_keyring_is_that_of_the_repository():
    mine = REPOSITORY / "lkbuild/app/service/workspace/archive-key.asc"
    assert mine.read_bytes() == (REPOSITORY / "pkg/debian/archive-key.asc").read_bytes()
