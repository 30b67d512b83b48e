"""initramfs segments."""

from __future__ import annotations

import io
from collections import Counter
from pathlib import Path

import pytest
import zstandard

from lkbuild.image.cpio import compressed, entries_to_cpio, layer_to_cpio, segment
from lkbuild.image.entries import Entry, Kind
from lkbuild.image.errors import ArchiveError
from lkbuild.image.layer import entries_to_layer

GOLDEN = Path(__file__).parents[2] / "golden" / "image"
ENTRIES = [
    (Entry(path="bin/su", kind=Kind.FILE, mode=0o4755, gid=7), b"su..."),
    (Entry(path="bin/su2", kind=Kind.HARDLINK, target="bin/su"), b""),
    (Entry(path="dev/null", kind=Kind.CHARACTER, mode=0o666, device=(1, 3)), b""),
    (Entry(path="l", kind=Kind.SYMLINK, mode=0o777, target="bin/su"), b""),
    (Entry(path="p", kind=Kind.FIFO, mode=0o600), b""),
]


def read_newc(data):
    """(name, inode, mode, links, size, device, body) of each entry: by buffer-format.rst."""
    at, found = 0, []
    while True:
        assert data[at : at + 6] == b"070701"
        f = [int(data[at + 6 + 8 * n : at + 14 + 8 * n], 16) for n in range(13)]
        name = data[at + 110 : at + 110 + f[11] - 1].decode()
        assert data[at + 110 + f[11] - 1] == 0
        at += 110 + f[11]
        at += -at % 4
        body = data[at : at + f[6]]
        at += f[6]
        at += -at % 4
        if name == "TRAILER!!!":
            assert at == len(data)
            return found
        found.append((name, f[0], oct(f[1]), f[4], f[6], (f[9], f[10]), body))


def layer_of(tmp_path, entries=ENTRIES):
    return io.BytesIO(b"".join(entries_to_layer(entries, tmp_path)))


def test_a_small_segment_is_the_golden_one(tmp_path):
    data = b"".join(layer_to_cpio(layer_of(tmp_path), "layers/0123"))
    assert "\n".join(data[at : at + 32].hex() for at in range(0, len(data), 32)) + "\n" == (GOLDEN / "segment.hex").read_text()


def test_entries_come_below_the_prefix_with_its_directories_first(tmp_path):
    found = read_newc(b"".join(layer_to_cpio(layer_of(tmp_path), "layers/0123")))
    p = "layers/0123/"
    assert [(name, mode, links, device, body) for name, _, mode, links, _, device, body in found] == [
        ("layers", "0o40755", 2, (0, 0), b""),
        ("layers/0123", "0o40755", 2, (0, 0), b""),
        (p + "bin", "0o40755", 2, (0, 0), b""),
        (p + "bin/su", "0o104755", 2, (0, 0), b"su..."),
        (p + "bin/su2", "0o104755", 2, (0, 0), b""),
        (p + "dev", "0o40755", 2, (0, 0), b""),
        (p + "dev/null", "0o20666", 1, (1, 3), b""),
        (p + "l", "0o120777", 1, (0, 0), b"bin/su"),
        (p + "p", "0o10600", 1, (0, 0), b""),
    ]


def test_only_hard_links_share_an_inode(tmp_path):
    numbers = {name: inode for name, inode, *_ in read_newc(b"".join(layer_to_cpio(layer_of(tmp_path))))}
    assert numbers["bin/su"] == numbers.pop("bin/su2")
    assert len(set(numbers.values())) == len(numbers)


@pytest.mark.parametrize("chunk", [1000, 65536, 1 << 20])
def test_the_number_of_threads_and_the_chunks_do_not_change_the_bytes(chunk):
    # 80 MB of something between noise and zeros: zstd's jobs are 2 to 32 MB.
    data = b"".join(bytes([n % 251, n >> 8 & 255, n >> 16]) * 40 for n in range(80_000)) * 8
    chunks = [data[at : at + chunk] for at in range(0, len(data), chunk)]
    one, *others = [b"".join(compressed(chunks, level=3, threads=threads)) for threads in (1, 2, 4)]
    assert all(other == one for other in others)
    assert one == b"".join(compressed([data], level=3))
    assert zstandard.ZstdDecompressor().decompressobj().decompress(one) == data


@pytest.mark.parametrize("level", [1, 3, 19, 22])
def test_a_segment_is_one_frame_padded_to_4_bytes_with_a_window_that_the_kernel_takes(level, tmp_path):
    data = b"".join(segment(layer_of(tmp_path), level=level))
    assert len(data) % 4 == 0
    assert zstandard.get_frame_parameters(data).window_size <= 128 << 20
    reader = zstandard.ZstdDecompressor().decompressobj()
    read_newc(reader.decompress(data))
    assert reader.unused_data.strip(b"\0") == b""


def test_a_name_that_the_kernel_would_skip_is_an_error(tmp_path):
    long = "/".join(["d" * 250] * 16)
    layer = layer_of(tmp_path, [(Entry(path=long, kind=Kind.FILE), b"")])
    with pytest.raises(ArchiveError):
        b"".join(layer_to_cpio(layer, "p" * 100))


@pytest.mark.parametrize(
    "entry", [Entry(path="TRAILER!!!", kind=Kind.DIRECTORY), Entry(path="l", kind=Kind.SYMLINK, target="t" * 4096)], ids=["trailer", "link"]
)
def test_what_the_format_can_not_say_is_an_error(entry, tmp_path):
    layer = layer_of(tmp_path, [(entry, b"")])
    with pytest.raises(ArchiveError):
        b"".join(layer_to_cpio(layer))


def test_a_file_of_4_gib_is_an_error():
    head = Entry(path="big", kind=Kind.FILE, size=1 << 32)
    with pytest.raises(ArchiveError):
        list(entries_to_cpio([(head, None)], Counter(), [], ""))
