"""Fragments of kernel configurations: what rules/kernel_config/tools/merge.awk takes, refuses and writes, and that ours are taken."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
MERGE = ROOT / "rules/kernel_config/tools/merge.awk"
ARCHES = ("amd64", "arm64", "riscv64", "s390x")


@dataclass(frozen=True, slots=True)
class Merged:
    """What the merge left behind: exit code, errors, the file for Kconfig, and the list of requests."""

    code: int
    errors: list[str]
    allconfig: str
    wanted: list[list[str]]


def merge(folder: Path, *fragments: Path | str) -> Merged:
    """Run the merge in a folder over fragments (paths relative to it)."""
    done = subprocess.run(
        ["awk", "-v", "ALLCONFIG=all", "-v", "WANTED=wanted", "-f", str(MERGE), *map(str, fragments)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    written = {name: (folder / name).read_text() if (folder / name).exists() else "" for name in ("all", "wanted")}
    wanted = [line.split("\t") for line in written["wanted"].splitlines()]
    return Merged(done.returncode, done.stderr.splitlines(), written["all"], wanted)


def write(folder: Path, **fragments: str) -> list[str]:
    """Write fragments by name; their file names."""
    for name, text in fragments.items():
        (folder / f"{name}.config").write_text(text)
    return [f"{name}.config" for name in fragments]


def test_each_request_carries_its_file_and_line(tmp_path: Path) -> None:
    done = merge(
        tmp_path, *write(tmp_path, a="# topic\nCONFIG_A=y\n\nCONFIG_B=0x10  # why\n", b='CONFIG_C="x # \\"y\\""\n# CONFIG_D is not set\n')
    )
    assert done.code == 0
    assert done.wanted == [
        ["a.config:2", "A", "y"],
        ["a.config:4", "B", "0x10"],
        ["b.config:1", "C", '"x # \\"y\\""'],
        ["b.config:2", "D", "n"],
    ]
    assert done.allconfig == 'CONFIG_A=y\nCONFIG_B=0x10\nCONFIG_C="x # \\"y\\""\n# CONFIG_D is not set\n'


def test_comments_and_blank_lines_do_not_change_what_kconfig_reads(tmp_path: Path) -> None:
    bare = merge(tmp_path, *write(tmp_path, a="CONFIG_A=y\nCONFIG_B=n\n")).allconfig
    dressed = merge(tmp_path, *write(tmp_path, a="# head\n\nCONFIG_A=y  # because\n  # more\nCONFIG_B=n # no\r\n")).allconfig
    assert dressed == bare


def test_the_same_value_twice_is_no_contradiction(tmp_path: Path) -> None:
    done = merge(tmp_path, *write(tmp_path, a="CONFIG_A=y\n", b="CONFIG_A=y\n"))
    assert (done.code, done.wanted) == (0, [["a.config:1", "A", "y"]])


def test_a_contradiction_names_both_lines(tmp_path: Path) -> None:
    done = merge(tmp_path, *write(tmp_path, a="\nCONFIG_A=y\n", b="CONFIG_A=n\n"))
    assert done.code == 1
    assert done.errors[0].startswith("b.config:1: ")
    assert "a.config:2" in done.errors[0]
    assert done.allconfig == ""


def test_a_line_that_says_override_wins_over_an_earlier_one(tmp_path: Path) -> None:
    done = merge(tmp_path, *write(tmp_path, a="CONFIG_A=y\n", b="CONFIG_A=n  # override: not here\n"))
    assert (done.code, done.wanted) == (0, [["b.config:1", "A", "n"]])


@pytest.mark.parametrize(
    "line",
    [
        "CONFIG_A = y",
        "CONFIG_A=",
        "CONFIG_A=yes",
        "CONFIG_A=y z",
        'CONFIG_A="x',
        'CONFIG_A="a" b',
        "A=y",
        "CONFIG_A=0xg",
        "config_a=y",
        "nonsense",
    ],
)
def test_a_line_that_is_no_option_is_refused_at_its_place(tmp_path: Path, line: str) -> None:
    done = merge(tmp_path, *write(tmp_path, a=f"CONFIG_OK=y\n{line}\n"))
    assert done.code == 1
    assert [error.split(": ")[0] for error in done.errors] == ["a.config:2"]


def test_every_error_of_a_merge_is_told(tmp_path: Path) -> None:
    done = merge(tmp_path, *write(tmp_path, a="x\nCONFIG_A=y\ny\n", b="CONFIG_A=n\n"))
    places = [error.split(": ")[0] for error in done.errors if not error.startswith(" ")]
    assert places == ["a.config:1", "a.config:3", "b.config:1"]


def fragments_of(arch: str) -> list[str]:
    """The fragments that //kernel:config lists for an architecture."""
    listed = yaml.safe_load((ROOT / "kernel/BUILD.yaml").read_text())["targets"]["config"]["fragments"]
    return [path for part in listed for path in (part["select"][arch] if isinstance(part, dict) else [part])]


@pytest.mark.parametrize("arch", ARCHES)
def test_the_fragments_of_the_kernel_do_not_contradict_each_other(tmp_path: Path, arch: str) -> None:
    done = merge(tmp_path, *(ROOT / "kernel" / path for path in fragments_of(arch)))
    assert done.errors == []
    assert len(done.wanted) > 150


def test_every_fragment_says_what_it_is_for_and_is_well_formed(tmp_path: Path) -> None:
    paths = sorted((ROOT / "kernel").rglob("*.config"))
    assert len(paths) > 10
    for path in paths:
        assert path.read_text().startswith("# "), path
        assert merge(tmp_path, path).errors == []
