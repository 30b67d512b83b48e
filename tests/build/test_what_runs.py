"""After an edit exactly what depends on it runs, and where the bytes stay the same it stops."""

import os

import pytest

pytestmark = pytest.mark.network  # the shell of a genrule comes from the lock

# strip -> upper -> both <- other
DIAMOND = """\
targets:
  strip:
    rule: genrule
    srcs: [settings.txt]
    outs: [stripped.txt]
    cmd: grep -v '^#' $SRCS > $OUT
  upper:
    rule: genrule
    srcs: [":strip"]
    outs: [upper.txt]
    cmd: tr a-z A-Z < $SRCS > $OUT
  other:
    rule: genrule
    srcs: [other.txt]
    outs: [other.out]
    cmd: cp $SRCS $OUT
  both:
    rule: genrule
    srcs: [":upper", ":other"]
    outs: [both.txt]
    cmd: cat $SRCS > $OUT
"""


@pytest.fixture
def diamond(ws):
    ws.write("p/BUILD.yaml", DIAMOND)
    ws.write("p/settings.txt", "# a comment\ncolor=blue\n")
    ws.write("p/other.txt", "other\n")
    first = ws.build("//p:both")
    assert sorted(first.executed) == ["//p:both genrule", "//p:other genrule", "//p:strip genrule", "//p:upper genrule"]
    assert first.text == "COLOR=BLUE\nother\n"
    return ws


def test_a_second_build_executes_nothing(diamond):
    again = diamond.build("//p:both")
    assert again.executed == []
    assert set(again.counts) == {"up_to_date"}
    assert again.states == {"//p:both": "up_to_date"}


def test_only_what_depends_on_an_edit_runs(diamond):
    diamond.write("p/other.txt", "another\n")
    after = diamond.build("//p:both")
    assert after.executed == ["//p:other genrule", "//p:both genrule"]
    assert after.text == "COLOR=BLUE\nanother\n"


def test_an_edit_that_gives_the_same_bytes_stops_there(diamond):
    diamond.write("p/settings.txt", "# another comment\ncolor=blue\n")
    after = diamond.build("//p:both")
    assert after.executed == ["//p:strip genrule"]
    assert after.text == "COLOR=BLUE\nother\n"
    assert diamond.build("//p:both").executed == []


def test_what_was_cut_off_is_not_forgotten_when_a_real_edit_follows(diamond):
    diamond.write("p/settings.txt", "# another comment\ncolor=blue\n")
    diamond.build("//p:both")
    diamond.write("p/settings.txt", "# another comment\ncolor=red\n")
    after = diamond.build("//p:both")
    assert after.executed == ["//p:strip genrule", "//p:upper genrule", "//p:both genrule"]
    assert after.text == "COLOR=RED\nother\n"


def test_an_edit_that_is_taken_back_executes_nothing(diamond):
    diamond.write("p/settings.txt", "color=red\n")
    assert diamond.build("//p:both").text == "COLOR=RED\nother\n"
    diamond.write("p/settings.txt", "# a comment\ncolor=blue\n")
    back = diamond.build("//p:both")
    assert back.executed == []
    assert back.text == "COLOR=BLUE\nother\n"


def test_a_touched_file_executes_nothing(diamond):
    os.utime(diamond.root / "p/settings.txt", (1, 1))
    assert diamond.build("//p:both").executed == []


def test_another_order_of_targets_is_the_same_build(diamond):
    one, other = diamond.build("//p:both", "//p:upper"), diamond.build("//p:upper", "//p:both")
    assert (one.keys, one.digests) == (other.keys, other.digests)
    assert other.executed == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("cmd: cp $SRCS $OUT", "cmd: cat $SRCS > $OUT"),
        ("cmd: cp $SRCS $OUT", "env: {X: y}\n    cmd: cp $SRCS $OUT"),
        ("outs: [other.out]", "outs: [other.txt]"),
    ],
    ids=["its command", "its environment", "the name of its output"],
)
def test_an_edit_of_a_target_runs_that_target_and_stops_where_the_bytes_are_the_same(diamond, old, new):
    diamond.edit("p/BUILD.yaml", old, new)
    executed = diamond.build("//p:both").executed
    assert executed[0] == "//p:other genrule"
    # Under another name the bytes are another input.
    assert executed[1:] == (["//p:both genrule"] if "outs" in old else [])


def test_an_edit_that_means_the_same_executes_nothing(diamond):
    diamond.edit("p/BUILD.yaml", "  other:\n", "  other:  # a comment\n    doc: Words.\n    tags: [x]\n")
    assert diamond.build("//p:both").executed == []


def test_the_executable_bit_of_a_source_counts(ws):
    ws.write("tool.sh", "#!/bin/sh\necho made\n")
    ws.write("BUILD.yaml", "workspace: {name: x}\ntargets:\n  a: {rule: genrule, srcs: [tool.sh], outs: [a], cmd: ./$SRCS > $OUT}\n")
    ws.build("//:a", code=1)
    (ws.root / "tool.sh").chmod(0o755)
    done = ws.build("//:a")
    assert (done.executed, done.text) == (["//:a genrule"], "made\n")


@pytest.fixture
def listing(ws):
    ws.write("p/BUILD.yaml", 'targets:\n  a: {rule: genrule, srcs: [{glob: ["*.txt"]}], outs: [list], cmd: "echo $SRCS > $OUT"}\n')
    ws.write("p/one.txt", "1")
    ws.write("p/two.txt", "2")
    assert ws.build("//p:a").text == "p/one.txt p/two.txt\n"
    return ws


def test_a_glob_notices_a_new_file(listing):
    listing.write("p/three.txt", "3")
    after = listing.build("//p:a")
    assert (after.executed, after.text) == (["//p:a genrule"], "p/one.txt p/three.txt p/two.txt\n")


def test_a_glob_notices_that_a_file_is_gone(listing):
    (listing.root / "p/one.txt").unlink()
    after = listing.build("//p:a")
    assert (after.executed, after.text) == (["//p:a genrule"], "p/two.txt\n")


def test_a_file_that_a_glob_does_not_match_executes_nothing(listing):
    listing.write("p/notes.md", "words")
    assert listing.build("//p:a").executed == []


def test_two_targets_that_say_the_same_run_once(ws):
    same = "{rule: genrule, outs: [x], cmd: echo x > $OUT}"
    ws.write("p/BUILD.yaml", f"targets:\n  a: {same}\n  b: {same}\n")
    done = ws.build("//p/...")
    assert len(done.executed) == 1
    assert [path.read_text() for path in done.paths] == ["x\n", "x\n"]


def test_one_key_is_one_action_on_a_rebuild_under_another_label(diamond):
    diamond.edit("p/BUILD.yaml", "\n  other:\n", "\n  renamed:\n")
    diamond.edit("p/BUILD.yaml", '":other"', '":renamed"')
    assert diamond.build("//p:both").executed == []
