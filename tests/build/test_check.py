"""`--check` runs again what is cached and compares: same bytes are silence, others are an error with exit code 50."""

import pytest

pytestmark = pytest.mark.network  # the shell of a genrule comes from the lock

BUILD = """\
targets:
  a: {{rule: genrule, outs: [x], cmd: {cmd}}}
  b: {{rule: genrule, srcs: [":a"], outs: [y], cmd: cp $SRCS $OUT}}
"""


def test_what_gives_the_same_bytes_passes(ws):
    ws.write("p/BUILD.yaml", BUILD.format(cmd="echo same > $OUT"))
    ws.build("//p:b")
    checked = ws.build("--check", "//p:b")
    assert checked.states == {"//p:b": "up_to_date"}
    assert ws.build("//p:b").executed == []


@pytest.mark.parametrize("cmd", ["cat /proc/sys/kernel/random/uuid > $OUT", "date +%s%N > $OUT", "head -c 16 /dev/urandom > $OUT"])
def test_what_gives_other_bytes_each_time_is_an_error_that_names_it(ws, cmd):
    ws.write("p/BUILD.yaml", BUILD.format(cmd=cmd))
    before = ws.build("//p:a")
    (error,) = ws.build("--check", "//p:a", code=50).errors
    assert (error["class"], error["label"]) == ("NotReproducible", "//p:a")
    # The store holds what it held.
    after = ws.build("//p:a")
    assert (after.executed, after.digests) == ([], before.digests)
