"""Records of builds: written, read, found, and no more of them than the newest."""

import marshal

import pytest

from lkbuild.app.history import KEPT, BuildRecord, Entry, History, read_record
from lkbuild.base.errors import UsageError


def entry(label="//a", configuration="amd64", recipe="r"):
    return Entry(f"{label} ({configuration})#0", label, "compile", "a/BUILD.yaml:2", recipe)


def record(identity, *entries):
    return BuildRecord(
        id=identity,
        time=1.5,
        targets=("//a",),
        actions=entries or (entry(),),
        manifests={"r": marshal.dumps((("argument[0]", "cc"),))},
        attributes_by_owner={"//a (amd64)": marshal.dumps({"cmd": "cc"})},
    )


def test_a_record_is_read_as_it_was_written(tmp_path):
    History(tmp_path).add(record("1"))
    found = History(tmp_path).latest()
    assert (found.id, found.time, found.targets, found.actions) == ("1", 1.5, ("//a",), (entry(),))
    assert found.manifest("r") == (("argument[0]", "cc"),)
    assert found.manifest("other") is None
    assert found.attributes("//a (amd64)") == {"cmd": "cc"}
    assert found.attributes("//b (amd64)") == {}


@pytest.mark.parametrize("damage", [lambda data: data[:-3], lambda data: b"", lambda data: b"x" + data, lambda data: data[:40] + data[41:]])
def test_a_damaged_record_is_none(tmp_path, damage):
    history = History(tmp_path)
    history.add(record("1"))
    (file,) = history.files()
    file.write_bytes(damage(file.read_bytes()))
    assert read_record(file) is None
    assert History(tmp_path).latest() is None


def test_the_newest_are_kept(tmp_path):
    history = History(tmp_path)
    for number in range(KEPT + 2):
        history.add(record(f"{number:02}"))
    assert [file.stem for file in history.files()] == [f"{number:02}" for number in range(KEPT + 1, 1, -1)]


def test_an_action_is_found_in_the_newest_build_that_had_it_in_its_configuration_first(tmp_path):
    history = History(tmp_path)
    history.add(record("1", entry(recipe="old")))
    history.add(record("2", entry(configuration="arm64", recipe="arm")))
    amd64, s390x = entry(), entry(configuration="s390x")
    assert history.find(amd64.name, amd64.place)[1].recipe == "old"
    assert history.find(s390x.name, s390x.place)[1].recipe == "arm"
    assert history.find(s390x.name, s390x.place, before="2")[1].recipe == "old"
    assert history.find("//b (amd64)#0", ("//b", "0")) is None


def test_a_build_is_found_by_the_beginning_of_its_name_unless_several_begin_so(tmp_path):
    history = History(tmp_path)
    history.add(record("2026-1"))
    history.add(record("2026-2"))
    assert history.build("2026-2").id == "2026-2"
    assert history.build("2027") is None
    with pytest.raises(UsageError):
        history.build("2026")


def test_a_name_that_a_build_has_is_not_given_again(tmp_path):
    history = History(tmp_path)
    assert history.unused("1") == "1"
    history.add(record("1"))
    assert history.unused("1") > "1"


def test_a_folder_that_can_not_be_written_costs_the_record_only(tmp_path):
    (tmp_path / "file").write_text("")
    History(tmp_path / "file").add(record("1"))
    assert History(tmp_path / "file").latest() is None
