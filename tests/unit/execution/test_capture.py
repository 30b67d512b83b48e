"""What an action left behind is taken from its own folder and from nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lkbuild.base.errors import BuildFailed
from lkbuild.execution.capture import capture
from lkbuild.model.action import DeclaredOutput
from lkbuild.store.disk import DiskStore

SECRET = b"secret" * 100_000  # large enough to be moved, were it the action's


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """A folder of the host's, with a file and a folder that have the names of outputs."""
    folder = tmp_path / "host"
    (folder / "tree").mkdir(parents=True)
    (folder / "tree/file").write_bytes(SECRET)
    (folder / "file").write_bytes(SECRET)
    return folder


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DiskStore]:
    with DiskStore.open(tmp_path / "store") as opened:
        yield opened


@pytest.mark.parametrize("above", ["out", "out/deep"])
@pytest.mark.parametrize("output", [DeclaredOutput(path="out/deep/file"), DeclaredOutput("out/deep/tree", tree=True)], ids=["file", "tree"])
def test_a_link_in_place_of_a_folder_of_an_output_leads_to_nothing(
    store: DiskStore, host: Path, work: Path, above: str, output: DeclaredOutput
) -> None:
    """In the sandbox it leads nowhere; here, to what whoever builds has: it would be published, and gone."""
    (host / "deep").symlink_to(host)
    (work / above).parent.mkdir(exist_ok=True)
    (work / above).symlink_to(host)
    with pytest.raises(BuildFailed) as raised:
        capture((output,), work, store.blobs)
    assert not raised.value.hint or "tree" not in raised.value.hint
    assert (host / "file").read_bytes() == (host / "tree/file").read_bytes() == SECRET


def test_a_missing_folder_of_an_output_is_a_missing_output(store: DiskStore, work: Path) -> None:
    with pytest.raises(BuildFailed):
        capture((DeclaredOutput(path="out/deep/file"),), work, store.blobs)
