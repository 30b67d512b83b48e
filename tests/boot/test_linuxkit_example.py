"""A LinuxKit example, unchanged, from images that lkbuild built and pushed to a registry: the engine is up and runs a container."""

import tarfile

import pytest
from harness.images import Programs, registry, unpacked
from harness.workspace import REPOSITORY, copy_of_repository, user_store

pytestmark = [pytest.mark.boot, pytest.mark.slow, pytest.mark.network]

CORPUS = REPOSITORY / "tests/conformance/linuxkit/corpus.tar.xz"
#: What examples/docker.yml names, and what of ours is pushed under that name.
IMAGES = {
    "linuxkit/kernel:6.12.59": "//pkg/linuxkit:kernel",
    "linuxkit/init:b5506cc74a6812dc40982cacfd2f4328f8a4b12a": "//pkg/linuxkit:init",
    "linuxkit/runc:9442aa234715e751a16144f1d4ae3fd1a00fd492": "//pkg/runc",
    "linuxkit/containerd:ba19f64efd3331a8fd0a33e00eabd14f6ee1780e": "//pkg/containerd:binaries",
    "linuxkit/ca-certificates:256f1950df59f2f209e9f0b81374177409eb11de": "//pkg/ca-certificates",
    "linuxkit/sysctl:43ac1d39da329c3567fcb9689e5ca99de6d169b6": "//pkg/sysctl",
    "linuxkit/sysfs:6d5bd933762f6b216744c711c6e876756cee9600": "//pkg/sysfs",
    "linuxkit/format:4f779c0b0d0ba145b7f03211b5cbf59fbbe12e54": "//pkg/format",
    "linuxkit/mount:bd1c3bb45e48e68e47a9456d1669f7119f855184": "//pkg/linuxkit:mount",
    "linuxkit/getty:a86d74c8f89be8956330c3b115b0b1f2e09ef6e0": "//pkg/getty",
    "linuxkit/rngd:984eb580ecb63986f07f626b61692a97aacd7198": "//pkg/rngd",
    "linuxkit/dhcpcd:b87e9ececac55a65eaa592f4dd8b4e0c3009afdb": "//pkg/dhcpcd",
    "linuxkit/openntpd:2508f1d040441457a0b3e75744878afdf61bc473": "//pkg/ntp",
    "library/docker:20.10.6-dind": "//pkg/linuxkit:docker",
}
BUILD = """\
targets:
  lock: {rule: oci_lock, srcs: [docker.yml], lock: oci.lock}
  image: {rule: linuxkit_image, srcs: [docker.yml], lock: ":lock", qemu: "//rules/toolchains:qemu-amd64"}
  test:
    rule: boot_test
    image: :image
    mem: 1536M
    disk: 2G
    timeout_s: 900
    data: [//images/tests:hello-oci]
    steps:
      - up: {}
      - run: [docker, info]
        in: docker
        timeout_s: 180
        within_s: 180
        expect: "Debug Mode: true"
      - put: {file: hello.tar, to: /var/lib/docker/hello.tar}
      - run: [docker, load, -i, /var/lib/docker/hello.tar]
        in: docker
        timeout_s: 180
      - run: [docker, run, --rm, hello]
        in: docker
        timeout_s: 180
        expect: ^hello from a container on Linux
      # What the file says, and not the package: its directory on the disk that was formatted, its command.
      - run: [busybox, grep, -E, " /var/lib/docker ext4 ", /proc/self/mounts]
        in: docker
      - run: [busybox, sh, -c, "tr '\\\\0' ' ' < /proc/1/cmdline"]
        in: docker
        expect: ^/usr/local/bin/docker-init /usr/local/bin/dockerd
      # The engine has bound a file that was there before there was a lease, and sees what a lease brings.
      - run: [busybox, env, reason=BOUND, interface=x, if_up=true, new_domain_name_servers=192.0.2.53, /usr/lib/dhcpcd/dhcpcd-run-hooks]
        in: dhcpcd
      - run: [busybox, grep, -c, '^nameserver 192.0.2.53$', /etc/resolv.conf]
        in: docker
        expect: ^1$
      - poweroff: {}
"""


def test_linuxkits_docker_example_is_built_from_pushed_images_and_runs_a_container(tmp_path):
    store = user_store()
    checkout = copy_of_repository(tmp_path / "checkout", store)
    with tarfile.open(CORPUS) as corpus:
        checkout.write("lk/docker.yml", corpus.extractfile("tree/examples/docker.yml").read().decode())
    checkout.write("lk/BUILD.yaml", BUILD)
    programs = Programs(unpacked(tmp_path / "programs", store), tmp_path)
    with registry(programs) as host:
        for name, package in IMAGES.items():
            done = checkout.lkbuild("push", "--config", "quick", "--arch", "amd64", package, f"{host}/{name}")
            assert done.returncode == 0, done.stderr
        ours = checkout.with_(LKBUILD_OCI_MIRROR=f"docker.io={host}")
        locked = ours.lkbuild("lock", "update", "//lk:lock")
        assert locked.returncode == 0, locked.stderr
        assert ours.test("--arch", "amd64", "//lk:test").states == {"//lk:test": "passed"}
    # With the lock, and what it names in the store, nobody is asked: neither the registry, which is gone, nor Docker's.
    assert checkout.test("--offline", "--arch", "amd64", "//lk:test").executed == []
