"""Every image boots in QEMU and does what its test says; what passed once is not run again.

Images are built into the store that LKBUILD_CACHE names, else the user's: a warm one makes this quick. A kernel from source is
compiled once (minutes); `-m "boot and not slow"` leaves that out and boots Debian's. Those of other architectures than this machine's boot
where the store has them; `make test-all` compiles them, too.
"""

import pytest
from harness.effort import COMPILE

from lkbuild.model.configuration import ARCHES

pytestmark = [pytest.mark.boot, pytest.mark.network]

QUICK = ("--config", "quick")
LONG = pytest.mark.skipif(not COMPILE, reason="takes longer than a run should: LKBUILD_TEST_COMPILE=1 boots it")
IMAGES = ("minimal", "linuxkit", "sshd", "wireguard", "docker-desktop", "docker-baremetal")


def passes(repository, target, *arguments):
    report = repository.test(*arguments, target)
    assert report.states == {target: "passed"}
    again = repository.test(*arguments, target)
    assert (again.executed, again.states) == ([], {target: "passed"})


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_with_debians_kernel_boots(repository, image):
    passes(repository, f"//images:{image}-test", *QUICK)


def needs_kernel(repository, arch):
    if not COMPILE and repository.build("--dry-run", "--arch", arch, "//kernel:linux").states != {"//kernel:linux": "up_to_date"}:
        pytest.skip(f"the store has no kernel for {arch}: LKBUILD_TEST_COMPILE=1 compiles it")


def by_configuration(report):
    return {(target["label"], target["configuration"].partition(",")[0]): target["state"] for target in report.told["targets"]}


def test_the_smallest_image_boots_on_every_architecture_by_one_command(repository):
    report = repository.test(*QUICK, "--arch", "all", "//images:minimal-test")
    assert by_configuration(report) == {("//images:minimal-test", arch): "passed" for arch in ARCHES}
    assert repository.test(*QUICK, "--arch", "all", "//images:minimal-test").executed == []


@pytest.mark.slow
def test_every_architecture_has_services(repository):
    """One graph: both images are built for all by one command, and booted by another."""
    built = repository.build(*QUICK, "--arch", "all", "//images:minimal", "//images:linuxkit")
    assert {path.name for path in built.paths} == {"kernel", "initrd.img", "cmdline"}
    assert len(built.paths) == 3 * 2 * len(ARCHES)
    tests = ["//images:minimal-test", "//images:linuxkit-test", "//images:sshd-test"]
    report = repository.test(*QUICK, "--arch", "all", *tests)
    assert by_configuration(report) == {(test, arch): "passed" for test in tests for arch in ARCHES}


@pytest.mark.slow
@pytest.mark.parametrize("arch", ["arm64", pytest.param("riscv64", marks=LONG), "s390x"])
def test_a_docker_engine_for_another_architecture_runs_a_container(repository, arch):
    passes(repository, "//images:docker-desktop-test", *QUICK, "--arch", arch)


@pytest.mark.slow
@pytest.mark.parametrize("image", ["minimal", "docker-desktop"])
def test_an_image_with_a_kernel_from_source_boots(repository, image):
    passes(repository, f"//images:{image}-test")


@pytest.mark.slow
@pytest.mark.parametrize("arch", ["arm64", "riscv64", "s390x"])
def test_an_architecture_boots_its_kernel_from_source(repository, arch):
    """Also the first container's program for devices, which a kernel compiles (BPF)."""
    needs_kernel(repository, arch)
    passes(repository, "//images:minimal-test", "--arch", arch)


@pytest.mark.slow
@LONG
@pytest.mark.parametrize("arch", ["arm64", "riscv64", "s390x"])
def test_a_docker_engine_runs_on_an_architecture_s_kernel_from_source(repository, arch):
    passes(repository, "//images:docker-desktop-test", "--arch", arch)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["raw-efi", "iso-efi"])
def test_firmware_starts_arm64_s_kernel_from_source(repository, form):
    """As an EFI program that unpacks itself: firmware knows no Image.gz."""
    needs_kernel(repository, "arm64")
    passes(repository, f"//images/tests:minimal-{form}-arm64-test", "--arch", "arm64")


def test_every_image_has_a_test_and_is_among_these(repository):
    def names(expression):
        return set(repository.lkbuild("query", expression).stdout.split())

    images, tests = {f"//images:{name}" for name in IMAGES}, names("kind(test, //images/...)")
    assert {f"{image}-test" for image in images} <= tests
    for other in {label for label in names("kind(image, //images/...)") if label.startswith("//images:")} - images:
        # An edition is booted from what is shipped (test_media.py), the Pi's card in QEMU's Pi (test_rpi.py).
        medium = other.replace("//images:", "//images/tests:") + "-"
        assert any(test.startswith(medium) for test in tests), other
