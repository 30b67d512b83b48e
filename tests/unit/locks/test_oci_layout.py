"""OCI layouts: images by name and platform, every blob checked."""

import hashlib
import json

import pytest

from lkbuild.base.errors import FetchError, LoadError
from lkbuild.locks.oci.layout import Layout, blob_path, from_folder

INDEX = "application/vnd.oci.image.index.v1+json"


def blob(folder, value):
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    digest = hashlib.sha256(data).hexdigest()
    (folder / "blobs" / "sha256").mkdir(parents=True, exist_ok=True)
    (folder / "blobs" / "sha256" / digest).write_bytes(data)
    return {"digest": f"sha256:{digest}", "size": len(data)}


@pytest.fixture
def manifest(tmp_path):
    layer = {**blob(tmp_path, b"layer"), "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip"}
    return blob(tmp_path, {"config": blob(tmp_path, {"config": {"Cmd": ["x"]}}), "layers": [layer]})


def index(folder, *manifests):
    (folder / "index.json").write_text(json.dumps({"manifests": list(manifests)}))
    return Layout(from_folder(folder), "images")


def test_an_image_is_found_by_its_platform(tmp_path, manifest):
    other = {"digest": "sha256:" + "0" * 64, "platform": {"os": "unknown", "architecture": "unknown"}}
    platforms = [other, {**manifest, "platform": {"os": "linux", "architecture": "arm64"}}]
    many = {**blob(tmp_path, {"mediaType": INDEX, "manifests": platforms}), "annotations": {"org.opencontainers.image.ref.name": "x:1"}}
    layout = index(tmp_path, many)
    image = layout.image(layout.names["x:1"], "arm64")
    assert (image.manifest, image.config["config"], len(image.layers)) == (manifest["digest"], {"Cmd": ["x"]}, 1)
    with pytest.raises(FetchError) as caught:
        layout.image(layout.names["x:1"], "amd64")
    assert "arm64" in caught.value.hint


def test_a_manifest_needs_no_index(tmp_path, manifest):
    layout = index(tmp_path, {**manifest, "annotations": {"io.containerd.image.name": "y"}})
    assert layout.image(layout.names["y"], "amd64").manifest == manifest["digest"]


def test_damage_is_an_error(tmp_path, manifest):
    layout = index(tmp_path, manifest)
    (tmp_path / blob_path(manifest["digest"])).write_bytes(b"{}")
    with pytest.raises(FetchError):
        layout.image(manifest["digest"], "amd64")
    (tmp_path / blob_path(manifest["digest"])).unlink()
    with pytest.raises(FetchError):
        layout.image(manifest["digest"], "amd64")


@pytest.mark.parametrize("digest", ["sha256:../../../etc/passwd", "sha512:" + "0" * 128, "x", ""])
def test_a_digest_that_is_none_leaves_the_layout_alone(digest, tmp_path, manifest):
    with pytest.raises(FetchError):
        index(tmp_path, manifest).image(digest, "amd64")


@pytest.mark.parametrize("value", [b"[]", b"not json", {"config": "x"}, {"config": {"digest": 5}}, {"layers": []}])
def test_what_is_no_manifest_is_an_error(value, tmp_path):
    with pytest.raises(FetchError):
        index(tmp_path).image(blob(tmp_path, value)["digest"], "amd64")


def test_a_folder_without_a_layout_is_an_error(tmp_path):
    with pytest.raises(LoadError):
        Layout(from_folder(tmp_path), "images")
