"""The README's lists agree with the code: what there is, what there is not yet, and the command that starts it all."""

import re
import tomllib

from harness.workspace import REPOSITORY

from lkbuild.cli.verbs import VERBS

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")


def words_of_row(name):
    (row,) = re.findall(rf"^\| {name} \| (.*?): \[", README, flags=re.MULTILINE)
    return row.split(", ")


def test_it_names_every_command():
    assert sorted(words_of_row("commands")) == sorted(VERBS)


def test_what_it_says_is_missing_is_missing():
    (line,) = re.findall(r"^- \*\*Commands\*\*: no (.*?)\.", README, flags=re.MULTILINE)
    missing = re.findall(r"`(\w+)`", line)
    assert missing
    assert not set(missing) & set(VERBS)


def test_its_first_command_installs_and_builds_the_default_target():
    (first,) = re.findall(r"^python3 -m venv .*$", README, flags=re.MULTILINE)
    tool = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    assert first.split(" && ")[-1] == ".venv/bin/lkbuild //images:docker-desktop"
    assert "lkbuild" in tool["hatch"]["build"]["targets"]["wheel"]["shared-scripts"].values()


def test_every_image_and_folder_it_names_is_there():
    (row,) = re.findall(r"^\| images \| (.*?): ", README, flags=re.MULTILINE)
    images = (REPOSITORY / "images" / "BUILD.yaml").read_text(encoding="utf-8")
    assert all(f"\n  {name}:\n    rule: image\n" in images for name in row.split(", "))
