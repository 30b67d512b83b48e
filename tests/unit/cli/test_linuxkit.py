"""`lkbuild linuxkit`: what goes to stdout, what to stderr, and the exit codes."""

import io
import json
import tarfile
from pathlib import Path

import pytest

from lkbuild.cli.main import main
from lkbuild.model.oci_lock import OciEntry, render

ARCHIVE = Path(__file__).parents[2] / "conformance" / "linuxkit" / "corpus.tar.xz"
DIGEST = "sha256:" + 64 * "a"
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
        ["linuxkit", "spec", "--images", "x", "--lock", "oci.lock", "a.yml"],
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


def locked(path, reference="alpine:3.20", **config):
    entry = OciEntry(
        reference=f"docker.io/library/{reference}",
        arch="amd64",
        manifest=DIGEST,
        manifest_size=1,
        config_blob=DIGEST,
        layers=(DIGEST,),
        config=config,
    )
    path.write_text(render([entry]))


@pytest.fixture
def at_once(tmp_path, monkeypatch, capsys):
    """`linuxkit spec` of a file in a folder, without --images: exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lk").mkdir()

    def run(text, *flags, arch="amd64"):
        (tmp_path / "lk/a.yml").write_text(text)
        return (main(["linuxkit", "spec", "--arch", arch, *flags, "lk/a.yml"], {"HOME": str(tmp_path)}), *capsys.readouterr())

    return run


def test_images_are_those_of_the_lock_beside_the_first_file(at_once, tmp_path):
    locked(tmp_path / "lk/oci.lock", Cmd=["/bin/first"], Env=["A=1"])
    code, out, err = at_once(ALPINE)
    assert (code, err) == (0, "")
    process = json.loads(out)["containers/services/s/config.json"]["process"]
    assert (process["args"], process["env"]) == (["/bin/first"], ["A=1"])


def test_a_lock_that_is_named_stands_for_the_one_beside(at_once, tmp_path):
    locked(tmp_path / "lk/oci.lock", Cmd=["/bin/first"])
    locked(tmp_path / "other.lock", Cmd=["/bin/second"])
    assert "/bin/second" in at_once(ALPINE, "--lock", "other.lock")[1]
    code, _, err = at_once(ALPINE, "--lock", "none.lock")
    assert code == 48
    assert "linuxkit lock" in err


def test_an_image_that_is_not_locked_is_an_error_at_its_name(at_once, tmp_path):
    locked(tmp_path / "lk/oci.lock", "alpine:3.19")
    code, _, err = at_once(ALPINE)
    assert code == 7
    assert err.startswith("lk/a.yml:1:29: error:")
    assert "docker.io/library/alpine:3.19" in err


def test_an_image_that_is_locked_for_another_architecture_is_an_input_that_is_missing(at_once, tmp_path):
    locked(tmp_path / "lk/oci.lock")
    code, _, err = at_once(ALPINE, arch="arm64")
    assert code == 48
    assert "amd64" in err


def test_a_lock_that_is_none_is_told_with_its_line(at_once, tmp_path):
    locked(tmp_path / "lk/oci.lock")
    with (tmp_path / "lk/oci.lock").open("a") as file:
        file.write("what?\n")
    code, _, err = at_once(ALPINE)
    assert code == 48
    assert "oci.lock:4:" in err


def test_without_images_and_without_a_lock_the_command_that_writes_one_is_named(at_once):
    code, _, err = at_once(ALPINE)
    assert code == 2
    assert "lkbuild linuxkit lock lk/a.yml" in err
