"""Where, by whom and in what surroundings a build runs changes neither its keys nor its bytes."""

import os
import stat

import pytest

pytestmark = pytest.mark.network  # the shell of a genrule comes from the lock

BUILD = """\
targets:
  told:
    rule: genrule
    srcs: [{glob: ["*.txt"]}]
    outs: [told.txt]
    cmd: |
      { date +%Z; env; id; umask; pwd; ls -l --full-time p/*.txt; hostname; cat /proc/self/comm; } > $OUT
      find . >> $OUT
"""


@pytest.fixture
def told(ws):
    ws.write("p/BUILD.yaml", BUILD)
    for name in ("b", "a", "Z", "ä"):
        ws.write(f"p/{name}.txt", name)
    return ws


def surroundings():
    yield "umask", {}, lambda: os.umask(0o077)
    yield "time zone", {"TZ": "Asia/Kathmandu"}, None
    yield "language", {"LANG": "de_DE.UTF-8", "LC_ALL": "C"}, None
    yield "home", {"HOME": "/nonexistent", "USER": "other", "TMPDIR": "/tmp"}, None
    yield "priority", {}, lambda: os.nice(5)
    yield "hash seed", {"PYTHONHASHSEED": "12345"}, None
    yield "variables", {"SRCS": "evil", "LD_PRELOAD": "", "SOURCE_DATE_EPOCH": "1", "PYTHONDONTWRITEBYTECODE": "1"}, None


@pytest.mark.parametrize(("variables", "before"), [item[1:] for item in surroundings()], ids=[item[0] for item in surroundings()])
def test_surroundings_change_neither_keys_nor_bytes(told, new_store, variables, before):
    here = told.build("//p:told")
    # The same store: nothing runs. A store that knows nothing: the same bytes are made.
    same = told.with_(**variables).build("//p:told", before=before)
    assert (same.executed, same.keys, same.digests) == ([], here.keys, here.digests)
    anew = told.beside("a folder elsewhere", cache=new_store("second")).with_(**variables).build("//p:told", before=before)
    assert anew.executed == ["//p:told genrule"]
    assert (anew.keys, anew.digests) == (here.keys, here.digests)


def test_a_strict_umask_leaves_outputs_that_others_can_read(told):
    path = told.build("//p:told", before=lambda: os.umask(0o077)).path
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_one_store_serves_builds_under_different_umasks(told):
    told.build("//p:told", before=lambda: os.umask(0o077))
    assert told.build("//p:told", before=lambda: os.umask(0o002)).executed == []
    assert told.lkbuild("cache", "verify").returncode == 0
