"""LinuxKit's YAML as a target: locked images in, an initrd laid out as LinuxKit lays it out."""

import json
import stat

import pytest
from harness.initrd import unpacked
from harness.oci import Images, tar_of

from lkbuild.linuxkit.config import read
from lkbuild.linuxkit.process import ImageSettings
from lkbuild.linuxkit.specs import specs
from lkbuild.locks.oci.layout import Layout, blob_path

TARGETS = """\
workspace: {name: test}
targets:
  lock: {rule: oci_lock, layout: oci, lock: oci.lock}
  image: {rule: linuxkit_image, srcs: [a.yml, b.yml], lock: ":lock", data: [motd]}
  alone: {rule: oci_image, lock: ":lock", image: "org/web:1"}
"""
A = """\
kernel: {image: "org/kernel:1", cmdline: console=ttyS0, ucode: ucode.cpio}
init: ["org/init:1"]
onboot: [{name: once, image: "org/web:1", command: [/once]}]
volumes: [{name: data, image: "org/web:1", readonly: true}, {name: free}]
"""
B = """\
services: [{name: web, image: "org/web:1", uid: web, readonly: true, binds: ["data:/data:ro"]}]
files:
  - {path: etc/motd, source: motd, mode: "0600"}
  - {path: srv/secret, contents: x, uid: web}
  - {path: etc/none, source: missing, optional: true}
  - {path: etc/linuxkit.yml, metadata: yaml}
"""


@pytest.fixture
def linuxkit(ws):
    images = Images(ws.root / "oci")
    images.add(
        "org/kernel:1", {"kernel": b"vmlinuz", "kernel.tar": tar_of({"lib/modules/6.12/x.ko": b"module"}), "ucode.cpio": b"070701ucode"}
    )
    images.add("org/init:1", {"etc": None, "init": b"#!init", "etc/hosts": b"theirs", "Dockerfile": b"FROM scratch"})
    images.add("org/web:1", {"bin/old": b"old", "bin/web": b"web"}, {"bin/.wh.old": b""}, Entrypoint=["/bin/web"], Env=["A=1"])
    ws.write("BUILD.yaml", TARGETS)
    ws.write("a.yml", A)
    ws.write("b.yml", B)
    ws.write("motd", "hello\n")
    assert ws.lkbuild("lock", "update", "//:lock").returncode == 0
    return ws


def initrd(report):
    return unpacked(next(path for path in report.paths if path.name == "initrd.img").read_bytes())


def test_an_image_is_laid_out_as_linuxkit_does(linuxkit):
    report = linuxkit.build("--arch", "amd64", "//:image")
    by_name = {path.name: path for path in report.paths}
    assert by_name["kernel"].read_bytes() == b"vmlinuz"
    assert by_name["cmdline"].read_text() == "console=ttyS0\n"
    assert by_name["initrd.img"].read_bytes().startswith(b"070701ucode")
    found = initrd(report)
    assert found["lib/modules/6.12/x.ko"].content == b"module"
    assert found["init"].content == b"#!init"
    assert found["etc/hosts"].content.startswith(b"127.0.0.1")
    assert found["etc/resolv.conf"].content == b"/run/resolvconf/resolv.conf"
    assert "Dockerfile" not in found
    once, web = "containers/onboot/000-once", "containers/services/web"
    assert found[f"{once}/lower/bin/web"].content == b"web"
    assert f"{once}/lower/bin/old" not in found
    assert f"{web}/rootfs/bin/web" not in found, "a second container of an image uses the files of the first"
    assert {f"{once}/tmp", f"{once}/rootfs", f"{web}/rootfs", "containers/volumes/data/merged", "containers/volumes/free/tmp"} <= set(found)


def test_microcode_that_is_missing(linuxkit):
    linuxkit.edit("a.yml", "ucode.cpio", "nowhere.cpio")
    (error,) = linuxkit.build("--arch", "amd64", "//:image", code=1).errors
    assert "nowhere.cpio" in error["message"]


def test_read_only_volumes(linuxkit):
    found = initrd(linuxkit.build("--arch", "amd64", "//:image"))
    assert ("containers/volumes/data/tmp" in found, "containers/volumes/free/tmp" in found) == (False, True)


def test_files_of_volumes(linuxkit):
    found = initrd(linuxkit.build("--arch", "amd64", "//:image"))
    lower = "containers/volumes/data/lower"
    assert {path for path in found if path.startswith(lower)} == {lower, f"{lower}/bin", f"{lower}/bin/web"}


def test_directories_of_files(linuxkit):
    found = initrd(linuxkit.build("--arch", "amd64", "//:image"))
    assert (found["etc/motd"].content, stat.S_IMODE(found["etc/motd"].mode)) == (b"hello\n", 0o600)
    assert stat.S_IMODE(found["etc"].mode) == 0o755
    assert (stat.S_IMODE(found["srv"].mode), found["srv"].uid, found["srv/secret"].uid) == (0o700, 101, 101)
    assert "etc/none" not in found


def test_a_directory_of_files_has_its_mode_however_it_is_written(linuxkit):
    directories = '  - {path: /srv/, directory: true, mode: "0755"}\n  - {path: etc/, directory: true, mode: "0711"}\n'
    linuxkit.write("b.yml", f"{B}{directories}")
    found = initrd(linuxkit.build("--arch", "amd64", "//:image"))
    assert [stat.S_IMODE(found[path].mode) for path in ("srv", "etc", "srv/secret")] == [0o755, 0o711, 0o600]


def test_the_bundles_are_what_spec_prints(linuxkit):
    found = initrd(linuxkit.build("--arch", "amd64", "//:image"))
    done = linuxkit.lkbuild("linuxkit", "spec", "--images", "oci", "--arch", "amd64", "a.yml", "b.yml")
    printed = json.loads(done.stdout)
    assert {path: json.loads(found[path].content) for path in printed} == printed
    assert printed["containers/services/web/config.json"]["process"]["args"] == ["/bin/web"]


def test_the_metadata_means_the_same_configuration(linuxkit):
    found = initrd(linuxkit.build("--arch", "amd64", "//:image"))
    merged = read(found["etc/linuxkit.yml"].content, "metadata.yml")
    printed = json.loads(linuxkit.lkbuild("linuxkit", "spec", "--images", "oci", "--arch", "amd64", "a.yml", "b.yml").stdout)
    web = ImageSettings(entrypoint=("/bin/web",), env=("A=1",))
    assert specs(merged, lambda _reference, _position: web) == printed


def test_a_volume_can_hold_an_image_as_it_is(linuxkit):
    linuxkit.edit("a.yml", "{name: free}", '{name: free}, {name: oci, image: "org/web:1", format: oci, platforms: [linux/amd64]}')
    found = initrd(linuxkit.build("--arch", "amd64", "//:image"))
    lower = "containers/volumes/oci/lower"
    layout = Layout(lambda path, limit: found[f"{lower}/{path}"].content[:limit], "volume")
    image = layout.image(layout.names["docker.io/org/web:1"], "amd64")
    assert image.config["config"]["Entrypoint"] == ["/bin/web"]
    assert all(f"{lower}/{blob_path(layer.digest)}" in found for layer in image.layers)
    linuxkit.edit("a.yml", "linux/amd64", "linux/arm64")
    (error,) = linuxkit.build("--arch", "amd64", "//:image", code=7).errors
    assert (error["file"], error["line"]) == ("a.yml", 4)


def test_a_changed_service_packs_its_own_segment_only(linuxkit):
    linuxkit.build("--arch", "amd64", "//:image")
    linuxkit.edit("b.yml", "readonly: true", "readonly: true, hostname: h")
    assert linuxkit.build("--arch", "amd64", "//:image").mnemonics == ["concat", "cpio", "cpio", "layer", "layer", "oci_root"]


def test_an_image_that_is_not_locked_is_an_error_at_its_name(linuxkit):
    linuxkit.edit("b.yml", "org/web:1", "org/wep:1")
    (error,) = linuxkit.build("--arch", "amd64", "//:image", code=7).errors
    assert (error["file"], error["line"], error["column"]) == ("b.yml", 1, 31)
    assert "docker.io/org/web:1" in error["hint"]


def test_a_blob_that_is_not_what_the_lock_says_is_refused(linuxkit):
    lock = (linuxkit.root / "oci.lock").read_text()
    blob = next(line for line in lock.splitlines() if "/web:1 " in line).split(" ")[5].split(",")[0].removeprefix("sha256:")
    linuxkit.write(f"oci/blobs/sha256/{blob}", "damaged")
    (error,) = linuxkit.build("--arch", "amd64", "//:alone", code=48).errors
    assert blob in error["message"]


def test_the_lock_follows_the_layout_and_check_says_so(linuxkit):
    assert linuxkit.lkbuild("lock", "check", "//:lock").returncode == 0
    Images.add(_again(linuxkit), "org/web:1", {"bin/web": b"new"}, arches=("amd64", "arm64"))
    done = linuxkit.lkbuild("lock", "diff", "//:lock")
    assert [line.split(" ")[1:3] for line in done.stdout.splitlines()] == [["~", "docker.io/org/web:1"], ["+", "docker.io/org/web:1"]]


def _again(ws):
    images = object.__new__(Images)
    images.folder, images._names = ws.root / "oci", {}
    for item in json.loads((ws.root / "oci" / "index.json").read_text())["manifests"]:
        images._names[item["annotations"]["org.opencontainers.image.ref.name"]] = item
    return images


def test_an_image_of_the_lock_is_a_package_of_its_own(linuxkit):
    report = linuxkit.build("--arch", "amd64", "//:alone")
    assert report.mnemonics == ["oci_root"]


def test_the_command_builds_the_same_without_a_workspace(linuxkit):
    target = linuxkit.build("--arch", "amd64", "//:image")
    (linuxkit.root / "BUILD.yaml").unlink()
    command = linuxkit.build("build", "--images", "oci", "--arch", "amd64", "--name", "x", "a.yml", "b.yml", verb="linuxkit")
    ours, theirs = initrd(command), initrd(target)
    metadata = "etc/linuxkit.yml"
    assert {**ours, metadata: None} == {**theirs, metadata: None}
    assert linuxkit.root / "lkbuild-out" / "amd64" / "x" / "kernel" in command.paths
    assert linuxkit.build("build", "--images", "oci", "--arch", "amd64", "--name", "x", "a.yml", "b.yml", verb="linuxkit").executed == []


def test_the_command_tells_mistakes_at_their_places(linuxkit):
    linuxkit.edit("a.yml", "org/kernel:1", "org/kernle:1")
    (error,) = linuxkit.build("build", "--images", "oci", "--arch", "amd64", "a.yml", "b.yml", verb="linuxkit", code=7).errors
    assert (error["file"], error["line"], error["column"]) == ("a.yml", 1, 17)


def test_a_converted_configuration_is_the_same_image(linuxkit):
    target = linuxkit.build("--arch", "amd64", "//:image")
    (linuxkit.root / "BUILD.yaml").unlink()
    done = linuxkit.lkbuild("linuxkit", "convert", "--name", "x", "a.yml", "b.yml")
    assert (done.returncode, done.stdout) == (0, f"{linuxkit.root / 'BUILD.yaml'}\n")
    assert linuxkit.lkbuild("lock", "update", "//:x-images").returncode == 0
    assert initrd(linuxkit.build("--arch", "amd64", "//:x")) == initrd(target)


def test_a_mistake_in_a_section_of_a_target_is_told_at_its_place(linuxkit):
    linuxkit.write("BUILD.yaml", TARGETS + '  own: {rule: linuxkit_image, lock: ":lock", kernel: {image: "org/kernle:1"}}\n')
    (error,) = linuxkit.build("--arch", "amd64", "//:own", code=7).errors
    assert (error["file"], error["line"], error["column"]) == ("BUILD.yaml", 6, 62)


def test_a_lock_can_be_of_what_the_files_name(linuxkit):
    linuxkit.edit("BUILD.yaml", "layout: oci, lock", "layout: oci, srcs: [a.yml], lock")
    assert linuxkit.lkbuild("lock", "update", "//:lock").returncode == 0
    named = {line.split()[0] for line in (linuxkit.root / "oci.lock").read_text().splitlines() if not line.startswith("#")}
    assert named == {f"docker.io/org/{name}:1" for name in ("kernel", "init", "web")}
    linuxkit.write("a.yml", "init: [org/none:1]")
    assert linuxkit.lkbuild("lock", "check", "//:lock").returncode == 48


MIXED = """\
workspace: {name: test}
targets:
  lock: {rule: oci_lock, layout: oci, srcs: [a.yml], without: [org/own], lock: oci.lock}
  image: {rule: linuxkit_image, srcs: [a.yml], lock: ":lock", packages: {org/own: "//pkg/own"}}
"""
MIXED_YAML = """\
kernel: {image: "org/kernel:1", tar: none}
init: ["org/own:0123"]
services: [{name: own, image: "@pkg:pkg/own"}]
"""
OWN = "targets:\n  own: {rule: package, skeleton: false, files: [{path: /init, contents: own}], command: [/init]}\n"


def test_what_a_file_names_of_the_workspace_is_in_no_lock(linuxkit):
    """What `@pkg:` stands for, and what a linuxkit_image's `packages:` says."""
    linuxkit.write("BUILD.yaml", MIXED)
    linuxkit.write("a.yml", MIXED_YAML)
    linuxkit.write("pkg/own/BUILD.yaml", OWN)
    assert linuxkit.lkbuild("lock", "update", "//:lock").returncode == 0
    named = {line.split()[0] for line in (linuxkit.root / "oci.lock").read_text().splitlines() if not line.startswith("#")}
    assert named == {"docker.io/org/kernel:1"}
    assert linuxkit.lkbuild("lock", "check", "//:lock").returncode == 0
    found = initrd(linuxkit.build("--arch", "amd64", "//:image"))
    assert {found[path].content for path in ("init", "containers/services/own/rootfs/init")} == {b"own"}
    # A template that can stand for no target is an error of the file, and so is a file without anything to lock.
    for old, new, place in (("@pkg:pkg/own", "@pkg:../own", ("a.yml", 3)), ("org/kernel:1", "@pkg:pkg/own", ("BUILD.yaml", 3))):
        linuxkit.write("a.yml", MIXED_YAML.replace(old, new))
        (error,) = json.loads(linuxkit.lkbuild("lock", "check", "--json", "//:lock").stdout)["errors"]
        assert (error["file"], error["line"]) == place


def test_modules_and_links(linuxkit):
    images = _again(linuxkit)
    linuxkit.edit("b.yml", "path: etc/motd", "path: lib/motd")
    Images.add(images, "org/init:1", {"init": b"#!init", "usr/lib/x": b"", "lib": "usr/lib"})
    assert linuxkit.lkbuild("lock", "update", "//:lock").returncode == 0
    found = initrd(linuxkit.build("--arch", "amd64", "//:image"))
    assert found["lib"].content == b"usr/lib"
    assert found["usr/lib/modules/6.12/x.ko"].content == b"module"
    assert found["usr/lib/motd"].content == b"hello\n"
    assert not [path for path in found if path.startswith("lib/")]


def test_an_image_names_the_formats_that_it_is_shipped_in(linuxkit):
    linuxkit.edit("BUILD.yaml", "data: [motd]}", "data: [motd], formats: [kernel, kernel+initrd]}")
    names = {path.name for path in linuxkit.build("--arch", "amd64", "//:image.formats").paths}
    assert names == {"kernel", "initrd.img", "cmdline"}


def test_a_format_that_the_image_can_t_have_is_refused_where_it_stands(linuxkit):
    linuxkit.edit("BUILD.yaml", "data: [motd]}", "data: [motd], formats: [kernel, iso]}")
    (error,) = linuxkit.build("--arch", "amd64", "//:image", code=7).errors
    assert (error["class"], error["line"]) == ("AnalysisError", 4)


PROJECT = """\
targets:
  image:
    rule: linuxkit_image
    srcs: [linuxkit.yml]
    packages: {org/kernel: "//pkg/kernel", "org/init:1": "//pkg/init"}
"""
YAML = """\
kernel: {image: "org/kernel:0123", cmdline: console=ttyS0, tar: none}
init: ["org/init:1"]
services: [{name: web, image: "@pkg:../pkg/web", binds.add: ["/srv:/srv"]}]
"""
PACKAGES = {
    "kernel": "{rule: package, skeleton: false, files: [{path: /kernel, contents: vmlinuz}]}",
    "init": "{rule: package, skeleton: false, files: [{path: /init, contents: init}]}",
    "base": "{rule: package, skeleton: false, files: [{path: /bin/base, source: text}]}",
    "web": '{rule: package, skeleton: false, layers: ["//pkg/base"], files: [{path: /bin/web, contents: web}], command: [/bin/web], '
    "capabilities: [CAP_KILL], binds: [/run:/run]}",
}


@pytest.fixture
def project(ws):
    """A LinuxKit project whose images come from its own packages."""
    for name, target in PACKAGES.items():
        ws.write(f"pkg/{name}/BUILD.yaml", f"targets:\n  {name}: {target}\n")
    ws.write("pkg/base/text", "1\n")
    ws.write("images/BUILD.yaml", PROJECT)
    ws.write("images/linuxkit.yml", YAML)
    return ws


def test_images_may_be_targets_of_the_workspace_and_no_lock_is_needed(project):
    found = initrd(project.build("--arch", "amd64", "//images:image"))
    assert found["init"].content == b"init"
    lower = "containers/services/web/rootfs"
    assert {path.rpartition("/")[2] for path in found if path.startswith(f"{lower}/bin/")} == {"web", "base"}
    spec = json.loads(found["containers/services/web/config.json"].content)
    # As the label of its image says: what it runs, and the fields of its package.
    assert spec["process"]["args"] == ["/bin/web"]
    assert spec["process"]["capabilities"]["bounding"] == ["CAP_KILL"]
    assert [mount["destination"] for mount in spec["mounts"] if mount["destination"] in ("/run", "/srv")] == ["/run", "/srv"]


def test_a_package_below_a_package_packs_one_segment_of_the_image_anew(project):
    project.build("--arch", "amd64", "//images:image")
    project.write("pkg/base/text", "2\n")
    changed = project.build("--arch", "amd64", "//images:image").executed
    assert changed == ["//pkg/base layer", "//images:image oci_root", "//images:image cpio", "//images:image concat"]


def test_the_targets_that_a_file_names_are_in_the_graph(project):
    graph = project.lkbuild("query", "--arch", "amd64", "deps(//images:image)").stdout.split()
    assert {"//pkg/kernel", "//pkg/init", "//pkg/web", "//pkg/base"} <= set(graph)


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("@pkg:../pkg/web", "@pkg:../pkg/wep", 3),  # no such target
        ("@pkg:../pkg/web", "@pkg:../../pkg/web", 3),  # outside of the workspace
        ("@pkg:../pkg/web", "@pkg:..", 3),
        ("org/init:1", "org/init:2", 2),  # neither named nor locked
        ("org/init:1", "@pkg:.", 2),  # no image
    ],
)
def test_an_image_that_is_no_target_is_an_error_at_its_name(project, old, new, line):
    project.edit("images/linuxkit.yml", old, new)
    (error,) = project.build("--arch", "amd64", "//images:image", code=7).errors
    assert (error["file"], error["line"]) == ("images/linuxkit.yml", line)
    assert error["hint"]


def test_a_target_may_write_the_sections_itself(project):
    project.build("--arch", "amd64", "//images:image")
    project.edit("images/BUILD.yaml", "    srcs: [linuxkit.yml]\n", "".join(f"    {line}\n" for line in YAML.splitlines()))
    assert project.build("--arch", "amd64", "//images:image").executed == []
    project.edit("images/BUILD.yaml", "@pkg:../pkg/web", "@pkg:../pkg/wep")
    (error,) = project.build("--arch", "amd64", "//images:image", code=7).errors
    assert (error["file"], error["line"]) == ("images/BUILD.yaml", 6)
