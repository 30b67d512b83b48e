"""Two builds on one store at once, one of them killed: the other ends well, the next build is right, the store is whole."""

import json
import os
import signal
import time

import pytest

pytestmark = pytest.mark.network  # the shell of a genrule comes from the lock

COUNT = 12


@pytest.fixture
def many(ws):
    """Small and large outputs, chained and independent, each long enough to be killed within."""
    lines = ["targets:"]
    for number in range(COUNT):
        source = f'":t{number - 1}"' if number % 3 else "word.txt"
        size = 20_000 if number % 2 else 1
        cmd = f"head -n 1 $SRCS > $OUT; seq 1 {size} >> $OUT; sleep 0.1"
        lines.append(f'  t{number}: {{rule: genrule, srcs: [{source}], outs: [x], cmd: "{cmd}"}}')
    ws.write("p/BUILD.yaml", "\n".join(lines) + "\n")
    ws.write("p/word.txt", "word\n")
    return ws


def right(report):
    for number, path in enumerate(sorted(report.paths, key=lambda path: int(path.parent.name[1:]))):
        lines = path.read_text().splitlines()
        assert (lines[0], lines[-1]) == ("word", "20000" if number % 2 else "1")
    assert len(report.paths) == COUNT


def clean(ws):
    done = ws.lkbuild("cache", "verify")
    assert done.returncode == 0, done.stdout + done.stderr


def test_two_builds_at_once_both_end_well_and_share(many):
    there = many.beside("there")
    processes = [many.start("build", "--json", "//p/..."), there.start("build", "--json", "//p/...")]
    answers = [process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0, 0], answers
    right(many.build("//p/..."))
    right(there.build("//p/..."))
    clean(many)


def test_what_takes_seconds_is_run_once_for_both(ws):
    ws.write("p/BUILD.yaml", "targets:\n  slow: {rule: genrule, srcs: [in.txt], outs: [x], cmd: sleep 2.5; cat $SRCS > $OUT}\n")
    ws.write("p/in.txt", "first\n")
    ws.build("//p:slow")  # how long it takes is known from now on
    ws.write("p/in.txt", "second\n")
    there = ws.beside("there")
    processes = [one.start("build", "--json", "//p:slow") for one in (ws, there)]
    told = [json.loads(process.communicate()[0]) for process in processes]
    assert sorted(report["executed"] for report in told) == [[], ["//p:slow genrule"]]
    assert sum(report["counts"]["local_hit"] for report in told) >= 1
    assert ws.build("//p:slow").path.read_text() == there.build("//p:slow").path.read_text() == "second\n"


# When it is killed must not matter: each number is another moment.
@pytest.mark.parametrize("number", range(4))
def test_one_of_two_builds_is_killed(many, number):
    there = many.beside("there")
    killed, other = many.start("build", "--json", "//p/..."), there.start("build", "--json", "//p/...")
    moment = 0.3 + 0.5 * number
    time.sleep(moment)
    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate()
    out, err = other.communicate()
    assert other.returncode == 0, out + err
    clean(many)
    again = many.build("//p/...")
    assert again.executed == []
    right(again)
    right(there.build("//p/..."))


def test_both_builds_are_killed_and_the_next_is_right(many):
    there = many.beside("there")
    processes = [many.start("build", "//p/..."), there.start("build", "//p/...")]
    time.sleep(1.5)
    for process in processes:
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    clean(many)
    right(many.build("//p/..."))
    clean(many)


def test_what_killed_builds_left_behind_is_gone_after_the_next(many):
    process = many.start("build", "//p/...")
    time.sleep(1.2)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    many.build("//p/...")
    assert [path for path in (many.cache / "tmp").rglob("*") if path.is_file()] == []


def test_the_same_checkout_twice_at_once(many):
    processes = [many.start("build", "--json", "//p/...") for _ in range(2)]
    answers = [process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0, 0], answers
    right(many.build("//p/..."))
    clean(many)
