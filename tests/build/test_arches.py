"""Several architectures in one build: one graph, and what does not depend on the architecture is made once."""

import pytest

pytestmark = pytest.mark.network  # the shell of a genrule comes from the lock

ARCHES = ("amd64", "arm64", "riscv64", "s390x")


@pytest.fixture
def both(ws):
    """A package of a configuration file, which is the same everywhere, and a program that is not."""
    ws.write(
        "p/BUILD.yaml",
        """targets:
  settings: {rule: package, skeleton: false, files: [{path: /etc/settings, contents: "x = 1"}]}
  program: {rule: genrule, outs: [program], cmd: echo $ARCH > $OUT}
  native: {rule: genrule, outs: [native], cmd: echo native > $OUT, arches: [arm64, s390x]}
""",
    )
    return ws


def arches_of(report):
    return [target["configuration"] for target in report.told["targets"]]


def test_what_is_the_same_for_all_architectures_is_made_once(both):
    report = both.build("--arch", "all", "//p:settings", "//p:program")
    assert sorted(report.executed) == ["//p:program genrule"] * 4 + ["//p:settings layer"]
    # The other three of the layer are that one, as much as if an earlier build had made it. (The shell was fetched for the seed.)
    assert report.counts["executed"] == 5
    assert report.counts["up_to_date"] >= 3
    assert arches_of(report) == [arch for arch in ARCHES for _ in range(2)]
    layers = {path for path in report.paths if path.suffix == ".tar"}
    assert len(layers) == 4
    assert len({path.read_bytes() for path in layers}) == 1
    assert {path.read_text() for path in report.paths if path.name == "program"} == {f"{arch}\n" for arch in ARCHES}


def test_architectures_may_be_named_one_by_one_and_a_second_one_finds_what_the_first_made(both):
    assert both.build("--arch", "arm64", "//p:settings").executed == ["//p:settings layer"]
    report = both.build("--arch", "s390x", "--arch", "riscv64", "--arch", "s390x", "//p:settings")
    assert report.executed == []
    assert arches_of(report) == ["s390x", "riscv64"]


def test_a_wildcard_leaves_out_what_is_for_other_architectures_and_a_name_does_not(both):
    report = both.build("--arch", "all", "//p:all")
    assert [target["configuration"] for target in report.told["targets"] if target["label"] == "//p:native"] == ["arm64", "s390x"]
    told = both.build("--arch", "all", "//p:native", code=7).errors  # for amd64 and riscv64
    assert [(error["class"], error["file"], error["line"]) for error in told] == [("AnalysisError", "p/BUILD.yaml", 4)] * 2


def test_what_is_wrong_for_every_architecture_is_told_once(both):
    both.edit("p/BUILD.yaml", "cmd: echo $ARCH > $OUT", "cmd: echo $ARCH > $OUT, srcs: [':nowhere']")
    (error,) = both.build("--arch", "all", "//p:program", code=7).errors
    assert (error["class"], error["file"]) == ("LoadError", "p/BUILD.yaml")


def test_a_failure_for_one_architecture_does_not_keep_the_others(both):
    both.edit("p/BUILD.yaml", "cmd: echo $ARCH > $OUT", "cmd: '[ $ARCH != riscv64 ] && echo $ARCH > $OUT'")
    report = both.build("--arch", "all", "--keep-going", "//p:program", code=1)
    states = {target["configuration"]: target["state"] for target in report.told["targets"]}
    assert states == {"amd64": "built", "arm64": "built", "riscv64": "failed", "s390x": "built"}
