"""A machine with an empty store learns all that a target came to in a few questions, whatever the number of nodes: a real server counts."""

from __future__ import annotations

import pytest
from harness.casd import casd

pytestmark = pytest.mark.network  # the shell of a genrule comes from the lock

LEAF = '  leaf{0}: {{rule: genrule, srcs: [word{0}.txt], outs: [leaf{0}], cmd: "cat $SRCS > $OUT"}}\n'


@pytest.fixture
def url(tmp_path):
    with casd(tmp_path / "casd") as address:
        yield address


@pytest.fixture
def wide(ws):
    """Makes a target of so many leaves."""

    def make(count):
        leaves = "".join(LEAF.format(number) for number in range(count))
        inputs = ", ".join(f'":leaf{number}"' for number in range(count))
        ws.write(
            "w/BUILD.yaml", f"targets:\n{leaves}  joined: {{rule: genrule, srcs: [{inputs}], outs: [joined], cmd: cat $SRCS > $OUT}}\n"
        )
        for number in range(count):
            ws.write(f"w/word{number}.txt", f"word {number}\n")
        return ws

    return make


def machine(workspace, name, new_store):
    return workspace.beside(name, cache=new_store(f"{name}-cache"))


def trips(report):
    return report.told["remote"]["round_trips"]


def test_a_target_that_somebody_has_built_costs_the_same_whatever_the_number_of_its_nodes(wide, new_store, url):
    cost = []
    for count in (2, 30):
        made = wide(count)
        made.build("//w:joined", f"--remote={url}")
        report = machine(made, f"empty-{count}", new_store).build("//w:joined", f"--remote={url}")
        assert report.executed == []
        cost.append(trips(report))
    assert cost[0] == cost[1] < 10


def test_one_change_costs_no_question_for_each_of_the_other_nodes(wide, new_store, url):
    made = wide(30)
    made.build("//w:joined", f"--remote={url}")
    second = machine(made, "second", new_store)
    second.write("w/word7.txt", "another word\n")
    report = second.build("//w:joined", f"--remote={url}")
    assert sorted(report.executed) == ["//w:joined genrule", "//w:leaf7 genrule"]
    assert report.text == "".join("another word\n" if number == 7 else f"word {number}\n" for number in range(30))
    assert trips(report) < 30


def test_what_another_has_changed_is_in_the_closure_for_the_next(wide, new_store, url):
    made = wide(30)
    made.build("//w:joined", f"--remote={url}")
    second = machine(made, "second", new_store)
    second.write("w/word7.txt", "another word\n")
    second.build("//w:joined", f"--remote={url}")
    third = machine(second, "third", new_store)
    third.write("w/word8.txt", "a third word\n")
    report = third.build("//w:joined", f"--remote={url}")
    assert sorted(report.executed) == ["//w:joined genrule", "//w:leaf8 genrule"]
    assert trips(report) < 30
