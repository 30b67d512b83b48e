"""`lkbuild init`."""

import pytest
import yaml

from lkbuild.analysis.load_rules import RuleRegistry
from lkbuild.app.init import around, init
from lkbuild.base.errors import HostError, UsageError
from lkbuild.base.label import Label
from lkbuild.loading.workspace import WorkspaceLoader


def test_a_new_folder_gets_a_workspace_named_after_it(tmp_path):
    written = init(tmp_path / "a" / "hello")
    assert {path.name for path in written} == {"BUILD.yaml", "greeting.txt", ".gitignore", "README.md"}
    value = yaml.safe_load((tmp_path / "a/hello/BUILD.yaml").read_text())
    assert value["workspace"]["name"] == "hello"
    assert value["targets"]["hello"]["rule"] == "genrule"


@pytest.mark.parametrize("folder", ["no", "1e3", "null", "x.y-z", "a b: c", "名前", "-", "it's"])
def test_any_folder_becomes_a_workspace_that_loads(tmp_path, folder):
    init(tmp_path / folder)
    registry = RuleRegistry.of_workspace(tmp_path / folder)
    loaded = WorkspaceLoader(tmp_path / folder, registry.get, registry.names)
    assert isinstance(loaded.workspace.name, str)
    assert loaded.target(Label("", "hello")).rule == "genrule"


@pytest.mark.parametrize("name", ["a b", "-x", "名前", 'quo"te'])
def test_a_name_that_no_workspace_may_have_is_refused(tmp_path, name):
    with pytest.raises(UsageError):
        init(tmp_path, name)
    assert not list(tmp_path.iterdir())


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


def test_where_a_file_can_not_be_written_nothing_of_it_stays(tmp_path):
    (tmp_path / "README.md").symlink_to("nowhere/README.md")
    with pytest.raises(HostError):
        init(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError):
        init(tmp_path / "file")


@pytest.mark.parametrize(
    ("folder", "ignore", "told"),
    [
        ("a/b", "", True),
        ("a/b", "ignore: [c]", True),
        ("a/b", "ignore: [a/b]", False),
        ("a/b", "ignore: [a]", False),
        (".x/b", "", False),
        ("a", "nonsense: 1", True),
    ],
)
def test_the_workspace_around_is_told_of_unless_it_does_not_look_there(tmp_path, folder, ignore, told):
    (tmp_path / "BUILD.yaml").write_text(f"workspace:\n  name: outer\n  {ignore}\n")
    init(tmp_path / folder)
    assert around(tmp_path / folder) == ((tmp_path, folder) if told else None)


def test_without_a_workspace_around_there_is_nothing_to_tell(tmp_path):
    init(tmp_path / "a")
    assert around(tmp_path / "a") is None
