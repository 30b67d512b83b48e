"""Packages of Dockerfiles, built by a real engine: what is in their keys, what is refused, and what comes out."""

import hashlib
import json
import shutil
import tarfile

import pytest
from harness.casd import casd
from harness.workspace import REPOSITORY

from rules.toolchains.bundled import BUNDLED_LOCK

pytestmark = [pytest.mark.network, pytest.mark.slow]

LOCK = """\
targets:
  lock: {rule: deb_lock, suite: trixie, arches: [amd64, arm64], keyring: archive-key.asc, lock: debian.lock, packages: [busybox-static]}
"""
BASE = """\
targets:
  busy:
    rule: package
    skeleton: false
    debs: [busybox-static]
    lock: //lock
    files: [{path: /bin/sh, symlink: ../usr/bin/busybox}]
    command: [/bin/sh]
  base: {rule: package, dockerfile: Dockerfile, context: [motd]}
"""
BASE_DOCKERFILE = """\
FROM lkbuild://base:busy
ENV MODE=fast
WORKDIR /srv
COPY motd /etc/motd
RUN busybox echo built > made
"""
APP = """\
targets:
  app:
    rule: package
    dockerfile: Dockerfile
    context: {glob: ["src/**", ".dockerignore"]}
    dockerignore: .dockerignore
    build_args: {GREETING: hello}
    capabilities: [CAP_KILL]
"""
APP_DOCKERFILE = """\
# syntax=docker/dockerfile:1
ARG BASE=lkbuild://base
FROM ${BASE} AS build
ARG GREETING=none
ARG TARGETARCH
COPY . /src
RUN busybox echo "$GREETING from $TARGETARCH in $MODE mode" > /greeting
RUN busybox find /src -type f > /files

FROM scratch
COPY --from=build /greeting /files /etc/motd /
COPY --from=lkbuild://base:busy /usr/bin/busybox /bin/app
ENV NAME="two words"
LABEL org.example.team=7
ENTRYPOINT ["/bin/app", "cat"]
CMD ["/greeting"]
"""
IMAGE = """\
targets:
  image: {rule: filegroup, srcs: [//app]}
"""


@pytest.fixture
def app(docked):
    docked.write("lock/BUILD.yaml", LOCK)
    docked.write("lock/debian.lock", BUNDLED_LOCK)
    shutil.copy(REPOSITORY / "pkg/debian/archive-key.asc", docked.root / "lock")
    docked.write("base/BUILD.yaml", BASE)
    docked.write("base/motd", "message\n")
    docked.write("base/Dockerfile", BASE_DOCKERFILE)
    docked.write("app/BUILD.yaml", APP)
    docked.write("app/Dockerfile", APP_DOCKERFILE)
    docked.write("app/.dockerignore", "**/*.log\n!src/kept.log\n")
    for name in ("main.c", "noise.log", "kept.log"):
        docked.write(f"app/src/{name}", name)
    docked.write("BUILD.yaml", f"workspace: {{name: test}}\n{IMAGE}")
    return docked


def content(report):
    """Files of the one layer that was built."""
    with tarfile.open(report.path) as archive:
        return {member.name: archive.extractfile(member).read().decode() for member in archive if member.isfile() and member.size < 1000}


def image_of(layout):
    """Configuration and descriptors of layers of a layout."""

    def document(descriptor):
        data = (layout / "blobs" / descriptor["digest"].replace(":", "/")).read_bytes()
        assert f"sha256:{hashlib.sha256(data).hexdigest()}" == descriptor["digest"]
        return json.loads(data)

    (top,) = json.loads((layout / "index.json").read_text())["manifests"]
    manifest = document(top)
    return document(manifest["config"]), [layer["digest"] for layer in manifest["layers"]]


def test_a_dockerfile_is_a_package_with_what_its_base_and_its_context_have(app):
    found = content(app.build("//app"))
    assert found["greeting"] == "hello from amd64 in fast mode\n"
    assert found["motd"] == "message\n"
    assert sorted(found["files"].split()) == ["/src/.dockerignore", "/src/src/kept.log", "/src/src/main.c"]


def test_the_image_says_what_the_dockerfile_says_and_what_the_target_adds(app):
    config, _ = image_of(app.build("//app.oci").path)
    labels = config["config"]["Labels"]
    assert config["config"]["Entrypoint"] == ["/bin/app", "cat"]
    assert config["config"]["Cmd"] == ["/greeting"]
    assert "NAME=two words" in config["config"]["Env"]
    assert labels["org.example.team"] == "7"
    assert json.loads(labels["org.mobyproject.config"])["capabilities"] == ["CAP_KILL"]
    assert "history" not in config
    # What is copied out of an image with nothing above it is what any package has: stored once.
    base, below = image_of(app.build("//base.oci").path)
    _, busy = image_of(app.build("//base:busy.oci").path)
    assert below[: len(busy)] == busy
    assert base["config"]["WorkingDir"] == "/srv"


def test_what_a_base_is_made_of_rebuilds_the_base_its_users_and_nothing_else(app):
    first = app.build("//:image")
    assert [name for name in first.executed if name.endswith(" dockerfile")] == ["//base dockerfile", "//app dockerfile"]
    assert app.build("//:image").executed == []
    app.write("base/motd", "another\n")
    changed = app.build("//:image")
    assert changed.executed == ["//base dockerfile", "//app dockerfile", "//app oci_image_root"]
    assert content(changed)["motd"] == "another\n"
    # A base that comes out the same ends the rebuild.
    app.edit("base/Dockerfile", "RUN busybox echo built > made", "RUN busybox printf 'built\\n' > made")
    assert app.build("//:image").executed == ["//base dockerfile"]


def test_a_file_of_the_same_size_and_time_is_another_file(app):
    """BuildKit compares what it has of a context by size and time alone (moby/buildkit 2592), and ours have one time."""
    for word in ("first", "other", "third", "first"):
        one(app, f"FROM lkbuild://base:busy\nCOPY file /\nRUN busybox echo {word} > /said\n", context="[file]")
        app.write("one/file", word)
        found = content(app.build("//one"))
        assert (found["file"], found["said"]) == (word, f"{word}\n")


EDITS = [
    ("app/Dockerfile", "two words", "other words"),
    ("app/src/main.c", "main.c", "changed"),
    ("app/BUILD.yaml", "GREETING: hello", "GREETING: bye"),
    ("app/BUILD.yaml", "dockerfile: Dockerfile", "dockerfile: Dockerfile\n    stage: build"),
    ("app/.dockerignore", "!src/kept.log", "!src/lost.log"),
    ("base/Dockerfile", "MODE=fast", "MODE=slow"),
]


def test_all_that_an_image_depends_on_is_in_its_key_and_nothing_else(app):
    app.build("//app")
    for path, old, new in EDITS:
        app.edit(path, old, new)
        assert app.build("--dry-run", "//app").states == {"//app": "would_build"}, path
        app.edit(path, new, old)
        assert app.build("--dry-run", "//app").states == {"//app": "up_to_date"}, path
    # Left out of the context, or a comment of the target.
    app.edit("app/src/noise.log", "noise.log", "changed")
    app.edit("app/BUILD.yaml", "rule: package", "rule: package # a comment")
    assert app.build("--dry-run", "//app").states == {"//app": "up_to_date"}
    assert app.build("--dry-run", "--arch=arm64", "//app").states == {"//app": "would_build"}


def test_a_known_image_needs_no_engine(app):
    app.build("//app")
    without = app.with_(DOCKER_HOST="unix:///nowhere")
    assert without.build("//app").executed == []
    app.edit("app/src/main.c", "main.c", "changed")
    assert without.build("//app", code=36).errors[0]["class"] == "HostError"


def test_without_a_client_the_error_says_what_is_missing(app):
    (error,) = app.with_(PATH="/nowhere").build("//app", code=36).errors
    assert (error["class"], error["label"]) == ("HostError", "//base")
    assert "docker" in error["hint"]


def test_two_stores_have_the_same_image(app, new_store):
    here = app.build("//app.oci", "//app")
    app.beside("elsewhere", cache=new_store("elsewhere-store")).build("--check", "//app.oci", "//base.oci")
    there = app.beside("third", cache=new_store("third-store")).build("//app.oci", "//app")
    assert there.executed
    assert there.digests == here.digests


def test_an_image_of_others_is_its_lock_and_says_who_runs_it(app):
    app.write("data/BUILD.yaml", DATA)
    # Somebody's layout, which names its image.
    shutil.copytree(app.build("--arch=amd64", "//data.oci").path, app.root / "locked/layout")
    index = app.root / "locked/layout/index.json"
    told = json.loads(index.read_text())
    told["manifests"][0]["annotations"] = {"org.opencontainers.image.ref.name": "docker.io/team/data:1"}
    index.chmod(0o644)
    index.write_text(json.dumps(told))
    app.write("locked/BUILD.yaml", "targets:\n  others: {rule: oci_lock, layout: layout, lock: oci.lock}\n")
    assert app.lkbuild("lock", "update", "//locked:others").returncode == 0
    dockerfile = "FROM team/data:1\nCOPY --from=lkbuild://base:busy /bin/sh /sh\n"
    built = one(app, dockerfile, image_lock="//locked:others").build("--arch=amd64", "//one", "//one.oci")
    layer, layout = built.paths
    with tarfile.open(layer) as archive:
        assert archive.extractfile("data").read() == b"locked"
    config, _ = image_of(layout)
    assert (config["config"]["User"], config["config"]["Env"]) == ("7:8", ["PATH=/bin", "X=1"])
    (error,) = one(app, "FROM team/data:2\n", image_lock="//locked:others").build("--arch=amd64", "//one", code=7).errors
    assert (error["file"], error["line"]) == ("one/Dockerfile", 1)


def one(app, dockerfile, **more):
    """A target of its own, of this Dockerfile."""
    extra = "".join(f", {name}: {value}" for name, value in more.items())
    app.write("one/BUILD.yaml", f"targets:\n  one: {{rule: package, dockerfile: Dockerfile{extra}}}\n")
    app.write("one/Dockerfile", dockerfile)
    return app


DATA = """\
targets:
  data: {rule: package, skeleton: false, files: [{path: /data, contents: locked}], command: [/x], env: [PATH=/bin, X=1], uid: 7, gid: 8}
"""
FROM = "FROM lkbuild://base:busy\n"


@pytest.mark.parametrize(
    ("dockerfile", "line"),
    [
        ("FROM alpine:3.20\n", 1),
        (f"{FROM}COPY --from=debian:trixie /etc /etc\n", 2),
        (f"{FROM}RUN --network=default busybox wget http://example.com\n", 2),
        (f"{FROM}ADD https://example.com/x /x\n", 2),
        (f"{FROM}ADD git@example.com:x/y.git /x\n", 2),
        ("FROM lkbuild://base:bsy\n", 1),
        ("FROM lkbuild:base\n", 1),
        ("FROM lkbuild://lock\n", 1),
        (f"{FROM}RUN <<END\necho\n", 2),
        ("ARG X\nFROM $X\n", 2),
        (f"{FROM}ENV A='x\n", 2),
        ("COPY a /a\n", 1),
        (f"{FROM}USER nobody\n", None),
    ],
)
def test_what_is_refused_is_refused_at_its_line(app, dockerfile, line):
    (error,) = one(app, dockerfile).build("//one", code=7).errors
    assert error["class"] in {"AnalysisError", "LoadError"}
    expected = ("one/Dockerfile", line) if line else ("one/BUILD.yaml", 2)
    assert (error["file"], error["line"]) == expected
    assert error["hint"]


def test_what_uses_the_network_is_kept_here_and_given_to_nobody(app, new_store, tmp_path):
    network = one(app, f"{FROM}COPY --from=lkbuild://base:busy /bin/sh /copy\n", network="true")
    network.write("top/BUILD.yaml", "targets:\n  top: {rule: package, dockerfile: Dockerfile}\n")
    network.write("top/Dockerfile", "FROM lkbuild://one\nRUN busybox touch /x\n")
    with casd(tmp_path / "casd") as url:
        assert network.build("//top", f"--remote={url}").executed
        assert network.build("//top", f"--remote={url}").executed == []
        # What it is made of is shared; it and what is made of it are not.
        there = network.beside("elsewhere", cache=new_store("other")).build("//top", f"--remote={url}")
    assert there.executed == ["//one dockerfile", "//top dockerfile", "//top oci_image_root"]
