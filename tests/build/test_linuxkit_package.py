"""Folders of LinuxKit packages, as they are, built by a real engine: a base, its user, and an image of both."""

import io
import json
import shutil
import tarfile

import pytest
from harness.initrd import unpacked
from harness.oci import Images
from harness.workspace import REPOSITORY

pytestmark = [pytest.mark.network, pytest.mark.slow]

BUSY = """\
targets:
  busy:
    rule: package
    skeleton: false
    debs: [busybox-static]
    lock: //pkg/debian
    files: [{path: /bin/sh, symlink: ../usr/bin/busybox}]
"""
#: LinuxKit's own form, its unquoted mode included.
BASE = {
    "build.yml": "image: base\norg: team\narches: [amd64]\n",
    "Dockerfile": "FROM lkbuild://busy\nCOPY version /version\nARG PKG_HASH\nRUN busybox echo ${PKG_HASH} > /hash\n",
    "version": "1\n",
    "README.md": "what it is\n",
}
USER = {
    "build.yml": """\
image: user
org: team
arches: [amd64]
gitrepo: https://example.org/user
extra-sources: ["../common:shared"]
buildArgs:
  - TOOL=@lkt:pkg:../tool
  - WORD=hello
config:
  binds: ["/run:/run"]
  capabilities: [CAP_NET_ADMIN]
  devices: [{path: /dev/x, type: c, major: 1, minor: 3, mode: 0666}]
  oomScoreAdj: -800
""",
    "Dockerfile": """\
ARG TOOL
FROM ${TOOL} AS tool
FROM team/base:0123456789012345678901234567890123456789 AS build
ARG WORD
ARG SOURCE
COPY . /src
COPY --from=tool /tool /tool
RUN busybox echo "$WORD $(busybox cat /version /src/shared/text /tool) $SOURCE" > /said
FROM scratch
COPY --from=build /said /said
CMD ["/bin/user"]
""",
    ".hidden": "x",
}
KERNEL_RULE = '''\
"""fake_kernel: a kernel that is a file, for tests."""

from lkbuild.model.attrs import Attr, File
from lkbuild.model.rule import Rule

from ..providers import KernelInfo


def analyze(ctx):
    return [KernelInfo(image=ctx.attrs["src"])]


RULE = Rule(name="fake_kernel", doc="A kernel.", attrs={"src": Attr(type=File(), required=True, doc="A file.")}, analyze=analyze)
'''
IMAGES = """\
targets:
  kernel: {rule: fake_kernel, src: kernel}
  init: {rule: package, initramfs: true, skeleton: false, files: [{path: /init, contents: init}]}
  image: {rule: image, kernel: ":kernel", init: [":init"], services: [//pkg/user]}
"""


@pytest.fixture
def tree(docked):
    docked.write("busy/BUILD.yaml", BUSY)
    shutil.copytree(REPOSITORY / "pkg/debian", docked.root / "pkg/debian")
    docked.write("rules/toolchains/BUILD.yaml", (REPOSITORY / "rules/toolchains/BUILD.yaml").read_text())
    for folder, files in (("base", BASE), ("user", USER)):
        for name, text in files.items():
            docked.write(f"pkg/{folder}/{name}", text)
    docked.write("pkg/base/BUILD.yaml", "targets:\n  base: {rule: linuxkit_package}\n")
    docked.write(
        "pkg/user/BUILD.yaml",
        'targets:\n  user: {rule: linuxkit_package, bases: {team/base: //pkg/base}, extra: {"../common": [//pkg/common:files]}}\n',
    )
    docked.write("pkg/common/BUILD.yaml", "targets:\n  files: {rule: filegroup, srcs: [text]}\n")
    docked.write("pkg/common/text", "shared\n")
    docked.write("pkg/tool/BUILD.yaml", "targets:\n  tool: {rule: package, skeleton: false, files: [{path: /tool, contents: tool}]}\n")
    docked.write("rules/fake_kernel/rule.py", KERNEL_RULE)
    docked.write("images/BUILD.yaml", IMAGES)
    docked.write("images/kernel", "kernel")
    return docked


def files_of(path):
    with tarfile.open(path) as archive:
        return {member.name: archive.extractfile(member).read() for member in archive if member.isfile()}


def config_of(layout):
    def document(descriptor):
        return json.loads((layout / "blobs" / descriptor["digest"].replace(":", "/")).read_text())

    (top,) = json.loads((layout / "index.json").read_text())["manifests"]
    return document(document(top)["config"])["config"]


def test_a_folder_builds_as_it_is_and_its_label_says_how_it_is_run(tree):
    said = files_of(tree.build("--arch=amd64", "//pkg/user").path)["said"].decode()
    assert said.split() == ["hello", "1", "shared", "tool", "https://example.org/user"]
    config = config_of(tree.build("--arch=amd64", "//pkg/user.oci").path)
    assert config["Labels"]["org.opencontainers.image.source"] == "https://example.org/user"
    label = json.loads(config["Labels"]["org.mobyproject.config"])
    assert label["devices"] == [{"path": "/dev/x", "type": "c", "major": 1, "minor": 3, "mode": "0666"}]
    assert (label["capabilities"], label["oomScoreAdj"], config["Cmd"]) == (["CAP_NET_ADMIN"], -800, ["/bin/user"])


def test_a_change_of_the_base_rebuilds_it_its_user_and_the_image_alone(tree):
    first = tree.build("--arch=amd64", "//images:image")
    assert [name for name in first.executed if name.endswith(" dockerfile")] == ["//pkg/base dockerfile", "//pkg/user dockerfile"]
    assert tree.build("--arch=amd64", "//images:image").executed == []
    tree.write("pkg/base/version", "2\n")
    changed = tree.build("--arch=amd64", "//images:image")
    assert changed.executed[:3] == ["//pkg/base dockerfile", "//pkg/user dockerfile", "//pkg/user oci_image_root"]
    assert {name.partition(" ")[0] for name in changed.executed} == {"//pkg/base", "//pkg/user", "//images:image"}
    # Of the image: the segment of that one layer, the plan that names it, and their concatenation.
    assert sorted(name.partition(" ")[2] for name in changed.executed[3:]) == ["concat", "cpio", "cpio", "layer", "stamp"]
    hidden = files_of(tree.build("--arch=amd64", "//pkg/base").path)["hash"]
    tree.write("pkg/base/README.md", "other words\n")
    assert files_of(tree.build("--arch=amd64", "//pkg/base").path)["hash"] != hidden


LINUXKIT = """\
kernel: {image: "team/kernel:0123456789", cmdline: console=ttyS0, tar: none}
init: ["team/init:1"]
onboot: [{name: other, image: "team/other:1"}]
services: [{name: user, image: "@pkg:../pkg/user"}]
"""
PROJECT = """\
targets:
  kernel: {rule: package, skeleton: false, files: [{path: /kernel, contents: vmlinuz}]}
  init: {rule: package, skeleton: false, files: [{path: /init, contents: init}]}
  other: {rule: package, skeleton: false, files: [{path: /other, contents: other}], command: [/other]}
  image:
    rule: linuxkit_image
    srcs: [linuxkit.yml]
    packages: {team/kernel: ":kernel", team/init: ":init", team/other: ":other"}
"""


def test_of_a_linuxkit_image_too(tree):
    tree.write("project/BUILD.yaml", PROJECT)
    tree.write("project/linuxkit.yml", LINUXKIT)
    first = tree.build("--arch=amd64", "//project:image")
    packed = next(path for path in first.paths if path.name == "initrd.img").read_bytes()
    spec = json.loads(unpacked(packed)["containers/services/user/config.json"].content)
    # The Dockerfile's command, build.yml's privileges.
    assert (spec["process"]["args"], spec["process"]["capabilities"]["bounding"]) == (["/bin/user"], ["CAP_NET_ADMIN"])
    tree.write("pkg/base/version", "2\n")
    changed = tree.build("--arch=amd64", "//project:image").executed
    assert changed[:3] == ["//pkg/base dockerfile", "//pkg/user dockerfile", "//pkg/user oci_image_root"]
    assert changed[3:] == [f"//project:image {name}" for name in ("oci_root", "cpio", "concat")]


def test_a_label_in_a_dockerfile_says_how_a_container_of_linuxkits_is_run_also_from_above(tree):
    label = '{"capabilities": ["CAP_SYS_TIME"]}'
    tree.write("project/BUILD.yaml", PROJECT)
    tree.write("project/linuxkit.yml", LINUXKIT.replace("@pkg:../pkg/user", "@pkg:../pkg/base"))
    tree.write("pkg/low/build.yml", "image: low\norg: team\narches: [amd64]\n")
    tree.write("pkg/low/BUILD.yaml", "targets:\n  low: {rule: linuxkit_package}\n")
    tree.write("pkg/low/Dockerfile", f"FROM lkbuild://busy\nCMD [\"/x\"]\nLABEL a=b org.mobyproject.config='{label}'\n")
    tree.write("pkg/base/Dockerfile", "FROM lkbuild://pkg/low\nCOPY version /version\n")
    packed = next(path for path in tree.build("--arch=amd64", "//project:image").paths if path.name == "initrd.img").read_bytes()
    spec = json.loads(unpacked(packed)["containers/services/user/config.json"].content)
    assert spec["process"]["capabilities"]["bounding"] == ["CAP_SYS_TIME"]


def test_all_that_both_files_name_is_in_the_graph(tree):
    graph = tree.lkbuild("query", "--arch=amd64", "deps(//pkg/user)").stdout.split()
    assert {"//pkg/user", "//pkg/base", "//pkg/tool", "//pkg/common:files", "//busy"} <= set(graph)


def test_images_that_the_context_holds_come_from_the_lock(tree):
    images = Images(tree.root / "images-of-others")
    images.add("docker.io/library/other:1", {"file": b"x"}, Cmd=["/x"])
    tree.write("BUILD.yaml", "workspace: {name: test}\ntargets:\n  others: {rule: oci_lock, layout: images-of-others, lock: oci.lock}\n")
    assert tree.lkbuild("lock", "update", "//:others").returncode == 0
    locked = (tree.root / "oci.lock").read_text().splitlines()[-1].split()
    build = f"image: base\narches: [amd64]\ndepends:\n  docker-images:\n    target: var/images.tar\n    list: ['other:1@{locked[2]}']\n"
    tree.write("pkg/base/build.yml", build)
    tree.write("pkg/base/BUILD.yaml", "targets:\n  base: {rule: linuxkit_package, image_lock: //:others}\n")
    tree.write("pkg/base/Dockerfile", "FROM lkbuild://busy\nCOPY var /var\n")
    tree.write("oci.lock", (tree.root / "oci.lock").read_text().replace("other:1 ", f"other:1@{locked[2]} "))
    archive = files_of(tree.build("--arch=amd64", "//pkg/base").path)["var/images.tar"]
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        (entry,) = json.load(opened.extractfile("manifest.json"))
        assert opened.getmember(entry["Config"])


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("org: team\n", 1),
        ("image: base\nimag: x\n", 2),
        ("image: base\narches: [s390x]\n", 2),
        ("image: base\nbuildArgs: [X]\n", 2),
        ("image: base\nbuildArgs: ['X_%=@lkt:pkgs:../*']\n", 2),
        ("image: base\nextra-sources: ['../common:x']\n", 2),
        ("image: base\nconfig: {capabilities.add: [CAP_KILL]}\n", 2),
        ("image: base\ndockerfile: ../Dockerfile\n", 2),
        ("image: base\ndepends: {docker-images: {list: ['x:1'], target: x}}\n", 2),
        ("image: base\ndepends: {docker-images: {from-file: x, target: x}}\n", 2),
    ],
)
def test_what_is_wrong_in_a_build_yml_is_an_error_at_its_place(tree, text, line):
    tree.write("pkg/base/build.yml", text)
    (error,) = tree.build("--arch=amd64", "//pkg/base", code=7).errors
    assert (error["file"], error["line"]) == ("pkg/base/build.yml", line)
    assert error["hint"]
