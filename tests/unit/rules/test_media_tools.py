"""The tools of formats, without the programs that they start: what a kernel can unpack, what a root does without, how large a FAT is."""

from __future__ import annotations

import importlib
import io
import lzma
import struct
import tarfile
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[3] / "rules/image/tools"
EVERYTHING = {"BLK_DEV_LOOP", "SQUASHFS", "SQUASHFS_XZ", "SQUASHFS_ZSTD", "RD_XZ", "RD_ZSTD", "XZ_DEC_X86"}


@pytest.fixture
def tool(monkeypatch):
    """Import a tool as it lies in the sandbox: beside its neighbours."""
    monkeypatch.syspath_prepend(str(TOOLS))
    return importlib.import_module


def elf(*, soname: str = "", needed: tuple[str, ...] = (), names: tuple[str, ...] = (), order: str = "<") -> bytes:
    """The least that a dynamic linker would read: one segment that is loaded at its own offset, and the dynamic section."""
    strings, at = b"\0", {}
    for text in (soname, *needed, *names):
        at[text] = len(strings)
        strings += text.encode() + b"\0"
    tags = [(1, at[name]) for name in needed] + ([(14, at[soname])] if soname else [])
    start = 64 + 2 * 56
    tags += [(5, start + 16 * (len(tags) + 3)), (10, len(strings)), (0, 0)]
    dynamic = b"".join(struct.pack(f"{order}qQ", *tag) for tag in tags)
    size = start + len(dynamic) + len(strings)
    head = b"\x7fELF\x02" + (b"\x01" if order == "<" else b"\x02") + b"\x01" + bytes(9)
    head += struct.pack(f"{order}HHIQQQIHHHHHH", 3, 62, 1, 0, 64, 0, 0, 64, 56, 2, 0, 0, 0)
    load = struct.pack(f"{order}IIQQQQQQ", 1, 5, 0, 0, 0, size, size, 4096)
    return head + load + struct.pack(f"{order}IIQQQQQQ", 2, 6, start, start, start, len(dynamic), len(dynamic), 8) + dynamic + strings


def root(path: Path, files: dict[str, bytes]) -> Path:
    """A root's tar: files of /usr/lib in one layer."""
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(f"layers/0123456789abcdef/usr/lib/{name}")
            member.size, member.mode, member.uid = len(data), 0o755, 7
            member.pax_headers = {"SCHILY.xattr.user.kept": "yes"}
            archive.addfile(member, io.BytesIO(data))
    return path


def names(path: Path) -> list[str]:
    with tarfile.open(path) as archive:
        return [member.name.rpartition("/")[2] for member in archive]


def test_of_a_configuration_is_kept_what_is_built_in_or_a_module(tool, tmp_path):
    config, out = tmp_path / "config", tmp_path / "out"
    config.write_text("CONFIG_SQUASHFS=m\n# CONFIG_SQUASHFS_XZ is not set\nCONFIG_RD_ZSTD=y\nCONFIG_OTHER=y\n")
    tool("unpacks").options(str(config), str(out))
    assert tool("unpacks").read(str(out)) == {"SQUASHFS", "RD_ZSTD"}
    config.write_text(config.read_text() + "CONFIG_ANOTHER=y\n")
    before = out.read_bytes()
    tool("unpacks").options(str(config), str(out))
    assert out.read_bytes() == before


@pytest.mark.parametrize(
    ("without", "arch", "level", "taken"),
    [
        ((), "amd64", 19, "xz -Xbcj x86"),
        ((), "amd64", 3, "zstd -Xcompression-level 3"),
        ((), "arm64", 19, "zstd -Xcompression-level 22"),
        (("XZ_DEC_X86",), "amd64", 19, "zstd -Xcompression-level 22"),
        (("SQUASHFS_XZ",), "amd64", 19, "zstd -Xcompression-level 22"),
        (("SQUASHFS_ZSTD",), "arm64", 19, "xz"),
        (("SQUASHFS_ZSTD",), "amd64", 3, "xz"),
    ],
)
def test_a_root_is_packed_as_its_kernel_can_read_it(tool, without, arch, level, taken):
    assert " ".join(tool("unpacks").squashfs(EVERYTHING - set(without), arch, level)) == f"-comp {taken}"


@pytest.mark.parametrize("without", [("SQUASHFS_XZ", "SQUASHFS_ZSTD"), ("SQUASHFS",), ("BLK_DEV_LOOP",)])
def test_a_kernel_that_can_read_no_packed_root_is_an_error_that_names_the_option(tool, without):
    with pytest.raises(SystemExit, match=f"CONFIG_{without[0]}"):
        tool("unpacks").squashfs(EVERYTHING - set(without), "amd64", 19)


def test_what_lies_beside_a_root_is_xz_with_the_filter_where_the_kernel_knows_both(tool, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ARCH", "amd64")
    content = [bytes(range(256)) * 100, b"070701"]
    for index, data in enumerate(content):
        (tmp_path / f"part{index}").write_bytes(data)
    for can, filters in (({"RD_XZ", "XZ_DEC_X86"}, 2), ({"RD_XZ"}, 1)):
        (tmp_path / "unpacks").write_text("\n".join(can))
        tool("unpacks").early(["part0", "part1"], "out")
        packed = (tmp_path / "out").read_bytes()
        assert lzma.decompress(packed) == b"".join(content)
        assert len(packed) % 4 == 0
        assert (packed[7] & 15, packed[13] & 3) == (lzma.CHECK_CRC32, filters - 1)  # stream and block flags of the format


def test_a_kernel_that_unpacks_neither_xz_nor_zstd_is_an_error(tool, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "unpacks").write_text("SQUASHFS\n")
    with pytest.raises(SystemExit, match="CONFIG_RD_ZSTD"):
        tool("unpacks").early([], "out")


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_library_that_no_program_links_is_left_out_and_the_rest_stays_as_it_is(tool, tmp_path, order):
    files = {"app": elf(needed=("libc.so.6",), order=order), "libm.so.6": elf(soname="libm.so.6", order=order), "notes": b"libm.so.6"}
    source, out = root(tmp_path / "root.tar", files), tmp_path / "out.tar"
    tool("linked").leave_out(str(source), str(out), ["usr/lib/libm.so.*"])
    assert names(out) == ["app", "notes"]
    with tarfile.open(out) as archive:
        member = archive.getmembers()[0]
        assert (member.uid, member.mode, member.pax_headers) == (7, 0o755, {"SCHILY.xattr.user.kept": "yes"})
        assert archive.extractfile(member).read() == files["app"]


def test_a_library_that_a_program_links_can_t_be_left_out(tool, tmp_path):
    source = root(tmp_path / "root.tar", {"app": elf(needed=("libm.so.6",)), "libm.so.6.1": elf(soname="libm.so.6")})
    with pytest.raises(SystemExit, match=r"usr/lib/app needs libm\.so\.6"):
        tool("linked").leave_out(str(source), str(tmp_path / "out.tar"), ["usr/lib/libm.so.*"])


def test_what_is_linked_only_by_what_is_left_out_as_well_is_left_out(tool, tmp_path):
    source, out = root(tmp_path / "root.tar", {"a.so": elf(needed=("b.so",)), "b.so": elf(soname="b.so")}), tmp_path / "out.tar"
    tool("linked").leave_out(str(source), str(out), ["usr/*/a.so", "usr/*/b.so"])
    assert names(out) == []


def test_what_the_c_library_opens_by_itself_is_needed_by_who_calls_for_it(tool, tmp_path):
    files = {"libc.so.6": elf(soname="libc.so.6", names=("pthread_exit",)), "libgcc_s.so.1": elf(soname="libgcc_s.so.1")}
    pattern = ["usr/lib/libgcc_s.so.1"]
    tool("linked").leave_out(str(root(tmp_path / "one.tar", files)), str(tmp_path / "out.tar"), pattern)
    assert names(tmp_path / "out.tar") == ["libc.so.6"]
    source = root(tmp_path / "two.tar", {**files, "app": elf(needed=("libc.so.6",), names=("pthread_exit",))})
    with pytest.raises(SystemExit, match=r"libgcc_s\.so\.1"):
        tool("linked").leave_out(str(source), str(tmp_path / "out.tar"), pattern)


def test_a_pattern_is_of_paths_in_layers_alone(tool):
    assert tool("linked").within("layers/0123456789abcdef/usr/bin/x") == "usr/bin/x"
    assert tool("linked").within("usr/bin/x") == ""


@pytest.mark.parametrize("clusters", [1, 4058, 4059, 4098, 65477, 65478, 65599, 150_000])
def test_a_tight_fat_has_room_for_its_files_and_its_tables_and_is_clear_of_the_bounds_between_kinds(tool, clusters):
    disks = tool("disks")
    size, words = disks.least([clusters * disks.CLUSTER - 1], 2)
    kind = int(words[1])
    had = (size - 2 * (clusters + 2) * kind // 8) // disks.CLUSTER
    assert had >= clusters + 2
    assert {12: had < 4085, 16: 4085 < had - 10 < 65525, 32: had - 20 > 65525}[kind]
    assert size % disks.TRACK == 0
