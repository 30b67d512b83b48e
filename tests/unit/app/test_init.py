"""`lkbuild init`."""

import pytest
import yaml

from lkbuild.app.init import init
from lkbuild.base.errors import UsageError


def test_a_new_folder_gets_a_workspace_named_after_it(tmp_path):
    written = init(tmp_path / "a" / "hello")
    assert {path.name for path in written} == {"BUILD.yaml", "greeting.txt", ".gitignore", "README.md"}
    value = yaml.safe_load((tmp_path / "a/hello/BUILD.yaml").read_text())
    assert value["workspace"]["name"] == "hello"
    assert value["targets"]["hello"]["rule"] == "genrule"


@pytest.mark.parametrize("name", ['quo"te', "no", "名前", "a: b", "1e3"])
def test_any_name_survives(tmp_path, name):
    init(tmp_path, name)
    assert yaml.safe_load((tmp_path / "BUILD.yaml").read_text())["workspace"]["name"] == name


@pytest.mark.parametrize("file", ["BUILD.yaml", "greeting.txt"])
def test_what_is_there_is_never_overwritten_and_nothing_is_written(tmp_path, file):
    (tmp_path / file).write_text("mine")
    with pytest.raises(UsageError):
        init(tmp_path)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {file: "mine"}


def test_a_gitignore_and_a_readme_stay_as_they_are(tmp_path):
    (tmp_path / ".gitignore").write_text("mine")
    assert {path.name for path in init(tmp_path)} == {"BUILD.yaml", "greeting.txt", "README.md"}
    assert (tmp_path / ".gitignore").read_text() == "mine"


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError):
        init(tmp_path / "file")
