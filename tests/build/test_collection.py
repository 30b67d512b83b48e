"""A build looks after its store: beyond the workspace's policy, what was not used for a day goes; what it uses itself never does."""

import contextlib
import json
import shutil
import sqlite3
import time

import pytest

pytestmark = pytest.mark.network  # the shell of a genrule comes from the lock

BUILD = """\
targets:
  old: {rule: genrule, outs: [x], cmd: head -c 3000000 /dev/urandom > $OUT}
  new: {rule: genrule, srcs: [word.txt], outs: [x], cmd: cp $SRCS $OUT}
"""
DAY = 86400


@pytest.fixture
def aged(ws):
    """A target was built, and then nothing for two days."""
    ws.write("p/BUILD.yaml", BUILD)
    ws.write("p/word.txt", "1\n")
    ws.build("//p:old")
    age(ws)
    return ws


def age(ws):
    with contextlib.closing(sqlite3.connect(ws.cache / "store.sqlite")) as database, database:
        for table in ("blobs", "actions", "trees"):
            database.execute(f"UPDATE {table} SET used = ?", (int(time.time()) - 2 * DAY,))  # noqa: S608 - three names
        database.execute("DELETE FROM meta WHERE name = 'looked'")


def size(ws):
    return json.loads(ws.lkbuild("cache", "info", "--json").stdout)["total_bytes"]


@pytest.mark.parametrize("limit", ["max_size: 1M", "max_age: 25h", "min_free: 1000T"])
def test_a_build_takes_what_is_beyond_the_policy(aged, limit):
    aged.write("cache/cache.yaml", f"store:\n  {limit}\n")
    before = size(aged)
    report = aged.build("//p:new")
    assert report.executed == ["//p:new genrule"]
    assert "collected" in report.stderr
    assert size(aged) < before - 2_000_000
    # What this build used is there, what it did not is made again.
    shutil.rmtree(aged.root / "lkbuild-out")  # what is there already is asked of no store
    assert aged.build("//p:new").executed == []
    assert "//p:old genrule" in aged.build("//p:old").executed
    assert aged.lkbuild("cache", "verify").returncode == 0


@pytest.mark.parametrize("policy", [None, "store:\n  max_size: 1G\n  max_age: 30d\n  min_free: 1K\n"], ids=["none", "wide"])
def test_a_build_within_the_policy_takes_nothing(aged, policy):
    if policy:
        aged.write("cache/cache.yaml", policy)
    aged.build("//p:new")
    shutil.rmtree(aged.root / "lkbuild-out")
    assert aged.build("//p:old").executed == []


def test_what_was_used_within_a_day_stays_however_narrow_the_policy_is(ws):
    ws.write("p/BUILD.yaml", BUILD)
    ws.write("p/word.txt", "1\n")
    ws.write("cache/cache.yaml", "store:\n  max_size: 0\n")
    ws.build("//p:old")
    ws.build("//p:new")
    assert ws.build("//...").executed == []


def test_gc_says_what_would_go_and_takes_it_when_told(aged):
    before = size(aged)
    would = json.loads(aged.lkbuild("cache", "gc", "--json", "--max-size", "1M", "--dry-run").stdout)
    assert would["bytes_freed"] > 2_000_000
    assert size(aged) == before
    did = json.loads(aged.lkbuild("cache", "gc", "--json", "--max-size", "1M").stdout)
    assert did["blobs"] == would["blobs"]
    assert size(aged) < before - 2_000_000
