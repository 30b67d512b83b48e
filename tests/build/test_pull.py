"""Images that are pulled: a tag is resolved once, by `lkbuild lock update`; builds take what the lock names, from a real registry."""

import json
import tarfile

import pytest
from harness.images import USERS, registry

pytestmark = [pytest.mark.network, pytest.mark.slow]

PUSHED = """targets:
  app: {rule: package, skeleton: false, files: [{path: /etc/app, contents: FIRST}], command: [/bin/app], env: [A=1]}
"""
PULLED = """targets:
  lock: {rule: oci_lock, images: ["HOST/team/app:1.0"], lock: oci.lock}
  app: {rule: oci_image, lock: ":lock", image: "HOST/team/app:1.0"}
"""
HELPER = """#!/bin/sh
[ "$1" = get ] && [ "$(cat)" = "$EXPECTED" ] || { echo "credentials not found in native keychain"; exit 1; }
echo '{"ServerURL": "x", "Username": "user", "Secret": "secret"}'
"""


@pytest.fixture
def app(ws):
    ws.write("pushed/BUILD.yaml", PUSHED)
    return ws


def push(ws, host):
    done = ws.lkbuild("push", "--json", "--arch", "all", "//pushed:app", f"{host}/team/app:1.0")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["digest"]


def file_of(ws):
    with tarfile.open(ws.build("--arch", "amd64", "//pulled:app").path) as layer:
        return layer.extractfile("etc/app").read()


def update(ws):
    return ws.lkbuild("lock", "update", "//pulled:lock")


def test_a_tag_is_resolved_once_for_all_architectures_and_what_it_moves_to_is_not_taken(app, programs):
    with registry(programs) as host:
        push(app, host)
        app.write("pulled/BUILD.yaml", PULLED.replace("HOST", host))
        assert update(app).returncode == 0
        lock = (app.root / "pulled/oci.lock").read_text()
        assert [line.split()[1] for line in lock.splitlines() if not line.startswith("#")] == ["amd64", "arm64", "riscv64", "s390x"]
        assert file_of(app) == b"FIRST"
        app.edit("pushed/BUILD.yaml", "FIRST", "SECOND")
        push(app, host)
        assert file_of(app) == b"FIRST"
        assert "~ " in update(app).stdout
        assert file_of(app) == b"SECOND"


def test_dockers_helper_says_who_we_are(app, programs):
    app.write("bin/docker-credential-fake", HELPER, executable=True)
    with registry(programs, users=USERS) as host:
        app.write("docker/config.json", json.dumps({"credHelpers": {host: "fake"}}))
        path = f"{app.root}/bin:/usr/bin:/bin"
        known = app.with_(DOCKER_CONFIG=str(app.root / "docker"), EXPECTED=host, PATH=path)
        push(known, host)
        app.write("pulled/BUILD.yaml", PULLED.replace("HOST", host))
        assert update(known).returncode == 0
        assert file_of(known) == b"FIRST"
        assert update(known.with_(EXPECTED="other")).returncode == 34
        assert update(known.with_(PATH="/usr/bin:/bin")).returncode == 36


def test_neither_layout_nor_images_is_refused_where_it_stands(ws):
    ws.write("p/BUILD.yaml", "targets:\n  lock: {rule: oci_lock, lock: oci.lock}\n")
    (error,) = ws.build("//p:lock", code=7).errors
    assert (error["class"], error["file"]) == ("AnalysisError", "p/BUILD.yaml")
