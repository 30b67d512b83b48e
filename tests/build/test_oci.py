"""A package as an OCI image layout: what skopeo, which is not ours, makes of it; of several architectures at once; and its bytes."""

import json
import tarfile
from pathlib import Path

import pytest

pytestmark = [pytest.mark.network, pytest.mark.slow]

BUILD = """targets:
  base: {rule: package, skeleton: false, files: [{path: /etc/base, contents: base}, {path: /etc/app, contents: hidden}]}
  app:
    rule: package
    skeleton: false
    layers: [":base"]
    files:
      - {path: /etc/app, contents: {select: {amd64: for amd64, default: for others}}}
      - {path: /srv/data, directory: true, uid: 7}
    command: [/bin/app, --quiet]
    env: [PATH=/bin, MODE=fast]
    cwd: /srv
    uid: 7
    gid: 8
    capabilities: [CAP_NET_ADMIN]
    seccomp: unconfined
    restart: never
    runtime: {mkdir: [/run/app]}
    labels: {org.example.team: 7}
"""


@pytest.fixture
def app(ws):
    ws.write("app/BUILD.yaml", BUILD)
    return ws


def blobs(layout):
    return {path.name for path in (layout / "blobs/sha256").iterdir()}


def test_another_reader_finds_the_layers_and_how_a_container_is_run(app, programs):
    layout = app.build("--arch", "amd64", "//app.oci").path
    archive = app.root / "app.tar"
    programs.skopeo("copy", f"oci:{layout}", f"docker-archive:{archive}:app:latest")
    with tarfile.open(archive) as opened:
        (entry,) = json.load(opened.extractfile("manifest.json"))
        config = json.load(opened.extractfile(entry["Config"]))
        found = {}
        for name in entry["Layers"]:  # the lowest first: an upper one hides
            with tarfile.open(fileobj=opened.extractfile(name)) as layer:
                found |= {member.name: (member.uid, layer.extractfile(member).read() if member.isfile() else b"") for member in layer}
    assert found["etc/base"] == (0, b"base")
    assert found["etc/app"] == (0, b"for amd64")
    assert found["srv/data"] == (7, b"")
    # What is in the archive was unpacked by skopeo: layers are there under the digests that the configuration has for them.
    assert [f"sha256:{Path(name).stem}" for name in entry["Layers"]] == config["rootfs"]["diff_ids"]
    assert (config["architecture"], config["os"]) == ("amd64", "linux")
    labels = config["config"].pop("Labels")
    assert config["config"] == {
        "Entrypoint": ["/bin/app", "--quiet"],
        "Env": ["PATH=/bin", "MODE=fast"],
        "User": "7:8",
        "WorkingDir": "/srv",
    }
    assert labels["org.example.team"] == "7"
    fields = json.loads(labels["org.mobyproject.config"])
    assert fields["capabilities"] == ["CAP_NET_ADMIN"]
    assert fields["runtime"] == {"mkdir": ["/run/app"]}
    # Ours by default, not LinuxKit's; and nothing that LinuxKit's schema does not have.
    assert (fields["readonly"], fields["noNewPrivileges"]) == (True, True)
    assert not {"seccomp", "restart", "command", "env"} & fields.keys()
    assert json.loads(fields["annotations"]["org.lkbuild.supervision"]) == {"restart": "never"}


def test_an_engine_that_knows_no_layouts_loads_it_as_an_archive_of_docker(app, programs):
    layout = app.build("--arch", "arm64", "//app.oci").path
    archive = app.root / "layout.tar"
    with tarfile.open(archive, "w") as made:
        made.add(layout, arcname="")
    assert programs.inspect("--config", f"docker-archive:{archive}:app:latest") == programs.inspect("--config", f"oci:{layout}")
    programs.skopeo("copy", f"docker-archive:{archive}:app:latest", f"dir:{app.root}/copy")


def test_several_architectures_are_one_layout_with_an_index(app, programs):
    report = app.build("--arch", "all", "//app.oci")
    assert [(target["label"], target["configuration"]) for target in report.told["targets"]] == [("//app.oci", "all")]
    # Of the base there is one layer, and of the files two: what is the same for all is packed once.
    assert report.executed.count("//app oci_layer") == 3
    layout = report.path
    index = programs.inspect("--raw", f"oci:{layout}")
    assert [item["platform"]["architecture"] for item in index["manifests"]] == ["amd64", "arm64", "riscv64", "s390x"]
    configs = [programs.inspect("--config", "--override-arch", arch, f"oci:{layout}") for arch in ("amd64", "riscv64", "s390x")]
    assert [config["architecture"] for config in configs] == ["amd64", "riscv64", "s390x"]
    assert configs[0]["rootfs"] != configs[1]["rootfs"] == configs[2]["rootfs"]
    assert len(blobs(layout)) == 3 + 4 + 4 + 1  # layers, configurations, manifests, the index
    # All of it is read, and every digest checked.
    programs.skopeo("copy", "--all", f"oci:{layout}", f"dir:{app.root}/copy")


def test_two_architectures_are_one_layout_and_each_of_its_own_is_another(app):
    both = app.build("--arch", "arm64", "--arch", "amd64", "//app.oci")
    assert [target["configuration"] for target in both.told["targets"]] == ["arm64+amd64"]
    alone = app.build("--arch", "arm64", "//app.oci")
    assert alone.executed == []
    assert blobs(alone.path) < blobs(both.path)


def test_equal_packages_are_equal_images(app, new_store):
    here = app.build("--arch", "all", "//app.oci")
    there = app.beside("elsewhere", cache=new_store("other")).build("--arch", "all", "//app.oci")
    assert there.executed
    assert there.digests == here.digests
    app.edit("app/BUILD.yaml", "capabilities: [CAP_NET_ADMIN]", "capabilities: [CAP_SYS_ADMIN]")
    changed = app.build("--arch", "all", "//app.oci")
    # How it is run is in the image's documents alone.
    assert changed.mnemonics == ["oci_index", *["oci_layout"] * 4]
    assert changed.digests != here.digests


def test_an_output_that_is_not_there_is_an_error_with_those_that_are(app):
    (error,) = app.build("//app.ocy", code=7).errors
    assert error["class"] == "LoadError"
    assert "oci" in error["hint"]
