"""Two keys, two builds, two machines: what differs is named."""

import json
import os
import shutil

import pytest

from lkbuild.base.digest import Digest

pytestmark = pytest.mark.network  # the shell of a genrule comes from the lock

PAIR = """\
targets:
  a: {rule: genrule, srcs: [in.txt], outs: [a], cmd: cp $SRCS $OUT, env: {LEVEL: low}}
  b: {rule: genrule, srcs: [":a"], outs: [b], cmd: cp $SRCS $OUT}
"""


@pytest.fixture
def pair(ws):
    ws.write("p/BUILD.yaml", PAIR)
    ws.write("p/in.txt", "one\n")
    return ws


def diff(ws, one, other):
    done = ws.lkbuild("diff", "--json", one, other)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def records(ws):
    return sorted((ws.cache / "workspaces" / Digest.of(os.fsencode(ws.root)).short / "builds").iterdir())


def changes(told):
    return [(item["kind"], item["name"], item["was"], item["now"]) for item in told["changes"]]


def test_two_keys_differ_in_the_leaf(pair):
    one = pair.build("//p:b").keys["//p:b"]
    pair.edit("p/BUILD.yaml", "low", "high")
    other = pair.build("//p:b").keys["//p:b"]
    told = diff(pair, one[:12], other[:12])
    assert changes(told) == [("environment", "LEVEL", "low", "high")]
    assert told["changes"][0]["chain"] == ["//p:a genrule", "//p:b genrule"]


def test_a_key_is_equal_to_itself(pair):
    key = pair.build("//p:b").keys["//p:b"]
    assert diff(pair, key, key)["equal"]


def test_two_builds_differ_in_their_own_parts_the_first_first(pair):
    pair.build("//p:b")
    pair.edit("p/BUILD.yaml", "low", "high")
    pair.write("p/in.txt", "two\n")
    pair.build("//p/...")
    one, other = (record.stem for record in records(pair))
    told = diff(pair, one, other)
    assert [item[:2] for item in changes(told)] == [("environment", "LEVEL"), ("source", "p/in.txt")]
    assert (told["gone"], told["added"]) == ([], [])


def test_an_action_of_one_build_only_is_named(pair):
    pair.build("//p:a")
    pair.build("//p:b")
    one, other = (str(record) for record in records(pair))
    assert diff(pair, one, other)["added"][-1] == "//p:b genrule"


def test_records_of_two_machines_tell_a_result_that_is_not_reproducible(pair, tmp_path, seed):
    pair.edit("p/BUILD.yaml", "cmd: cp $SRCS $OUT, env", "cmd: cat /proc/sys/kernel/random/uuid > $OUT, env")
    shutil.copytree(seed, tmp_path / "theirs", symlinks=True)
    theirs = pair.beside("theirs-workspace", cache=tmp_path / "theirs")
    for machine in (pair, theirs):
        machine.build("//p:a")
    told = diff(pair, *(str(records(machine)[-1]) for machine in (pair, theirs)))
    assert told["changes"] == []
    assert [(item["action"], item["path"]) for item in told["results"]] == [("//p:a genrule", "out/a")]
    assert "the bytes are not" in pair.lkbuild("diff", *(str(records(machine)[-1]) for machine in (pair, theirs))).stdout


@pytest.mark.parametrize("words", [("0" * 64, "1" * 64), ("nonsense", "x"), ("./no.keys", "./no.keys"), ("2", "2"), ("20",)])
def test_what_is_not_recorded_is_an_error_of_usage(pair, words):
    pair.build("//p:a")
    assert pair.lkbuild("diff", *words).returncode == 2


def test_a_key_and_a_build_can_not_be_compared(pair):
    key = pair.build("//p:a").keys["//p:a"]
    assert pair.lkbuild("diff", key, records(pair)[0].stem).returncode == 2
