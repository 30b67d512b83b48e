"""A store that can't be written to."""

import os

import pytest

pytestmark = pytest.mark.network  # the shell of a genrule comes from the lock


@pytest.fixture
def read_only(ws):
    """A store on a read-only mount: permissions do not hold root back."""
    if os.geteuid() != 0:
        pytest.skip("mounts need root")
    ws.write("p/BUILD.yaml", "targets:\n  a: {rule: genrule, srcs: [a.txt], outs: [x], cmd: cp $SRCS $OUT}\n")
    ws.write("p/a.txt", "content\n")
    ws.build("//p:a")
    script = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
    prefix = ("unshare", "--mount", "sh", "-ec", script, str(ws.cache))
    return type(ws)(ws.root, ws.cache, ws.environment, (*prefix, *ws.command))


def test_what_is_known_is_up_to_date(read_only):
    again = read_only.build("//p:a")
    assert (again.executed, again.text) == ([], "content\n")


def test_an_output_that_was_deleted_is_restored(read_only):
    path = read_only.build("//p:a").path
    path.unlink()
    assert read_only.build("//p:a").text == "content\n"


def test_what_must_run_is_one_clear_error_of_the_store(read_only):
    read_only.write("p/a.txt", "other\n")
    (error,) = read_only.build("//p:a", code=36).errors
    assert error["class"] in {"StoreError", "StoreReadOnly", "HostError"}
