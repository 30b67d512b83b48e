"""A LinuxKit project without a BUILD.yaml: its images are asked for by name once, and built from by digest, from a real registry."""

import json

import pytest
from harness.images import registry
from harness.initrd import unpacked

pytestmark = [pytest.mark.network, pytest.mark.slow]

PUSHED = """targets:
  kernel: {rule: package, skeleton: false, files: [{path: /kernel, contents: vmlinuz}]}
  app: {rule: package, skeleton: false, files: [{path: /etc/app, contents: FIRST}], command: [/bin/app], env: [A=1]}
"""
A = """kernel: {image: "HOST/team/kernel:1", tar: none, cmdline: console=ttyS0}
services: [{name: app, image: "HOST/team/app:1"}]
"""
B = """onboot: [{name: again, image: "HOST/team/app:1"}, {name: other, image: "HOST/team/other:1"}]
"""
#: In `rootfs`, not `lower`: our packages say that their root can't be written.
APP = "containers/services/app/rootfs/etc/app"


def push(ws, host, *names):
    for name in names:
        target = "kernel" if name == "kernel" else "app"
        done = ws.lkbuild("push", "--arch", "amd64", f"//pushed:{target}", f"{host}/team/{name}:1")
        assert done.returncode == 0, done.stderr


@pytest.fixture
def project(ws, programs):
    ws.write("pushed/BUILD.yaml", PUSHED)
    with registry(programs) as host:
        push(ws, host, "kernel", "app", "other")
        for name, text in (("a.yml", A), ("b.yml", B)):
            ws.write(f"lk/{name}", text.replace("HOST", host))
        yield ws, host


def initrd(ws):
    done = ws.lkbuild("linuxkit", "build", "--arch", "amd64", "lk/a.yml")
    assert done.returncode == 0, done.stderr
    (path,) = (line for line in done.stdout.splitlines() if line.endswith("initrd.img"))
    return unpacked((ws.root / path).read_bytes())


def entries(ws):
    return [line.split()[0].rpartition("/")[2] for line in (ws.root / "lk/oci.lock").read_text().splitlines() if not line.startswith("#")]


def test_tags_are_resolved_once_and_builds_pull_what_the_lock_beside_names(project):
    ws, host = project
    assert ws.lkbuild("linuxkit", "lock", "lk/a.yml").stdout == "lk/oci.lock: new\n"
    assert entries(ws) == ["app:1", "kernel:1"]
    assert initrd(ws)[APP].content == b"FIRST"
    ws.edit("pushed/BUILD.yaml", "FIRST", "SECOND")
    push(ws, host, "app")
    assert initrd(ws)[APP].content == b"FIRST"
    (change,) = ws.lkbuild("linuxkit", "lock", "lk/a.yml").stdout.splitlines()
    assert "~" in change
    assert initrd(ws)[APP].content == b"SECOND"


def test_files_of_a_folder_share_the_lock(project):
    ws, _ = project
    assert ws.lkbuild("linuxkit", "lock", "lk/a.yml").returncode == 0
    assert ws.lkbuild("linuxkit", "lock", "lk/b.yml").returncode == 0
    assert entries(ws) == ["app:1", "kernel:1", "other:1"]
    printed = json.loads(ws.lkbuild("linuxkit", "spec", "--arch", "amd64", "lk/b.yml").stdout)
    assert printed["containers/onboot/001-other/config.json"]["process"]["args"] == ["/bin/app"]


def test_the_lock_of_a_target_serves_the_command_too(project):
    ws, _ = project
    ws.write("lk/BUILD.yaml", "targets:\n  images: {rule: oci_lock, srcs: [a.yml], lock: oci.lock}\n")
    assert ws.lkbuild("lock", "update", "//lk:images").returncode == 0
    assert initrd(ws)[APP].content == b"FIRST"


def test_an_image_that_no_registry_has_is_an_error_at_its_name(project):
    ws, host = project
    ws.write("lk/a.yml", A.replace("HOST", host).replace("app:1", "none:1"))
    done = ws.lkbuild("linuxkit", "lock", "lk/a.yml")
    assert done.returncode != 0
    assert "lk/a.yml:2:" in done.stderr
    assert not (ws.root / "lk/oci.lock").exists()
