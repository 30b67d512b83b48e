"""Dockerfiles as values: stages, what they build upon, and the text that an engine gets."""

import pytest

from lkbuild.base.errors import LoadError
from lkbuild.dockerfile.stages import SCRATCH, parse, refuse_reaching

GIVEN = {"TARGETPLATFORM": "linux/arm64", "TARGETARCH": "arm64", "BUILDPLATFORM": "linux/amd64", "BUILDARCH": "amd64"}


def read(text, target="", **given):
    return parse(text, "Dockerfile", given={**GIVEN, **given}, target=target)


def references(file):
    return [(use.reference, use.execution) for use in file.uses()]


def test_what_the_target_needs_is_used_and_nothing_else():
    text = """FROM one AS a
FROM two AS b
COPY --from=a /x /x
FROM three AS c
FROM B
COPY --from=four:1 --chown=1:1 /x /x
RUN --mount=type=bind,from=five,source=/y,target=/y --mount=type=cache,target=/c true
COPY --from=0 /z /z
"""
    assert references(read(text)) == [("one", False), ("two", False), ("four:1", False), ("five", False)]
    assert references(read(text, "c")) == [("three", False)]
    assert references(read(text, "A")) == [("one", False)]


@pytest.mark.parametrize(
    ("head", "given", "expected"),
    [
        ("ARG BASE=one\nFROM ${BASE}", {}, "one"),
        ("ARG BASE=one\nFROM $BASE", {"BASE": "two"}, "two"),
        ("ARG A=x\nARG B=${A}y\nFROM $B:${TAG:-1}", {}, "xy:1"),
        ("FROM ${X:-fallback}", {"X": "not declared"}, "fallback"),
        ("ARG X\nFROM ${X:+set}${X:-unset}", {"X": "v"}, "setv"),
        ("FROM build-${TARGETARCH}", {}, "build-arm64"),
        ("FROM 'quoted'", {}, "quoted"),
    ],
)
def test_variables_of_a_from_are_those_before_it(head, given, expected):
    assert references(read(f"{head}\nRUN true\n", **given)) == [(expected, False)]


def test_a_base_for_the_build_platform_is_a_tool():
    text = "FROM --platform=$BUILDPLATFORM go AS build\nFROM --platform=$TARGETPLATFORM os\nCOPY --from=build /x /x\n"
    assert references(read(text)) == [("go", True), ("os", False)]
    native = parse(text, "Dockerfile", given={**GIVEN, "BUILDPLATFORM": "linux/arm64"})
    assert references(native) == [("go", False), ("os", False)]


def test_the_text_for_an_engine_has_names_for_images_and_the_same_lines():
    text = """# syntax=docker/dockerfile:1
# escape=`
FROM `
  # a comment within
  one AS a
RUN <<END
FROM nowhere
END
run echo `
  x
FROM unneeded AS b
FROM a
COPY --from=one /x /x
RUN --network=none true
"""
    file = read(text)
    lines = file.rewritten(dict.fromkeys(file.uses(), "base"), isolated=True).splitlines()
    assert len(lines) == len(text.splitlines())
    assert lines[:3] == ["# escape=`", "#", "FROM base AS a"]
    assert lines[5:9] == ["RUN --network=none <<END", "FROM nowhere", "END", "RUN --network=none echo `"]
    assert lines[10:14] == [f"FROM {SCRATCH} AS b", "FROM a", "COPY --from=base /x /x", "RUN --network=none true"]


@pytest.mark.parametrize(
    ("line", "refused"),
    [
        ("RUN --network=host true", True),
        ("RUN --network=default true", True),
        ("RUN --network=none true", False),
        ("ADD https://example.com/x /x", True),
        ("ADD --checksum=sha256:00 https://example.com/x /x", False),
        ("ADD git@example.com:a/b.git /x", True),
        ("ADD local.tar /x", False),
        ("COPY https.txt /x", False),
    ],
)
def test_what_asks_for_the_network_is_refused_where_it_stands(line, refused):
    file = read(f"FROM {SCRATCH}\n{line}\n")
    if not refused:
        refuse_reaching(file)
        return
    with pytest.raises(LoadError) as caught:
        refuse_reaching(file)
    assert (caught.value.position.line, bool(caught.value.hint)) == (2, True)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", 1),
        ("RUN x\nFROM y\n", 1),
        ("FROM x AS\n", 1),
        ("FROM x\n<html>\n", 2),
        ("ARG X\n\nFROM $X\n", 3),
        ("FROM ${X#a}\n", 1),
        ("FROM x\nRUN <<E\n", 2),
    ],
)
def test_what_is_no_dockerfile_is_an_error_at_its_line(text, line):
    with pytest.raises(LoadError) as caught:
        read(text)
    assert caught.value.position.line == line
    assert caught.value.hint


def test_a_stage_that_is_not_there_is_an_error_with_the_nearest():
    with pytest.raises(LoadError) as caught:
        read("FROM x AS build\n", "biuld")
    assert "build" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "target", "expected"),
    [
        ("FROM one\nRUN true\n", "", True),
        ("FROM one\nCOPY a /a\n", "", False),
        # What runs is a tool of the machine that builds, also in a stage that begins with one.
        (
            "FROM --platform=$BUILDPLATFORM go AS build\nRUN true\nFROM build AS more\nRUN true\nFROM os\nCOPY --from=more /x /x\n",
            "",
            False,
        ),
        ("FROM --platform=$BUILDPLATFORM go AS build\nRUN true\nFROM os\nCOPY --from=build /x /x\nRUN true\n", "", True),
        ("FROM one AS a\nFROM two AS b\nRUN true\n", "a", False),
    ],
)
def test_whether_programs_of_the_target_run(text, target, expected):
    assert read(text, target).runs is expected
