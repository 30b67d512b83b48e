"""What a note of a test that has passed is worth: as much as its images and sources are the same."""

import pytest
from harness.proofs import proof

KEYS = {"//images:minimal": "1234"}


@pytest.fixture
def passed(tmp_path):
    """A test that has passed once: the path of its module, and where it was noted."""
    module = tmp_path / "test_it.py"
    module.write_text("it\n")
    with proof(str(module), KEYS, tmp_path / "notes"):
        pass
    return str(module), tmp_path / "notes"


def runs(module, keys, notes):
    with proof(module, keys, notes):
        return True


def test_what_has_passed_is_not_run_again(passed):
    module, notes = passed
    with pytest.raises(pytest.skip.Exception):
        runs(module, KEYS, notes)


def test_another_image_or_another_test_is_run(passed, tmp_path):
    module, notes = passed
    assert runs(module, {"//images:minimal": "5678"}, notes)
    (tmp_path / "test_it.py").write_text("it, otherwise\n")
    assert runs(module, KEYS, notes)


def test_another_source_of_lkbuild_is_run(passed, monkeypatch):
    module, notes = passed
    monkeypatch.setattr("harness.proofs._SOURCES", ("lkbuild", "rules", "tests/harness", "tests/repro"))
    assert runs(module, KEYS, notes)


def test_what_has_failed_is_not_noted(tmp_path):
    module = tmp_path / "test_it.py"
    module.write_text("it\n")
    with pytest.raises(AssertionError), proof(str(module), KEYS, tmp_path / "notes"):
        raise AssertionError
    assert runs(str(module), KEYS, tmp_path / "notes")
