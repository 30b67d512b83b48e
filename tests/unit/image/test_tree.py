"""Plain trees of packages, tars and zips."""

from __future__ import annotations

import io
import os
import stat
import zipfile

import pytest

from lkbuild.image.tree import unpack_debs, unpack_tar
from lkbuild.image.zip import unpack_zip


@pytest.fixture
def unpack(tmp_path, make_deb):
    def go(*packages, **options):
        paths = []
        for number, members in enumerate(packages):
            path = tmp_path / f"{number}.deb"
            path.write_bytes(make_deb(members))
            paths.append(path)
        unpack_debs(paths, tmp_path / "tree", **options)
        return tmp_path / "tree"

    return go


def test_modes_are_plain_and_links_relative(unpack):
    tree = unpack(
        [
            ("./usr/bin/su", "file", b"su", {"mode": 0o6755, "uid": 7}),
            ("./usr/bin/x", "file", b"x", {"mode": 0o600}),
            ("./usr/bin/y", "symlink", "/usr/lib/../bin/x"),
            ("./usr/private", "dir", b"", {"mode": 0o700}),
            ("./bin/sh", "symlink", "/usr/bin/x"),
        ]
    )
    modes = {name: stat.S_IMODE((tree / "usr" / name).stat().st_mode) for name in ("bin/su", "bin/x", "private")}
    assert modes == {"bin/su": 0o755, "bin/x": 0o644, "private": 0o755}
    assert (tree / "usr/bin/su").stat().st_uid == os.geteuid()
    assert [str((tree / name).readlink()) for name in ("usr/bin/y", "usr/bin/sh", "bin")] == ["x", "x", "usr/bin"]


def test_hard_links_stay_and_outlive_an_excluded_first_name(unpack):
    tree = unpack(
        [("d/a", "file", b"1"), ("b", "hardlink", "d/a"), ("x/f", "file", b"2"), ("g", "hardlink", "x/f"), ("h", "hardlink", "x/f")],
        exclude=["x"],
    )
    assert (tree / "d/a").samefile(tree / "b")
    assert (tree / "g").read_bytes() == b"2"
    assert (tree / "g").samefile(tree / "h")
    assert not (tree / "x").exists()


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_of_a_path_in_many_packages_the_last_stands(threads, unpack):
    packages = [[("f", "file", b"%d" % n * 50_000), (f"own/{n}", "file", b"")] for n in range(9)]
    tree = unpack(*packages, threads=threads)
    assert (tree / "f").read_bytes() == b"8" * 50_000
    assert len(list((tree / "own").iterdir())) == 9


def test_links_that_scripts_would_have_made_are_made(unpack):
    tree = unpack([("usr/bin/gcc-14", "file", b""), ("usr/bin/c99", "file", b"")], links={"usr/bin/cc": "gcc-14", "usr/bin/c99": "cc"})
    assert [str((tree / "usr/bin" / name).readlink()) for name in ("cc", "c99")] == ["gcc-14", "cc"]


def test_a_tar_is_stripped(tmp_path, make_tar):
    data = make_tar(
        [("linux-6/", "dir", b""), ("linux-6/a/b", "file", b"1"), ("linux-6/c", "hardlink", "linux-6/a/b"), ("top", "file", b"")]
    )
    unpack_tar(lambda: io.BytesIO(data), tmp_path / "t", strip=1)
    assert sorted(path.name for path in (tmp_path / "t").rglob("*")) == ["a", "b", "c"]
    assert (tmp_path / "t/c").read_bytes() == b"1"


def test_a_zip_keeps_what_can_run(tmp_path):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, mode, data in (
            ("p/run", 0o100755, b"r"),
            ("p/data", 0o100600, b"d"),
            ("p/link", 0o120777, b"run"),
            ("p/d/", 0o040755, b""),
        ):
            info = zipfile.ZipInfo(name)
            info.create_system, info.external_attr = 3, mode << 16
            archive.writestr(info, data)
    unpack_zip(out, tmp_path / "t", strip=1)
    assert {p.name: stat.S_IMODE(p.lstat().st_mode) for p in (tmp_path / "t").iterdir() if p.is_file() and not p.is_symlink()} == {
        "run": 0o755,
        "data": 0o644,
    }
    assert str((tmp_path / "t/link").readlink()) == "run"
