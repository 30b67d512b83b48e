"""A store that has lost something: the build makes it again, whatever it was, and ends right."""

import sqlite3

import pytest

pytestmark = pytest.mark.network  # the shell of a genrule comes from the lock

# The middle output is small (it lies in the database) or large (a file of its own).
BUILD = """\
targets:
  first: {{rule: genrule, srcs: [word.txt], outs: [first], cmd: "cat $SRCS > $OUT; seq 1 {lines} >> $OUT"}}
  second: {{rule: genrule, srcs: [":first"], outs: [second], cmd: "cat $SRCS > $OUT; echo second >> $OUT"}}
  third: {{rule: genrule, srcs: [":second"], outs: [third], cmd: "head -n 1 $SRCS > $OUT; echo third >> $OUT"}}
"""
SMALL, LARGE = 1, 100_000


@pytest.fixture(params=[SMALL, LARGE], ids=["small", "large"])
def chain(ws, request):
    ws.write("p/BUILD.yaml", BUILD.format(lines=request.param))
    ws.write("p/word.txt", "word\n")
    made = ws.build("//p:first", "//p:second", "//p:third")
    assert len(made.executed) == 3
    return ws, {name.partition("/")[2].partition(":")[2].partition("/")[0]: digest for name, digest in made.digests.items()}


def lose(ws, digest):
    """Take a blob out of the store behind its back: bytes and row."""
    name = digest.removeprefix("blake3:")
    for file in ws.cache.rglob(f"{name}*"):
        if file.is_file():
            file.unlink()
    database = sqlite3.connect(ws.cache / "store.sqlite")
    with database:
        (packed,) = database.execute("SELECT packed FROM blobs WHERE hash = ?", (bytes.fromhex(name),)).fetchone()
        if packed is not None:
            database.execute("DELETE FROM packed WHERE id = ?", (packed,))
        database.execute("DELETE FROM blobs WHERE hash = ?", (bytes.fromhex(name),))
    database.close()


def lose_bytes_only(ws, digest):
    """Take the bytes and leave the row, as a disk or a careless hand does. Small ones lie in the row itself."""
    name = digest.removeprefix("blake3:")
    files = [file for file in ws.cache.rglob(f"{name}*") if file.is_file()]
    for file in files:
        file.unlink()
    return bool(files)


def test_a_lost_input_is_made_again_within_the_build_that_needs_it(chain):
    ws, digests = chain
    lose(ws, digests["second"])
    ws.edit("p/BUILD.yaml", "echo third", "echo THIRD")
    after = ws.build("//p:third")
    assert after.text == "word\nTHIRD\n"
    assert sorted(after.executed) == ["//p:second genrule", "//p:third genrule"]


def test_two_lost_generations_are_made_again_from_the_first(chain):
    ws, digests = chain
    lose(ws, digests["first"])
    lose(ws, digests["second"])
    ws.edit("p/BUILD.yaml", "echo third", "echo THIRD")
    after = ws.build("//p:third")
    assert after.text == "word\nTHIRD\n"
    assert sorted(after.executed) == ["//p:first genrule", "//p:second genrule", "//p:third genrule"]


def test_a_lost_output_that_is_asked_for_is_made_again(chain):
    ws, digests = chain
    lose(ws, digests["third"])
    (ws.root / "lkbuild-out/amd64/p/third/third").unlink()
    after = ws.build("//p:third")
    assert (after.text, after.executed) == ("word\nthird\n", ["//p:third genrule"])


def test_lost_inputs_do_not_matter_while_nobody_needs_them(chain):
    ws, digests = chain
    lose(ws, digests["first"])
    lose(ws, digests["second"])
    assert ws.build("//p:third").executed == []


def test_a_file_that_vanished_from_the_store_is_made_again(chain):
    ws, digests = chain
    if not lose_bytes_only(ws, digests["second"]):
        pytest.skip("a small blob has no file of its own")
    ws.edit("p/BUILD.yaml", "echo third", "echo THIRD")
    assert ws.build("//p:third").text == "word\nTHIRD\n"


def test_an_output_whose_file_vanished_from_the_store_is_made_again(chain):
    ws, digests = chain
    if not lose_bytes_only(ws, digests["second"]):
        pytest.skip("a small blob has no file of its own")
    (ws.root / "lkbuild-out/amd64/p/second/second").unlink()
    assert ws.build("//p:second").text.startswith("word\n")


def test_a_store_that_was_deleted_is_filled_again(chain):
    ws, digests = chain
    assert ws.lkbuild("clean", "--expunge").returncode == 0
    assert not ws.cache.exists()
    after = ws.build("//p:third")
    assert "//p:third genrule" in after.executed
    assert after.digests["//p:third/third"] == digests["third"]


def test_the_memory_of_a_workspace_is_no_more_than_a_memory(chain):
    ws, _ = chain
    for file in (ws.cache / "workspaces").rglob("*"):
        if file.is_file():
            file.write_bytes(b"damaged")
    after = ws.build("//p:third")
    assert (after.executed, after.text) == ([], "word\nthird\n")
