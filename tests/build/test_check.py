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
    # With the tree of its shell; without what it takes from //p:a.
    assert (checked.executed, checked.counts["executed"]) == (["bundled toolchain deb_tree", "//p:b genrule"], 2)
    assert ws.build("//p:b").executed == []


@pytest.mark.parametrize("cmd", ["cat /proc/sys/kernel/random/uuid > $OUT", "cat /proc/uptime > $OUT", "head -c 16 /dev/urandom > $OUT"])
def test_what_gives_other_bytes_each_time_is_an_error_that_names_it(ws, cmd):
    ws.write("p/BUILD.yaml", BUILD.format(cmd=cmd))
    before = ws.build("//p:a")
    (error,) = ws.build("--check", "//p:a", code=50).errors
    assert (error["class"], error["label"]) == ("NotReproducible", "//p:a")
    # The store holds what it held.
    after = ws.build("//p:a")
    assert (after.executed, after.digests) == ([], before.digests)


def test_all_targets_are_checked_each_in_a_sandbox_of_its_own(ws):
    ws.write("p/BUILD.yaml", BUILD.format(cmd="pwd > $OUT; ls -A /tmp . >> $OUT"))
    ws.write("q/BUILD.yaml", "targets:\n  c: {rule: genrule, outs: [z], cmd: cat /proc/sys/kernel/random/uuid > $OUT}\n")
    ws.build("//...")
    checked = ws.build("--check", "//...", code=50)
    assert {"//p:a genrule", "//p:b genrule", "//q:c genrule"} <= set(checked.executed)
    assert [error["label"] for error in checked.errors] == ["//q:c"]


#: The third of four outputs is another one each time, and of what is in it one member, not the first.
ARCHIVE = """\
targets:
  a:
    rule: genrule
    outs: [one, two, three.tar, four]
    cmd: |
      mkdir -p /tmp/x/d && cd /tmp/x
      echo same > aa; cat /proc/sys/kernel/random/uuid > d/stamp; cat d/stamp > d/later
      tar -c -f "$OLDPWD/$OUT_DIR/three.tar" aa d/stamp d/later
      cd "$OLDPWD/$OUT_DIR" && echo 1 > one && echo 2 > two && cp /tmp/x/d/stamp four
"""


def test_the_first_member_of_the_first_output_that_differs_is_named(ws):
    ws.write("p/BUILD.yaml", ARCHIVE)
    report = ws.build("--check", "//p:a", code=50)
    assert "three.tar" in report.errors[0]["message"]
    assert "member d/stamp" in report.stderr
