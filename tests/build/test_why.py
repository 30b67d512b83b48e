"""Why a target would run, and why it ran: the leaf that changed is named, with both values."""

import json
import os
import shutil
from dataclasses import replace

import pytest

from lkbuild.base.digest import Digest

pytestmark = pytest.mark.network  # the shell of a genrule comes from the lock

CHAIN = """\
targets:
  strip:
    rule: genrule
    srcs: [settings.txt]
    outs: [stripped.txt]
    cmd: grep -v '^#' $SRCS > $OUT
  tool:
    rule: genrule
    outs: [tool.sh]
    cmd: |
      echo '#!/bin/sh' > $OUT
      echo 'cat "$1"' >> $OUT
      chmod +x $OUT
  both:
    rule: genrule
    srcs: [":strip"]
    tools: [":tool"]
    outs: [both.txt]
    env: {LEVEL: low}
    cmd: $TOOLS $SRCS > $OUT
"""


def why(ws, *arguments):
    done = ws.lkbuild("why", "--json", *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def would(ws, target="//p:both", *arguments):
    """State, reason of the first action, and (kind, name, was, now) of each leaf."""
    (found,) = why(ws, target, *arguments)["targets"]
    actions = found["actions"] or [{"reason": None, "changes": []}]
    return found["state"], actions[0]["reason"], leaves(actions[0])


def records(ws):
    """Files of the recorded builds."""
    return sorted((ws.cache / "workspaces" / Digest.of(os.fsencode(ws.root)).short / "builds").iterdir())


def leaves(action):
    return [(item["kind"], item["name"], item["was"], item["now"]) for item in action["changes"]]


def ran(ws, *arguments):
    """Leaves by action of the last build."""
    return {item["action"]: (item["reason"], leaves(item)) for item in why(ws, "--last", *arguments)["actions"]}


@pytest.fixture
def chain(ws):
    ws.write("p/BUILD.yaml", CHAIN)
    ws.write("p/settings.txt", "# a comment\ncolor=blue\n")
    assert ws.build("//p:both").text == "color=blue\n"
    return ws


def test_what_was_never_built_says_so(ws):
    ws.write("p/BUILD.yaml", CHAIN)
    ws.write("p/settings.txt", "x\n")
    assert would(ws) == ("would_run", "first", [])


def test_without_a_change_it_is_up_to_date(chain):
    assert would(chain) == ("up_to_date", None, [])


def test_the_content_of_a_source_is_named_with_both_digests(chain):
    chain.write("p/settings.txt", "color=red\n")
    state, reason, found = would(chain)
    assert (state, reason) == ("would_run", "changed")
    ((kind, name, was, now),) = found
    assert (kind, name) == ("source", "p/settings.txt")
    assert was != now
    assert (was.partition("/")[2], now.partition("/")[2]) == ("23", "10")
    chain.build("//p:both")
    told = ran(chain)
    assert told["//p:both genrule"] == told["//p:strip genrule"] == ("changed", [(kind, name, was, now)])
    assert set(told) == {"//p:both genrule", "//p:strip genrule"}


def test_a_file_of_files_is_named_by_its_path_and_the_attribute_that_places_it(ws):
    ws.write(
        "p/BUILD.yaml",
        """\
targets:
  files:
    rule: package
    skeleton: false
    files:
      - {path: /etc/one, contents: one}
      - {path: /etc/two, source: conf/two.txt}
""",
    )
    ws.write("p/conf/two.txt", "2\n")
    ws.build("//p:files")
    ws.write("p/conf/two.txt", "two\n")
    (found,) = why(ws, "//p:files")["targets"]
    (change,) = found["actions"][0]["changes"]
    assert (change["kind"], change["name"], change["attribute"]) == ("source", "p/conf/two.txt", "files[1].source")
    assert change["position"] == "p/BUILD.yaml:2"
    assert (change["was"].partition("/")[2], change["now"].partition("/")[2]) == ("2", "4")


def test_the_executable_bit_of_a_source_is_named(chain):
    (chain.root / "p/settings.txt").chmod(0o755)
    ((kind, name, was, now),) = would(chain)[2]
    assert (kind, name, now) == ("source", "p/settings.txt", f"{was} executable")


def test_an_attribute_is_named_with_its_place_and_both_values(chain):
    chain.edit("p/BUILD.yaml", "grep -v '^#' $SRCS", "sed '/^#/d' $SRCS")
    (found,) = why(chain, "//p:both")["targets"]
    (change,) = found["actions"][0]["changes"]
    assert (change["kind"], change["name"], change["action"]) == ("argument", "2", "//p:strip genrule")
    assert change["attributes"] == [{"name": "cmd", "was": "grep -v '^#' $SRCS > $OUT", "now": "sed '/^#/d' $SRCS > $OUT"}]
    assert change["position"] == "p/BUILD.yaml:2"
    assert change["chain"] == ["//p:strip genrule", "//p:both genrule"]
    assert "-grep -v '^#' $SRCS > $OUT" in change["diff"]
    assert "+sed '/^#/d' $SRCS > $OUT" in change["diff"]


def test_a_tool_is_followed_to_what_made_it(chain):
    chain.edit("p/BUILD.yaml", 'cat "$1"\'', 'tac "$1"\'')
    (found,) = why(chain, "//p:both")["targets"]
    (change,) = found["actions"][0]["changes"]
    assert (change["kind"], change["chain"]) == ("argument", ["//p:tool genrule", "//p:both genrule"])
    assert change["attributes"][0]["name"] == "cmd"
    assert "cat" in change["was"]
    assert "tac" in change["now"]


def test_an_environment_entry_is_named_with_both_values(chain):
    chain.edit("p/BUILD.yaml", "LEVEL: low", "LEVEL: high")
    assert would(chain)[2] == [("environment", "LEVEL", "low", "high")]
    chain.edit("p/BUILD.yaml", "LEVEL: high", "OTHER: low")
    assert would(chain)[2] == [("environment", "OTHER", None, "low"), ("environment", "LEVEL", "low", None)]


def test_another_architecture_is_named(chain):
    state, reason, found = would(chain, "//p:both", "--arch", "riscv64")
    assert (state, reason) == ("would_run", "changed")
    assert ("configuration", "", "amd64", "riscv64") in found
    assert ("environment", "ARCH", "amd64", "riscv64") in found


LOCKED = """\
targets:
  word: {{rule: http_file, urls: ["http://127.0.0.1:1/word"], sha256: {sha256}, size: 4}}
  use: {{rule: genrule, srcs: [":word"], outs: [used], cmd: cp $SRCS $OUT}}
"""


def test_a_locked_input_is_named_with_both_digests(ws):
    """Planned, not fetched: nothing listens there. The failed build is recorded like any other."""
    old, new = "0" * 64, "1" * 64
    ws.write("p/BUILD.yaml", LOCKED.format(sha256=f'"{old}"'))
    ws.build("//p:use", code=48)
    ws.write("p/BUILD.yaml", LOCKED.format(sha256=f'"{new}"'))
    (found,) = why(ws, "//p:use")["targets"]
    (change,) = found["actions"][0]["changes"]
    assert change["action"].startswith("//p:word ")
    assert (change["kind"], change["was"], change["now"]) == ("argument", f"sha256:{old}", f"sha256:{new}")
    assert change["attributes"] == [{"name": "sha256", "was": old, "now": new}]


def test_a_dependency_that_came_is_named(chain):
    chain.write("p/more.txt", "more\n")
    chain.edit("p/BUILD.yaml", 'srcs: [":strip"]', 'srcs: [":strip", more.txt]')
    found = would(chain)[2]
    assert [(kind, name, was) for kind, name, was, _ in found if kind == "input"] == [("input", "p/more.txt", None)]
    assert [name for kind, name, _, _ in found if kind == "environment"] == ["SRCS"]


def test_what_the_cache_has_lost_says_so(chain):
    emptied = replace(chain, cache=chain.cache.with_name("other"))
    shutil.copytree(chain.cache / "workspaces", emptied.cache / "workspaces")
    assert would(emptied) == ("would_run", "not_cached", [])


def test_what_failed_says_so(chain):
    chain.edit("p/BUILD.yaml", "cmd: $TOOLS $SRCS > $OUT", "cmd: exit 1")
    chain.build("//p:both", code=1)
    assert would(chain) == ("would_run", "failed", [])


def test_an_edit_that_is_taken_back_is_in_the_cache(chain):
    chain.write("p/settings.txt", "color=red\n")
    chain.build("//p:both")
    chain.write("p/settings.txt", "# a comment\ncolor=blue\n")
    assert would(chain)[0] == "cached"


def test_a_build_of_something_else_between_does_not_count(chain):
    chain.build("//p:tool")
    assert would(chain)[0] == "up_to_date"


def test_a_build_that_does_nothing_is_not_the_last_one(chain):
    chain.build("//p:both")
    assert set(ran(chain)) >= {"//p:both genrule", "//p:strip genrule", "//p:tool genrule"}
    assert set(ran(chain, "//p:strip")) >= {"//p:strip genrule"}
    assert "//p:both genrule" not in ran(chain, "//p:strip")


def test_the_last_build_of_nothing_is_an_error(ws):
    ws.write("p/BUILD.yaml", CHAIN)
    assert ws.lkbuild("why", "--last").returncode == 2


def test_a_damaged_record_counts_as_none(chain):
    (record,) = records(chain)
    data = bytearray(record.read_bytes())
    data[len(data) // 2] ^= 1
    record.write_bytes(data)
    assert chain.lkbuild("why", "--last").returncode == 2
    chain.write("p/settings.txt", "color=red\n")
    assert would(chain)[1] == "first"


def test_no_more_than_the_newest_records_are_kept(chain):
    for number in range(10):
        chain.write("p/settings.txt", f"{number}\n")
        chain.build("//p:strip")
    assert 8 <= len(records(chain)) <= 9  # one more where they rest on it


def test_plain_text_names_the_file(chain):
    chain.write("p/settings.txt", "color=red\n")
    done = chain.lkbuild("why", "//p:both")
    assert "file p/settings.txt" in done.stdout
    assert "//p:strip genrule -> //p:both genrule" in done.stdout
