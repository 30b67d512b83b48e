"""What `lkbuild linuxkit spec` asks of a kernel's image: the files that LinuxKit would take from it."""

import hashlib
import io
import json
import tarfile

import pytest

from lkbuild.app.linuxkit.inputs import ImagesFrom
from lkbuild.app.linuxkit.spec import spec
from lkbuild.base.errors import FetchError, LoadError

KERNEL = "kernel:\n  image: k\n"


@pytest.fixture
def refusal(tmp_path):
    """The error that comes of a text, or None, where the image k has layers with these files."""
    blobs = tmp_path / "layout" / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def blob(data):
        name = hashlib.sha256(data).hexdigest()
        (blobs / name).write_bytes(data)
        return {"digest": f"sha256:{name}", "size": len(data)}

    def layer(names, mode):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode=mode) as archive:
            for name in names:
                archive.addfile(tarfile.TarInfo(name))
        return buffer.getvalue()

    def make(text, *layers, mode="w:gz", damage=lambda data: data, lost=False):
        config = blob(json.dumps({"architecture": "amd64", "os": "linux", "config": {}}).encode())
        made = [blob(damage(layer(names, mode))) for names in layers]
        for item in made if lost else ():
            (blobs / item["digest"].removeprefix("sha256:")).unlink()
        manifest = blob(json.dumps({"schemaVersion": 2, "config": config, "layers": made}).encode())
        named = {**manifest, "annotations": {"org.opencontainers.image.ref.name": "docker.io/library/k:latest"}}
        (tmp_path / "layout" / "index.json").write_text(json.dumps({"manifests": [named]}))
        (tmp_path / "a.yml").write_text(text)
        try:
            spec(["a.yml"], images=ImagesFrom(layout=tmp_path / "layout"), arch="amd64", cwd=tmp_path, environment={})
        except (LoadError, FetchError) as error:
            return error
        return None

    return make


@pytest.mark.parametrize(
    ("text", "layers"),
    [
        (KERNEL, [["kernel", "kernel.tar"]]),
        (KERNEL, [["./kernel", "boot/x"], ["kernel.tar"]]),
        (f"{KERNEL}  tar: none", [["kernel"]]),
        (f'{KERNEL}  tar: ""\n  binary: ""', [["kernel"]]),
        (f"{KERNEL}  binary: boot/bzImage\n  tar: modules.tar", [["boot/bzImage", "modules.tar"]]),
        (f"{KERNEL}  ucode: nowhere", [["kernel", "kernel.tar"]]),
        (KERNEL, [["kernel", "kernel.tar"], [".wh.kernel"], ["kernel"]]),
        ("kernel: {binary: nowhere}", [[]]),
    ],
)
@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_a_kernels_image_with_its_files_is_taken(refusal, text, layers, mode):
    assert refusal(text, *layers, mode=mode) is None


@pytest.mark.parametrize(
    ("text", "layers", "place"),
    [
        (KERNEL, [["kernel"]], (2, 10)),
        (KERNEL, [["kernel.tar"]], (2, 10)),
        (KERNEL, [[]], (2, 10)),
        (f"{KERNEL}  binary: bzImage", [["kernel", "kernel.tar"]], (3, 11)),
        (f"{KERNEL}  tar: modules.tar", [["kernel", "kernel.tar"]], (3, 8)),
        (KERNEL, [["kernel", "kernel.tar"], [".wh.kernel"]], (2, 10)),
        (f"{KERNEL}  binary: boot/bzImage", [["boot/bzImage", "kernel.tar"], ["boot/.wh.bzImage"]], (3, 11)),
    ],
)
def test_a_kernels_image_without_its_files_is_refused_where_they_are_named(refusal, text, layers, place):
    error = refusal(text, *layers)
    assert isinstance(error, LoadError)
    assert (error.position.file, error.position.line, error.position.column) == ("a.yml", *place)
    assert error.hint


def test_a_layout_that_has_configurations_alone_serves_specifications(refusal):
    assert refusal(KERNEL, ["bzImage"], lost=True) is None


def test_a_damaged_layer_is_an_error_at_the_image(refusal):
    error = refusal(KERNEL, ["kernel", "kernel.tar"], damage=lambda data: data[:20])
    assert isinstance(error, FetchError)
    assert error.position.line == 2
