"""The image of a LinuxKit configuration boots: init finds root, containers, volumes and files where LinuxKit has them."""

import tarfile

import pytest
from harness.oci import Images
from harness.workspace import copy_of_repository, user_store

pytestmark = [pytest.mark.boot, pytest.mark.slow, pytest.mark.network]

INIT = b"""\
#!/bin/busybox sh
echo "init: $(/bin/busybox cat /etc/motd)"
for container in /containers/onboot/000-hello /containers/services/web; do
  echo "bundle: $(/bin/busybox grep -c ociVersion $container/config.json) $container"
done
echo "shared: $(/bin/busybox grep -c /containers/onboot/000-hello/lower /containers/services/web/runtime.json)"
echo "content: $(/bin/busybox cat /containers/onboot/000-hello/lower/hello)"
echo "volume:" $(/bin/busybox ls /containers/volumes/data)
echo "mode: $(/bin/busybox stat -c %a /etc) $(/bin/busybox stat -c %a:%u /etc/motd)"
/bin/busybox poweroff -f
"""
SAID = ("init:", "bundle:", "shared:", "content:", "volume:", "mode:")
BUILD = """\
targets:
  lock: {rule: oci_lock, layout: oci, lock: oci.lock}
  image: {rule: linuxkit_image, srcs: [linuxkit.yml], lock: ":lock", qemu: "//rules/toolchains:qemu-amd64"}
"""
CONFIG = """\
kernel: {image: "test/kernel", cmdline: console=ttyS0 quiet, tar: none}
init: [test/init]
onboot: [{name: hello, image: test/hello}]
services: [{name: web, image: test/hello}]
volumes: [{name: data}]
files: [{path: etc/motd, contents: welcome, mode: "0640", uid: web}]
"""


def member(path, name="usr/bin/busybox"):
    """A file of a layer, or None."""
    with tarfile.open(path) as archive:
        return archive.extractfile(name).read() if name in archive.getnames() else None


def test_a_linuxkit_image_boots(tmp_path):
    checkout = copy_of_repository(tmp_path / "linuxkit", user_store())
    built = checkout.build("--config", "quick", "--arch", "amd64", "//kernel", "//pkg/busybox")
    kernel = next(path for path in built.paths if path.name == "kernel").read_bytes()
    busybox = next(found for path in built.paths if path.suffix == ".tar" and (found := member(path)))
    (checkout.root / "lk").mkdir()
    images = Images(checkout.root / "lk" / "oci")
    images.add("test/kernel", {"kernel": kernel})
    images.add("test/init", {"init": INIT, "bin/busybox": busybox, "etc": None})
    images.add("test/hello", {"hello": b"hello from a layer"}, Cmd=["/hello"])
    checkout.write("lk/BUILD.yaml", BUILD)
    checkout.write("lk/linuxkit.yml", CONFIG)
    assert checkout.lkbuild("lock", "update", "//lk:lock").returncode == 0
    comes_up(checkout)


def comes_up(checkout):
    done = checkout.lkbuild("run", "--arch", "amd64", "--mem", "512M", "//lk:image")
    told = [line for line in done.stdout.replace("\r", "").splitlines() if line.startswith(SAID)]
    assert told == [
        "init: welcome",
        "bundle: 1 /containers/onboot/000-hello",
        "bundle: 1 /containers/services/web",
        "shared: 1",
        "content: hello from a layer",
        "volume: lower merged tmp",
        "mode: 755 640:101",
    ], done.stdout + done.stderr
