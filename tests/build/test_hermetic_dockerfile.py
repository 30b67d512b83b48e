"""A Dockerfile that tries the network, writes a timestamp and depends on what was built before it, by a real engine.

What of that is refused, what comes out the same all the same, and what is found by `--check`: docs/guide/dockerfiles.md has the table.
"""

import tarfile

import pytest

pytestmark = [pytest.mark.network, pytest.mark.slow]

#: busybox from the toolchain that genrules have, so that nothing is fetched.
TARGETS = """\
targets:
  busybox: {rule: genrule, outs: [busybox], cmd: cp /usr/bin/busybox $OUT && chmod 755 $OUT}
  tools:
    rule: package
    skeleton: false
    files: [{path: /bin/busybox, source: ":busybox", mode: "0755"}, {path: /bin/sh, symlink: busybox}]
  network: {rule: package, dockerfile: Dockerfile, stage: network}
  devices: {rule: package, dockerfile: Dockerfile, stage: devices}
  touched: {rule: package, dockerfile: Dockerfile, stage: touched}
  stamped: {rule: package, dockerfile: Dockerfile, stage: stamped}
  first: {rule: package, dockerfile: Dockerfile, stage: order, build_args: {WORD: first}}
  second: {rule: package, dockerfile: Dockerfile, stage: order, build_args: {WORD: second}}
"""
DOCKERFILE = """\
FROM lkbuild://p:tools AS tools
FROM tools AS network
RUN busybox wget -q -O /x http://127.0.0.1:9/x
FROM tools AS devices
RUN busybox ls /sys/class/net > /devices
FROM tools AS touched
RUN echo same > /file; busybox touch /file /bin
FROM tools AS stamped
RUN busybox cat /proc/uptime > /stamp
FROM tools AS order
ARG WORD
RUN --mount=type=cache,target=/cache echo $WORD >> /cache/log; busybox cat /cache/log > /order
"""


@pytest.fixture
def tries(docked):
    docked.write("p/BUILD.yaml", TARGETS)
    docked.write("p/Dockerfile", DOCKERFILE)
    return docked


def content(path, name):
    with tarfile.open(path) as layer:
        return layer.extractfile(name).read().decode()


def test_the_network_is_refused_and_the_hint_says_why(tries):
    (error,) = tries.build("//p:network", code=1).errors
    assert (error["class"], error["label"]) == ("BuildFailed", "//p:network")
    assert "network" in error["hint"]
    assert content(tries.build("//p:devices").path, "devices").split() == ["lo"]


def test_a_time_of_a_file_is_normalised_and_a_time_in_a_file_is_reported(tries):
    errors = tries.build("--check", "--keep-going", "//p:touched", "//p:stamped", "//p:first", code=50).errors
    assert {(error["class"], error["label"]) for error in errors} == {("NotReproducible", "//p:stamped")}
    with tarfile.open(tries.build("//p:touched").path) as layer:
        assert len({member.mtime for member in layer}) == 1


def test_what_was_built_before_is_not_seen(tries, new_store):
    there = tries.beside("elsewhere", cache=new_store("store"))
    words = ("first", "second")
    here = [content(tries.build(f"//p:{word}").path, "order") for word in words]
    other = [content(there.build(f"//p:{word}").path, "order") for word in reversed(words)]
    assert here == other[::-1] == ["first\n", "second\n"]
    assert tries.build("//p:first", "//p:second").digests == there.build("//p:first", "//p:second").digests
