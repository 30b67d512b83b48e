"""Archives that are damaged or want out: each is refused with an ArchiveError that names the member."""

from __future__ import annotations

import io
import stat
import tarfile
import zipfile

import pytest

from lkbuild.image.deb import deb_members
from lkbuild.image.entries import Limits
from lkbuild.image.errors import ArchiveError
from lkbuild.image.layer import debs_to_layer, tar_to_layer
from lkbuild.image.tar import tar_members
from lkbuild.image.tree import unpack_debs, unpack_tar
from lkbuild.image.zip import unpack_zip

EVERYWHERE = {
    "an absolute path": ([("/etc/passwd", "file", b"x")], "/etc/passwd"),
    "a path that climbs": ([("a/../../etc/passwd", "file", b"x")], "a/../../etc/passwd"),
    "a path that climbs and comes back": ([("a/../b", "file", b"x")], "a/../b"),
    "a hard link to an absolute path": ([("a", "hardlink", "/etc/passwd")], "/etc/passwd"),
    "a hard link that climbs": ([("a", "hardlink", "../etc/passwd")], "../etc/passwd"),
    "a hard link to nothing": ([("a", "hardlink", "b")], "a"),
    "a hard link to a directory": ([("b", "dir", b""), ("a", "hardlink", "b")], "a"),
    "a hard link to itself": ([("a", "hardlink", "a")], "a"),
    "a file below a symbolic link": ([("a", "symlink", "b"), ("b", "dir", b""), ("a/f", "file", b"x")], "a"),
    "a file below a file": ([("a", "file", b""), ("a/f", "file", b"x")], "a"),
    "a name that is too long": ([("n" * 256, "file", b"x")], "n" * 80),
}
TREES = {
    "a device": ([("d", "char", b"", {"devmajor": 1, "devminor": 3})], "d"),
    "a block device": ([("d", "block", b"", {"devmajor": 8})], "d"),
    "a fifo": ([("p", "fifo", b"")], "p"),
    "a symbolic link that climbs": ([("a/l", "symlink", "../../etc/passwd")], "a/l"),
    "a symbolic link that climbs late": ([("a/l", "symlink", "b/c/../../../../x")], "a/l"),
    "a symbolic link to nothing": ([("l", "symlink", "")], "l"),
    "a directory over a symbolic link": ([("l", "symlink", "x"), ("l", "dir", b"")], "l"),
    "a symbolic link over a directory": ([("l", "dir", b""), ("l", "symlink", "/")], "l"),
}


def drain(chunks):
    return b"".join(chunks)


@pytest.mark.parametrize("case", EVERYWHERE, ids=str)
def test_a_layer_refuses(case, make_tar, tmp_path):
    members, named = EVERYWHERE[case]
    with pytest.raises(ArchiveError) as caught:
        drain(tar_to_layer(io.BytesIO(make_tar(members)), tmp_path))
    assert caught.value.member is not None
    assert caught.value.member.startswith(named)


@pytest.mark.parametrize("case", [*EVERYWHERE, *TREES], ids=str)
def test_a_tree_refuses_and_writes_nothing_outside(case, make_tar, tmp_path):
    members, named = (EVERYWHERE | TREES)[case]
    data = make_tar(members)
    with pytest.raises(ArchiveError) as caught:
        unpack_tar(lambda: io.BytesIO(data), tmp_path / "in/tree")
    assert caught.value.member is not None
    assert caught.value.member.startswith(named)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]
    assert [path.name for path in (tmp_path / "in").iterdir()] == ["tree"]


@pytest.mark.parametrize("kind", ["char", "block"])
def test_a_package_with_a_device_is_refused_unless_asked_for(kind, make_deb):
    data = make_deb([("dev/x", kind, b"", {"devmajor": 1})])
    with pytest.raises(ArchiveError):
        list(deb_members(io.BytesIO(data)))
    assert [entry.path for entry, _ in deb_members(io.BytesIO(data), devices=True)] == ["dev/x"]


@pytest.mark.parametrize("suffix", [".xz", ".gz", ".bz2", ".zst"])
def test_a_bomb_ends_at_the_limit(suffix, make_deb, tmp_path):
    data = make_deb([("zeros", "file", bytes(5_000_000))], suffix)
    with pytest.raises(ArchiveError):
        drain(debs_to_layer([io.BytesIO(data)], tmp_path, limits=Limits(total_bytes=1_000_000)))


def test_too_many_entries_are_refused(make_tar):
    data = make_tar([(f"f{number}", "file", b"") for number in range(11)])
    with pytest.raises(ArchiveError):
        list(tar_members(io.BytesIO(data), Limits(entries=10)))


def test_a_huge_header_is_not_read_into_memory():
    info = tarfile.TarInfo("././@PaxHeader")
    info.type, info.size = tarfile.XHDTYPE, 1 << 40
    with pytest.raises(ArchiveError):
        list(tar_members(io.BytesIO(info.tobuf(tarfile.GNU_FORMAT) + bytes(4096))))


def test_a_sparse_file_is_refused():
    info = tarfile.TarInfo("s")
    info.type = tarfile.GNUTYPE_SPARSE
    with pytest.raises(ArchiveError):
        list(tar_members(io.BytesIO(info.tobuf(tarfile.GNU_FORMAT) + bytes(1024))))


@pytest.mark.parametrize("cut", [1, 511, 512, 700, 1024, 1500])
def test_a_tar_that_ends_early_is_refused(cut, make_tar):
    data = make_tar([("a", "file", b"x" * 600), ("b", "file", b"y")])
    with pytest.raises(ArchiveError):
        [content.read(1000) + content.read(1000) for _, content in tar_members(io.BytesIO(data[:cut]))]


def test_a_damaged_second_header_is_no_end_of_the_archive(make_tar):
    data = bytearray(make_tar([("a", "file", b""), ("b", "file", b"y")]))
    data[512 + 20] ^= 1
    with pytest.raises(ArchiveError):
        list(tar_members(io.BytesIO(data)))


@pytest.mark.parametrize("suffix", [".xz", ".gz", ".bz2", ".zst", ".lzma"])
def test_a_package_with_a_bit_flipped_or_cut_off_is_refused(suffix, make_deb):
    data = make_deb([("f", "file", bytes(range(256)) * 50)], suffix)
    flipped = bytearray(data)
    flipped[-40] ^= 0xFF
    for damaged in (bytes(flipped), data[:-30]):
        with pytest.raises(ArchiveError):
            [b"".join(content.chunks()) for _, content in deb_members(io.BytesIO(damaged))]


AR = b"!<arch>\n"


def ar_header(name, size):
    return f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{size:<10}`\n".encode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no archive",
        AR,
        AR + ar_header("debian-binary", 4) + b"1.0\n",
        AR + ar_header("debian-binary", 4) + b"2.0\n",
        AR + ar_header("debian-binary", -4) + b"2.0\n",
        AR + ar_header("debian-binary", 4) + b"2.0\n" + ar_header("data.tar", 99) + b"x",
        AR + ar_header("data.tar", 4) + b"2.0\n",
    ],
)
def test_what_is_no_package_is_refused(data):
    with pytest.raises(ArchiveError):
        list(deb_members(io.BytesIO(data)))


def zip_of(name, data=b"x", mode=stat.S_IFREG | 0o644):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        info = zipfile.ZipInfo(name)
        info.create_system, info.external_attr = 3, mode << 16
        archive.writestr(info, data)
    return out


@pytest.mark.parametrize(
    ("name", "data", "mode"),
    [
        ("/etc/passwd", b"x", stat.S_IFREG),
        ("../x", b"x", stat.S_IFREG),
        ("a\\..\\..\\x", b"x", stat.S_IFREG),
        ("l", b"../x", stat.S_IFLNK),
        ("l", b"x" * 5000, stat.S_IFLNK),
        ("d", b"", stat.S_IFCHR),
        ("big", bytes(2000), stat.S_IFREG),
    ],
)
def test_a_zip_refuses(name, data, mode, tmp_path):
    with pytest.raises(ArchiveError):
        unpack_zip(zip_of(name, data, mode | 0o644), tmp_path / "in/tree", limits=Limits(total_bytes=1000))
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_a_damaged_zip_is_refused(tmp_path):
    data = bytearray(zip_of("f", b"content").getvalue())
    data[data.index(b"content")] ^= 1
    with pytest.raises(ArchiveError):
        unpack_zip(io.BytesIO(data), tmp_path / "a")
    with pytest.raises(ArchiveError):
        unpack_zip(io.BytesIO(b"PK"), tmp_path / "b")


def test_a_tree_is_not_unpacked_over_something(make_deb, tmp_path):
    (tmp_path / "x").write_text("")
    with pytest.raises(ArchiveError):
        unpack_debs([], tmp_path)
