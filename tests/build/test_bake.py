"""`lkbuild bake` and `lkbuild load` with a real buildx and a real engine."""

import json
import os
import subprocess
import tarfile
from pathlib import Path

import pytest
from harness.workspace import PATIENCE_S

pytestmark = [pytest.mark.network, pytest.mark.slow]

BUILD = """\
targets:
  data: {rule: package, skeleton: false, files: [{path: /data, contents: data}]}
  base: {rule: package, dockerfile: Dockerfile.base}
  app: {rule: package, dockerfile: Dockerfile, context: [word.txt], build_args: {WORD: hello}, labels: {team: seven}}
  plain: {rule: genrule, outs: [x], cmd: touch $OUT}
"""
BASE = "FROM lkbuild://p:data\nCOPY --from=lkbuild://tools /usr/bin/busybox /bin/sh\nRUN echo made > /made\n"
APP = """\
FROM lkbuild://p:base
ARG WORD
COPY word.txt /word
RUN echo $WORD > /said
ENTRYPOINT ["/bin/sh", "-c", "read x < /said; echo $x"]
"""
#: busybox from the toolchain that genrules have, so that nothing is fetched.
TOOLS = """\
targets:
  copy: {rule: genrule, outs: [busybox], cmd: cp /usr/bin/busybox $OUT && chmod 755 $OUT}
  tools: {rule: package, skeleton: false, files: [{path: /usr/bin/busybox, source: ":copy", mode: "0755"}]}
"""


@pytest.fixture
def app(docked):
    docked.write("p/BUILD.yaml", BUILD)
    docked.write("p/Dockerfile.base", BASE)
    docked.write("p/Dockerfile", APP)
    docked.write("p/word.txt", "word\n")
    docked.write("tools/BUILD.yaml", TOOLS)
    return docked


def docker(ws, *arguments):
    words = ["docker", *arguments]
    environment = {**os.environ, **ws.environment}
    done = subprocess.run(words, env=environment, cwd=ws.root, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_buildx_bakes_what_is_written_to_the_files_that_lkbuild_makes(app):
    done = app.lkbuild("bake", "//p:app")
    assert done.returncode == 0, done.stderr
    file = done.stdout.strip()
    told = json.loads(Path(file).read_text(encoding="utf-8"))
    assert told["group"]["default"]["targets"] == ["p_app-amd64"]
    # A base that has a Dockerfile is a target itself, any other is a layout.
    assert told["target"]["p_app-amd64"]["contexts"] == {"lkbuild-base-0": "target:p_base-amd64"}
    assert {text.partition(":")[0] for text in told["target"]["p_base-amd64"]["contexts"].values()} == {"oci-layout"}
    baked = app.root / "baked"
    docker(app, "buildx", "bake", "-f", file, "--set", f"*.output=type=local,dest={baked}")
    with tarfile.open(app.build("//p:app").path) as layer:
        ours = {member.name: layer.extractfile(member).read() for member in layer if member.isfile()}
    assert ours["said"] == b"hello\n"
    assert {path.relative_to(baked).as_posix(): path.read_bytes() for path in baked.rglob("*") if path.is_file()} == ours
    # Of the same size and time: an engine that goes by these has to see another file all the same.
    app.write("p/word.txt", "WORD\n")
    assert app.lkbuild("bake", "//p:app").returncode == 0
    docker(app, "buildx", "bake", "-f", file, "--set", f"*.output=type=local,dest={baked}")
    assert (baked / "word").read_text() == "WORD\n"
    # Of a wildcard, all that has a Dockerfile.
    told = json.loads(Path(app.lkbuild("bake", "//p/...").stdout.strip()).read_text(encoding="utf-8"))
    assert told["group"]["default"]["targets"] == ["p_app-amd64", "p_base-amd64"]


def test_a_package_that_is_loaded_runs(app):
    done = app.lkbuild("load", "//p:app", "team/app:dev")
    assert (done.returncode, done.stdout) == (0, "team/app:dev\n"), done.stderr
    assert docker(app, "run", "--rm", "--network=none", "team/app:dev") == "hello\n"
    # One without a Dockerfile as well, by its own name.
    assert app.lkbuild("load", "//p:data").stdout == "data:latest\n"
    images = docker(app, "image", "ls", "--format", "{{.Repository}}:{{.Tag}}").split()
    assert {"team/app:dev", "data:latest"} <= set(images)


def test_doctor_says_what_the_engine_builds_for(app):
    def of_amd64(ws):
        told = {item["name"]: item for item in json.loads(ws.lkbuild("doctor", "--json").stdout)["findings"]}
        return told["amd64"]["text"]

    assert "docker buildx" in of_amd64(app)
    assert "no engine" in of_amd64(app.with_(DOCKER_HOST="unix:///nowhere"))


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("bake", "//p:data"), 2),
        (("bake",), 2),
        (("load", "//p:plain"), 7),
        (("load", "--arch=all", "//p:data"), 2),
        (("load", "//p:data", "Team/App"), 2),
    ],
)
def test_what_can_not_be_done_is_an_error_that_says_what_can(app, arguments, code):
    done = app.lkbuild(*arguments, "--json")
    assert done.returncode == code, done.stderr
    (error,) = json.loads(done.stdout)["errors"]
    assert error["hint"]
