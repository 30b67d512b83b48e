"""`lkbuild linuxkit`: what goes to stdout, what to stderr, and the exit codes."""

import io
import json
import tarfile
from pathlib import Path

import pytest

from lkbuild.cli.main import main

ARCHIVE = Path(__file__).parents[2] / "conformance" / "linuxkit" / "corpus.tar.xz"
ALPINE = "services: [{name: s, image: 'alpine:3.20'}]\n"


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("layout")
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    return folder / "images"


@pytest.fixture
def spec(images, tmp_path, monkeypatch, capsys):
    """Run it over files a.yml, b.yml: exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*texts, flags=("--arch", "amd64"), **more):
        names = [f"{name}.yml" for name, _ in zip("ab", texts, strict=False)]
        for name, text in zip(names, texts, strict=True):
            (tmp_path / name).write_text(text)
        arguments = ["linuxkit", "spec", "--images", str(more.get("images", images)), *flags, *names, *more.get("further", ())]
        return (main(arguments, {"HOME": str(tmp_path)}), *capsys.readouterr())

    return run


def test_specifications_are_one_json_object(spec):
    code, out, err = spec(ALPINE)
    assert (code, err) == (0, "")
    assert set(json.loads(out)) == {"containers/services/s/config.json", "containers/services/s/runtime.json"}


def test_files_are_merged(spec):
    code, out, _ = spec(ALPINE, "onboot: [{name: o, image: busybox}]")
    assert (code, len(json.loads(out))) == (0, 4)


def test_standard_input_is_a_file(spec, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(ALPINE.encode())))
    code, out, _ = spec(further=["-"])
    assert (code, len(json.loads(out))) == (0, 2)


def test_a_warning_goes_to_stderr(spec):
    code, out, err = spec(ALPINE + "trust: {org: [x]}\n")
    assert (code, len(json.loads(out))) == (0, 2)
    assert err.startswith("a.yml:2:8: warning:")


def test_an_image_that_is_not_there_is_named_with_the_nearest(spec):
    code, out, err = spec("services: [{name: s, image: 'alpne:3.20'}]\n")
    assert (code, out) == (7, "")
    assert err.startswith("a.yml:1:29: error:")
    assert "docker.io/library/alpine:3.20" in err


@pytest.mark.parametrize("text", ["kernel: {image: k}", "init: [k]", "volumes: [{name: v, image: k}]"])
def test_images_of_kernel_root_and_volumes_must_be_there_too(text, spec):
    assert spec(text)[0] == 7


def test_an_architecture_that_an_image_does_not_have_is_an_input_that_is_missing(spec):
    code, _, err = spec(ALPINE, flags=("--arch", "riscv64"))
    assert code == 48
    assert err.startswith("a.yml:1:29: error:")


@pytest.mark.parametrize(
    "arguments",
    [
        ["linuxkit", "spek", "a.yml"],
        ["linuxkit", "spec"],
        ["linuxkit", "spec", "a.yml"],
        ["linuxkit", "spec", "--images", "x", "--arch", "all", "a.yml"],
        ["linuxkit", "spec", "--images", "x", "missing.yml"],
        ["linuxkit", "build", "--images", "x", "missing.yml"],
        ["linuxkit", "convert", "-"],
        ["linuxkit", "spec", "--images", "x", "https://example.com/a.yml"],
    ],
)
def test_a_command_line_that_cant_be_obeyed(arguments, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(arguments, {"HOME": str(tmp_path)}) == 2
    assert "hint:" in capsys.readouterr().err


def test_a_missing_layout_is_an_error(spec, tmp_path):
    assert spec(ALPINE, images=tmp_path / "nothing")[0] == 7
