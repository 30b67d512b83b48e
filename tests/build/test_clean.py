"""`lkbuild clean` removes outputs and stores, and nothing that is neither."""

import json

import pytest

BUILD = "targets:\n  a: {rule: filegroup, srcs: [x]}\n"


@pytest.fixture
def project(ws):
    ws.write("p/BUILD.yaml", BUILD)
    ws.write("p/x", "a source\n")
    ws.write("lkbuild-out/amd64/p/a/x", "an output\n")
    return ws


def refused(ws, *arguments):
    done = ws.lkbuild("clean", "--json", *arguments)
    (error,) = json.loads(done.stdout)["errors"]
    assert (done.returncode, error["class"]) == (2, "UsageError")
    assert (ws.root / "p/x").read_text() == "a source\n"


def test_outputs_are_removed_and_sources_are_not(project):
    assert project.lkbuild("clean").stdout == f"{project.root / 'lkbuild-out'}\n"
    assert sorted(path.name for path in project.root.iterdir()) == ["BUILD.yaml", "p"]


@pytest.mark.parametrize("out", [".", "..", "p", "p/.."])
def test_a_folder_with_sources_is_not_taken_for_outputs(project, out):
    refused(project, "--out", out)


def test_a_file_is_not_taken_for_outputs(project):
    refused(project, "--out", "p/x")


def test_a_link_to_the_workspace_is_not_taken_for_outputs(project, tmp_path):
    (tmp_path / "link").symlink_to(project.root)
    refused(project, "--out", str(tmp_path / "link"))


def test_what_lkbuild_out_leads_to_is_not_taken_for_outputs_either(project):
    (project.root / "lkbuild-out").rename(project.root / "moved")
    (project.root / "lkbuild-out").symlink_to("p")
    refused(project)


def test_a_folder_of_outputs_elsewhere_is_removed_with_those_for_several_architectures(project, tmp_path):
    for name in ("amd64", "amd64+arm64", "all", "bake"):
        (tmp_path / "out" / name / "p").mkdir(parents=True)
    assert project.lkbuild("clean", "--out", str(tmp_path / "out")).returncode == 0
    assert not (tmp_path / "out").exists()


def test_of_outputs_on_another_disk_the_link_stays(project, tmp_path):
    (project.root / "lkbuild-out").rename(tmp_path / "disk")
    (project.root / "lkbuild-out").symlink_to(tmp_path / "disk")
    assert project.lkbuild("clean").returncode == 0
    assert list((tmp_path / "disk").iterdir()) == []
    assert (project.root / "lkbuild-out").is_symlink()


@pytest.mark.parametrize(
    "tag", [None, "Signature: 8a477f597d28d172789f06886806bc55\n# This file is a cache directory tag created by cargo.\n"]
)
def test_a_cache_of_another_program_is_no_store(project, tmp_path, tag):
    other = tmp_path / "target"
    other.mkdir()
    (other / "mine").write_text("mine\n")
    if tag is not None:
        (other / "CACHEDIR.TAG").write_text(tag)
    refused(project, "--expunge", "--cache", str(other))
    assert (other / "mine").exists()
    assert (project.root / "lkbuild-out/amd64/p/a/x").exists()
