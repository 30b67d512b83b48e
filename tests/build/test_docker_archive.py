"""Images of a `docker save` archive: by the old form and the new one, the lock names their blobs, and a package is made of them."""

import hashlib
import io
import json
import tarfile

import pytest
from harness.oci import Images, tar_of

BUILD = """\
workspace: {name: test}
targets:
  lock: {rule: oci_lock, archive: web.tar, lock: oci.lock}
  web: {rule: oci_image, lock: ":lock", image: "org/web:1"}
"""
LAYERS = ({"bin/old": b"old", "bin/web": b"web"}, {"bin/.wh.old": b"", "etc": None})


def archive(path, members, links=()):
    with tarfile.open(path, "w") as out:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            out.addfile(info, io.BytesIO(data))
        for name, target in links:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            out.addfile(info)


def older(path):
    """As Docker wrote it until 24: the same layer twice is a link."""
    first, second = (tar_of(files) for files in LAYERS)
    diff_ids = [f"sha256:{hashlib.sha256(data).hexdigest()}" for data in (first, second, first)]
    config = json.dumps(
        {"architecture": "amd64", "os": "linux", "config": {"Cmd": ["/bin/web"]}, "rootfs": {"diff_ids": diff_ids}}
    ).encode()
    name = f"{hashlib.sha256(config).hexdigest()}.json"
    told = [{"Config": name, "RepoTags": ["org/web:1"], "Layers": ["a/layer.tar", "b/layer.tar", "c/layer.tar"]}]
    members = {name: config, "./a/layer.tar": first, "b/layer.tar": second, "manifest.json": json.dumps(told).encode()}
    archive(path, members, [("c/layer.tar", "../a/layer.tar")])


def newer(path):
    """As Docker writes it since 25: a layout, whose names containerd reads."""
    images = Images(path.parent / "layout")
    images.add("org/web:1", *LAYERS, LAYERS[0], Cmd=["/bin/web"])
    found = {str(file.relative_to(images.folder)): file.read_bytes() for file in images.folder.rglob("*") if file.is_file()}
    archive(path, found)


@pytest.fixture(params=[older, newer])
def saved(ws, request):
    ws.write("BUILD.yaml", BUILD)
    request.param(ws.root / "web.tar")
    done = ws.lkbuild("lock", "update", "//:lock")
    assert done.returncode == 0, done.stderr
    return ws


def test_a_package_is_made_of_an_image_that_was_saved(saved):
    report = saved.build("--arch", "amd64", "//:web")
    with tarfile.open(report.path) as layer:
        assert {name: layer.extractfile(name).read() for name in ("bin/old", "bin/web")} == {"bin/old": b"old", "bin/web": b"web"}
    assert report.mnemonics.count("archive_blob") == 2
    assert saved.lkbuild("lock", "check", "//:lock").returncode == 0
    # An archive of the same image, packed otherwise, changes nothing above its blobs.
    with tarfile.open(saved.root / "web.tar", "a") as more:
        more.addfile(tarfile.TarInfo("note"))
    assert set(saved.build("--arch", "amd64", "//:web").mnemonics) == {"archive_blob"}


def test_an_image_that_was_saved_anew_needs_a_new_lock(saved):
    archive(saved.root / "web.tar", {"manifest.json": b"[]"})
    errors = saved.build("--arch", "amd64", "//:web", code=48).errors
    assert errors
    assert all("lock update" in error["hint"] for error in errors)


@pytest.mark.parametrize("content", [b"no tar at all" * 100, None])
def test_what_is_no_archive_is_refused_with_its_name(ws, content):
    ws.write("BUILD.yaml", BUILD)
    if content is None:
        archive(ws.root / "web.tar", {"x": b""})
    else:
        (ws.root / "web.tar").write_bytes(content)
    done = ws.lkbuild("lock", "update", "//:lock")
    assert done.returncode == 48
    assert "web.tar" in done.stderr
    assert "Traceback" not in done.stderr
