"""What happens in a build can be followed in a file, looked at as a timeline, and summed up by its critical path."""

import json
from pathlib import Path

import pytest

pytestmark = pytest.mark.network  # the shell of a genrule comes from the lock

CHAIN = """\
targets:
  a: {rule: genrule, srcs: [in.txt], outs: [a], cmd: cp $SRCS $OUT}
  b: {rule: genrule, srcs: [":a"], outs: [b], cmd: cp $SRCS $OUT}
  side: {rule: genrule, srcs: [in.txt], outs: [side], cmd: cp $SRCS $OUT}
  top: {rule: genrule, srcs: [":b", ":side"], outs: [top], cmd: cat $SRCS > $OUT}
"""


@pytest.fixture
def chain(ws):
    ws.write("p/BUILD.yaml", CHAIN)
    ws.write("p/in.txt", "one\n")
    return ws


def events(ws, *arguments, code=0):
    ws.build("--events", "events.jsonl", *arguments, code=code)
    return [json.loads(line) for line in (ws.root / "events.jsonl").read_text().splitlines()]


def answers(lines):
    return {
        line["label"]: (line["source"], line["reason"]) for line in lines if line["event"] == "action" and line["mnemonic"] == "genrule"
    }


def test_a_build_tells_each_action_with_its_reason(chain):
    lines = events(chain, "//p:top")
    assert [lines[0]["event"], lines[1]["event"], lines[-1]["event"]] == ["started", "configured", "finished"]
    assert answers(lines) == dict.fromkeys(["//p:a", "//p:b", "//p:side", "//p:top"], ("executed", "first"))
    chain.edit("p/BUILD.yaml", 'srcs: [":a"], outs: [b], cmd: cp', 'srcs: [":a"], outs: [b], cmd: cp -p')
    told = answers(events(chain, "//p:top"))
    # The same bytes under another command: the build stops there.
    assert told["//p:b"] == ("executed", "changed: argument 2 of //p:b genrule")
    assert "//p:a" not in told
    assert told["//p:top"][0] == "local_hit"


def test_a_build_of_nothing_writes_its_events_each_time(chain):
    events(chain, "//p:top")
    for _ in range(2):
        (chain.root / "events.jsonl").unlink()
        lines = events(chain, "//p:top")
        assert [line["event"] for line in lines] == ["started", "configured", "actions", "finished"]


def test_a_failure_is_told_and_the_file_ends(chain):
    chain.edit("p/BUILD.yaml", "outs: [side], cmd: cp $SRCS $OUT", "outs: [side], cmd: exit 1")
    lines = events(chain, "//p:side", code=1)
    assert answers(lines)["//p:side"] == ("failed", "first")
    assert (lines[-1]["event"], lines[-1]["ok"]) == ("finished", False)
    assert answers(events(chain, "//p:side", code=1))["//p:side"] == ("failed", "failed")


def test_a_file_of_events_that_can_not_be_made_is_an_error_of_usage(chain):
    assert chain.lkbuild("build", "//p:top", "--events", "no/such/folder").returncode == 2


def test_a_build_leaves_a_timeline(chain):
    assert chain.lkbuild("info", "trace").returncode == 2
    chain.build("//p:top")
    done = chain.lkbuild("info", "trace")
    trace = json.loads(Path(done.stdout.strip()).read_text())
    labels = [event["args"]["label"] for event in trace["traceEvents"] if event["ph"] == "X"]
    assert {"//p:a", "//p:b", "//p:side", "//p:top"} <= set(labels)
    chain.build("//p:top")
    assert chain.lkbuild("info", "trace").stdout == done.stdout


def test_the_critical_path_is_a_chain_of_what_ran(chain):
    path = [step["action"] for step in chain.build("//p:top").told["critical_path"]]
    assert path[-1] == "//p:top genrule"
    assert path[-2] in ("//p:b genrule", "//p:side genrule")
    assert chain.build("//p:top").told["critical_path"] == []
