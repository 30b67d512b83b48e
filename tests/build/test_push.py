"""`lkbuild push` to a real registry, and what skopeo, which is not ours, finds there."""

import base64
import json

import pytest
from harness.images import USERS, registry

pytestmark = [pytest.mark.network, pytest.mark.slow]

BUILD = """targets:
  app:
    rule: package
    skeleton: false
    files: [{path: /etc/app, contents: {select: {amd64: for amd64, default: for others}}}, {path: /etc/big, contents: ZEROS}]
    command: [/bin/app]
  plain: {rule: genrule, outs: [x], cmd: touch $OUT}
"""


@pytest.fixture
def app(ws):
    ws.write("app/BUILD.yaml", BUILD.replace("ZEROS", "0" * 3_000_000))
    return ws


def push(ws, *arguments, code=0):
    done = ws.lkbuild("push", "--json", *arguments)
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def test_what_was_pushed_is_what_is_there_digest_by_digest(app, programs):
    with registry(programs) as host:
        told = push(app, "--arch", "all", "//app", f"{host}/team/app:1.0")
        place = f"docker://{host}/team/app"
        index = programs.skopeo("inspect", "--raw", "--tls-verify=false", f"{place}:1.0")
        layout = app.build("--arch", "all", "//app.oci").path
        (ours,) = json.loads((layout / "index.json").read_text())["manifests"]
        assert told["digest"] == ours["digest"]
        assert index == (layout / "blobs/sha256" / ours["digest"].removeprefix("sha256:")).read_text()
        assert [item["platform"]["architecture"] for item in json.loads(index)["manifests"]] == ["amd64", "arm64", "riscv64", "s390x"]
        # All of it is pulled, each digest checked by the reader, and it is file by file what was built.
        copy = app.root / "copy"
        programs.skopeo("copy", "--all", "--preserve-digests", "--src-tls-verify=false", f"{place}@{ours['digest']}", f"oci:{copy}:x")
        assert blobs(copy) == blobs(layout)
        assert told["sent"] == len(blobs(layout))
        again = push(app, "--arch", "all", "//app.oci", f"{host}/team/app:1.0")
        # The tag's own manifest is set anew, nothing else is sent.
        assert (again["sent"], again["digest"]) == (1, told["digest"])


def blobs(layout):
    return {path.name: path.read_bytes() for path in (layout / "blobs/sha256").iterdir()}


def test_one_architecture_is_a_manifest_and_the_tag_moves(app, programs):
    with registry(programs) as host:
        first = push(app, "--arch", "arm64", "//app", f"{host}/app")
        assert programs.inspect("--config", "--tls-verify=false", f"docker://{host}/app:latest")["architecture"] == "arm64"
        app.edit("app/BUILD.yaml", "command: [/bin/app]", "command: [/bin/other]")
        second = push(app, "--arch", "arm64", "//app", f"{host}/app")
        assert second["digest"] != first["digest"]
        # The layer is there, the configuration and the manifest are new.
        assert (second["sent"], second["present"]) == (2, 1)
        assert programs.inspect("--config", "--tls-verify=false", f"docker://{host}/app:latest")["config"]["Entrypoint"] == ["/bin/other"]


def test_credentials_are_dockers_and_without_them_the_hint_names_its_login(app, programs):
    with registry(programs, users=USERS) as host:
        (error,) = push(app, "//app", f"{host}/app", code=34)["errors"]
        assert error["class"] == "RegistryError"
        assert "docker login" in error["hint"]
        folder = app.root / "docker"
        folder.mkdir()
        for password, code in (("wrong", 34), ("secret", 0)):
            secret = base64.b64encode(f"user:{password}".encode()).decode()
            (folder / "config.json").write_text(json.dumps({"auths": {host: {"auth": secret}}}))
            told = push(app.with_(DOCKER_CONFIG=str(folder)), "//app", f"{host}/app", code=code)
        assert told["reference"] == f"{host}/app:latest"


def test_a_dry_run_tells_what_is_sent_and_asks_nobody(app, programs):
    told = push(app, "--dry-run", "--arch", "all", "//app", "registry.example/team/app:1.0")
    assert told["reference"] is None
    with registry(programs) as host:
        done = push(app, "--arch", "all", "//app", f"{host}/team/app:1.0")
    assert (f"sha256:{told['digest']}", len({step.split()[1] for step in told["steps"]})) == (done["digest"], done["sent"])
    assert told["steps"][-1].endswith("registry.example/team/app:1.0")


@pytest.mark.parametrize(
    ("arguments", "kind", "code"),
    [
        (("//app", "app:latest"), "UsageError", 2),
        (("//app", "registry.example/App"), "UsageError", 2),
        (("//app", "registry.example/app:"), "UsageError", 2),
        (("//app:plain", "registry.example/app"), "LoadError", 7),
        (("--offline", "//app", "registry.example/app"), "UsageError", 2),
        (("//app", "localhost:1/app"), "RegistryError", 34),
        (("--dry-run", "//app", "app:latest"), "UsageError", 2),
        (("--dry-run", "//app:plain", "registry.example/app"), "LoadError", 7),
        (("//app", "ftp://files.example/app"), "UsageError", 2),
        (("--offline", "//app", "https://files.example/app"), "UsageError", 2),
        (("//app", "https://files.example/app"), "LoadError", 7),
    ],
)
def test_what_can_not_be_pushed_is_an_error(app, arguments, kind, code):
    (error,) = push(app, *arguments, code=code)["errors"]
    assert error["class"] == kind
    assert error["hint"]
