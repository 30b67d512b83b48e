"""What a Dockerfile's image says of its container, told before it is built; the build tests compare it with an engine's."""

import pytest

from lkbuild.dockerfile.config import image_config
from lkbuild.dockerfile.stages import parse

PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
BASE = {"Env": ["PATH=/bin", "A=1"], "Cmd": ["base"], "Entrypoint": ["entry"], "WorkingDir": "/srv", "User": "7", "Labels": {"x": "y"}}


def config(text, **given):
    file = parse(text, "Dockerfile", given=given)
    return image_config(file, dict.fromkeys(file.uses(), BASE))


def test_a_base_is_what_nothing_changes():
    assert config("FROM base\nRUN true\n") == {name: value for name, value in BASE.items() if name != "Labels"}
    assert config("FROM scratch\n") == {"Env": [PATH]}


@pytest.mark.parametrize(
    ("lines", "name", "expected"),
    [
        ('CMD ["a", "b"]', "Cmd", ["a", "b"]),
        ("CMD a  b", "Cmd", ["/bin/sh", "-c", "a  b"]),
        ('SHELL ["/bin/bash", "-x"]\nCMD a', "Cmd", ["/bin/bash", "-x", "a"]),
        ('ENTRYPOINT ["new"]', "Cmd", None),
        ('CMD ["kept"]\nENTRYPOINT ["new"]', "Cmd", ["kept"]),
        ("ENTRYPOINT [not json]", "Entrypoint", ["/bin/sh", "-c", "[not json]"]),
        ("ENV B=2 C='x y' D=$A$B", "Env", ["PATH=/bin", "A=1", "B=2", "C=x y", "D=1"]),
        ("ENV B two words", "Env", ["PATH=/bin", "A=1", "B=two words"]),
        ("ARG B=2\nENV A=$B", "Env", ["PATH=/bin", "A=2"]),
        ("ARG A=9\nENV B=$A", "Env", ["PATH=/bin", "A=1", "B=1"]),
        ('ENV B="\\$A \\"q\\" \\x"', "Env", ["PATH=/bin", "A=1", 'B=$A "q" \\x']),
        ("WORKDIR a\nWORKDIR ../b/$A", "WorkingDir", "/srv/b/1"),
        ("WORKDIR /", "WorkingDir", None),
        ("USER 1:2", "User", "1:2"),
        ('LABEL a=1 org.mobyproject.config=\'{"pid": "host"}\'', "Labels", {"org.mobyproject.config": '{"pid": "host"}'}),
        ("LABEL org.mobyproject.config {}", "Labels", {"org.mobyproject.config": "{}"}),
        ("LABEL a=1", "Labels", None),
    ],
)
def test_each_instruction_says_what_it_says(lines, name, expected):
    assert config(f"FROM base\n{lines}\n").get(name) == expected


def test_a_stage_inherits_from_the_stage_it_begins_with_but_not_its_arguments():
    text = 'ARG V=1\nFROM base AS a\nARG V\nENV X=$V\nCMD ["a"]\nFROM a\nENV Y=$V\n'
    assert config(text, V="2")["Env"][-2:] == ["X=2", "Y="]
    assert config(text)["Cmd"] == ["a"]


def test_of_labels_that_is_inherited_which_says_how_a_container_is_run():
    text = "FROM base AS a\nLABEL org.mobyproject.config=1\nFROM a\n"
    assert config(text)["Labels"] == {"org.mobyproject.config": "1"}
    file = parse("FROM base\nLABEL b=1\n", "Dockerfile", given={})
    below = {"Labels": {"org.mobyproject.config": "2", "a": "b"}}
    assert image_config(file, dict.fromkeys(file.uses(), below))["Labels"] == {"org.mobyproject.config": "2"}
