"""A build whose store lies on a disk that fills up: one clear error of the host, and the store is whole when there is room again."""

import os
import shutil

import pytest

pytestmark = pytest.mark.network  # the shell of a genrule comes from the lock

BUILD = """\
targets:
  small: {rule: genrule, outs: [x], cmd: echo small > $OUT}
  large: {rule: genrule, srcs: [":small"], outs: [y], cmd: head -c %d /dev/urandom > $OUT}
"""


@pytest.fixture
def tiny(ws, tmp_path):
    """The store on a file system of 24 MB: in a user namespace's own mounts, so anyone may."""
    kept = tmp_path / "kept"
    shutil.move(ws.cache, kept)
    ws.cache.mkdir()
    # What the store holds at the end is copied out, to be looked at without the limit.
    script = """
        mount -t tmpfs -o size=24m tmpfs "$0"
        cp -a "$1/." "$0/"
        out=$1; shift
        code=0; "$@" || code=$?
        find "$out" -type d -exec chmod u+w {} + && rm -rf "$out" && cp -a "$0" "$out"
        exit $code
    """
    prefix = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-ec", script, str(ws.cache), str(kept))
    limited = type(ws)(ws.root, ws.cache, ws.environment, (*prefix, *ws.command))
    return limited, type(ws)(ws.root, kept, ws.environment)


def test_a_full_disk_is_an_error_of_the_host_and_the_store_stays_whole(tiny):
    limited, roomy = tiny
    limited.write("p/BUILD.yaml", BUILD % (64 << 20))
    (error, *_) = limited.build("//p:large", code=36).errors
    assert error["class"] in {"HostError", "StoreError", "StoreFull"}
    assert roomy.lkbuild("cache", "verify").returncode == 0
    after = roomy.build("//p:large")
    assert after.executed == ["//p:large genrule"]
    assert after.path.stat().st_size == 64 << 20


def test_a_disk_that_was_full_serves_what_fits(tiny):
    limited, _ = tiny
    limited.write("p/BUILD.yaml", BUILD % (64 << 20))
    limited.build("//p:large", code=36)
    limited.edit("p/BUILD.yaml", str(64 << 20), "1000")
    assert limited.build("//p:large").path.stat().st_size == 1000


def test_a_full_disk_under_the_outputs_is_an_error_of_the_host(ws, tmp_path):
    ws.write("p/BUILD.yaml", BUILD % (8 << 20))
    out = tmp_path / "out"
    out.mkdir()
    script = 'mount -t tmpfs -o size=4m tmpfs "$0"; exec "$@"'
    prefix = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-ec", script, str(out))
    limited = type(ws)(ws.root, ws.cache, ws.environment, (*prefix, *ws.command))
    (error,) = limited.build("--out", str(out), "//p:large", code=36).errors
    assert error["class"] == "HostError"
    assert os.fspath(out) in error["message"]
    assert ws.build("//p:large").executed == []
