"""`lkbuild info size`: what an output was joined from, the files in that, and what changed since."""

import json

import pytest
from harness.oci import Images

TARGETS = """\
workspace: {name: test}
targets:
  lock: {rule: oci_lock, layout: oci, lock: oci.lock}
  image: {rule: linuxkit_image, srcs: [a.yml], lock: ":lock"}
  other: {rule: genrule, outs: [x], cmd: echo 1 > $OUT}
"""
CONFIG = """\
kernel: {image: "org/kernel", tar: none}
init: [org/init]
files: [{path: etc/motd, contents: short}]
"""


@pytest.fixture
def image(ws):
    images = Images(ws.root / "oci")
    images.add("org/kernel", {"kernel": b"k" * 1000})
    images.add("org/init", {"init": b"i" * 5000, "bin/tool": b"t" * 70000})
    ws.write("BUILD.yaml", TARGETS)
    ws.write("a.yml", CONFIG)
    assert ws.lkbuild("lock", "update", "//:lock").returncode == 0
    return ws


def told(ws, *words):
    done = ws.lkbuild("info", "size", "--json", *words)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_parts_of_an_output_and_the_files_in_them_are_told(image):
    found = told(image, "//:image")
    sizes = {path.name: path.stat().st_size for path in image.build("//:image").paths}
    outputs = {output["name"]: output for output in found["outputs"]}
    assert {name: output["bytes"] for name, output in outputs.items()} == sizes
    assert sum(part["bytes"] for part in outputs["initrd.img"]["parts"]) == sizes["initrd.img"]
    files = {path: count for part in outputs["initrd.img"]["parts"] for path, count in part["files"].items()}
    assert (files["bin/tool"], files["init"], files["etc/motd"]) == (70000, 5000, 5)
    assert outputs["kernel"]["parts"] == []


def test_what_changed_since_an_earlier_account_is_told_the_largest_first(image):
    (image.root / "before.json").write_text(json.dumps(told(image, "//:image")))
    same = told(image, "--against", "before.json", "//:image")
    assert same["changed"] == {"outputs": [], "parts": [], "files": []}
    image.edit("a.yml", "[{path: etc/motd, contents: short}]", "[{path: etc/motd, contents: longer}, {path: etc/new, contents: xx}]")
    changed = told(image, "--against", "before.json", "//:image")["changed"]
    assert [(item["name"], item["bytes_before"], item["bytes"]) for item in changed["files"]] == [
        ("//:image etc/new", 0, 2),
        ("//:image etc/motd", 5, 6),
    ]
    assert [item["name"] for item in changed["outputs"]] == ["initrd.img"]


def test_an_account_is_written_for_people_too(image):
    lines = image.lkbuild("info", "size", "//:image").stdout.splitlines()
    assert any(line.split() == ["68.4", "KiB", "bin/tool", "(//:image)"] for line in lines)


@pytest.mark.parametrize("words", [["//..."], [], ["--against", "no.json", "//:other"], ["--against", "a.yml", "//:other"]])
def test_what_can_t_be_told_is_refused(image, words):
    assert image.lkbuild("info", "size", *words).returncode == 2
