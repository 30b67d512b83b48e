"""Layers: what goes in, what comes out, byte for byte."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from lkbuild.image.entries import Entry, Kind, excluder
from lkbuild.image.layer import debs_to_layer, entries_to_layer, merge_layers, placed_layers, tar_to_layer

GOLDEN = Path(__file__).parents[2] / "golden" / "image"
CAPABILITY = b"\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\x0a="
EVERYTHING = [
    (Entry(path="bin/ping", kind=Kind.FILE, mode=0o755, xattrs=(("security.capability", CAPABILITY),)), b"ping"),
    (Entry(path="bin/su", kind=Kind.FILE, mode=0o4755, gid=3_000_000), b"su"),
    (Entry(path="bin/su2", kind=Kind.HARDLINK, target="bin/su"), b""),
    (Entry(path="dev/null", kind=Kind.CHARACTER, mode=0o666, device=(1, 3)), b""),
    (Entry(path="dev/vda", kind=Kind.BLOCK, mode=0o660, gid=6, device=(254, 0)), b""),
    (Entry(path="run/pipe", kind=Kind.FIFO, mode=0o600), b""),
    (Entry(path="tmp", kind=Kind.DIRECTORY, mode=0o1777), b""),
    (Entry(path="etc/long", kind=Kind.SYMLINK, mode=0o777, target="t/" * 60 + "é"), b""),
    (Entry(path="etc/" + "d" * 120 + "/ü", kind=Kind.FILE, mode=0o600, uid=1000), b"\0\1"),
]


def from_debs(tmp_path, *debs, **options):
    return b"".join(debs_to_layer([io.BytesIO(deb) for deb in debs], tmp_path, **options))


def test_a_small_layer_is_the_golden_one(tmp_path):
    layer = b"".join(entries_to_layer(EVERYTHING, tmp_path))
    blocks = [layer[at : at + 32].hex() for at in range(0, len(layer), 32)]
    text = "".join(f"{number * 32:05x} {line}\n" for number, line in enumerate(blocks) if line.strip("0"))
    assert text == (GOLDEN / "layer.hex").read_text()
    assert len(layer) % 512 == 0


def test_the_order_of_the_entries_does_not_matter(tmp_path):
    links = [pair for pair in EVERYTHING if pair[0].kind is Kind.HARDLINK]
    rest = [pair for pair in EVERYTHING if pair[0].kind is not Kind.HARDLINK]
    assert b"".join(entries_to_layer([*reversed(rest), *links], tmp_path)) == b"".join(entries_to_layer(EVERYTHING, tmp_path))


def test_the_canonical_form_of_a_layer_is_itself(tmp_path):
    layer = b"".join(entries_to_layer(EVERYTHING, tmp_path))
    assert b"".join(tar_to_layer(io.BytesIO(layer), tmp_path)) == layer


def test_the_standard_library_reads_what_was_written(tmp_path):
    layer = b"".join(entries_to_layer(EVERYTHING, tmp_path))
    with tarfile.open(fileobj=io.BytesIO(layer)) as archive:
        found = {member.name: member for member in archive}
        assert archive.extractfile(found["bin/su2"]).read() == b"su"
    assert [name for name in found if found[name].isdir()] == ["bin", "dev", "etc", "etc/" + "d" * 120, "run", "tmp"]
    assert found["bin/su"].gid == 3_000_000
    assert found["etc/long"].linkname == "t/" * 60 + "é"
    assert found["bin/ping"].pax_headers["SCHILY.xattr.security.capability"].encode("utf-8", "surrogateescape") == CAPABILITY
    assert (found["dev/vda"].devmajor, found["dev/vda"].devminor) == (254, 0)
    assert {member.mtime for member in found.values()} == {1492533000}


def test_gnu_tar_reads_what_was_written(tmp_path):
    if shutil.which("tar") is None:
        pytest.skip("no tar on this host")
    layer = b"".join(entries_to_layer(EVERYTHING, tmp_path))
    done = subprocess.run(["tar", "-t"], input=layer, capture_output=True, check=True)
    assert (len(done.stdout.splitlines()), done.stderr) == (14, b"")


@pytest.mark.parametrize("suffix", ["", ".xz", ".gz", ".bz2", ".zst", ".lzma"])
def test_a_package_of_any_compression_gives_the_same_layer(suffix, make_deb, tmp_path):
    members = [("./", "dir", b""), ("./usr/bin/x", "file", b"x" * 300_000, {"mode": 0o4755}), ("./usr/bin/y", "hardlink", "./usr/bin/x")]
    assert from_debs(tmp_path, make_deb(members, suffix)) == from_debs(tmp_path, make_deb(members, ""))


def test_usr_is_merged_and_links_still_point_where_they_pointed(make_deb, listing, tmp_path):
    members = [
        ("./bin/", "dir", b""),
        ("./bin/sh", "symlink", "dash"),
        ("./bin/dash", "file", b"d"),
        ("./bin/dash2", "hardlink", "./bin/dash"),
        ("./lib/x/liba.so", "symlink", "../../usr/share/a"),
        ("./lib64/ld.so", "symlink", "/lib/x/ld.so"),
        ("./sbin", "symlink", "usr/sbin"),
        ("./usr/lib/x/libb.so", "symlink", "../../../lib/x/libb.so.1"),
        ("./usr/share/a", "file", b"a"),
    ]
    found = {name: value for name, kind, _, value in listing(from_debs(tmp_path, make_deb(members))) if kind != "dir"}
    assert found == {
        "bin": "usr/bin",
        "lib": "usr/lib",
        "lib64": "usr/lib64",
        "usr/bin/dash": b"d",
        "usr/bin/dash2": "usr/bin/dash",
        "usr/bin/sh": "dash",
        "usr/lib/x/liba.so": "../../share/a",
        "usr/lib/x/libb.so": "../../../lib/x/libb.so.1",
        "usr/lib64/ld.so": "/lib/x/ld.so",
        "usr/share/a": b"a",
    }


def test_a_hard_link_whose_file_is_left_out_becomes_the_file(make_deb, listing, tmp_path):
    members = [("doc/a", "file", b"text"), ("b", "hardlink", "doc/a"), ("c", "hardlink", "doc/a")]
    found = listing(from_debs(tmp_path, make_deb(members), exclude=["doc"]))
    assert found == [("b", "file", "0o644", b"text"), ("c", "hardlink", "0o644", "b")]


def test_of_a_path_in_two_packages_the_last_stands(make_deb, listing, tmp_path):
    first = make_deb([("f", "file", b"1"), ("d/x", "file", b"1")])
    last = make_deb([("f", "file", b"22"), ("d", "symlink", "e")])
    assert listing(from_debs(tmp_path, first, last)) == [("d", "symlink", "0o644", "e"), ("f", "file", "0o644", b"22")]


@pytest.mark.parametrize(
    ("pattern", "path", "out"),
    [
        ("usr/share/doc/**", "usr/share/doc/a/b", True),
        ("usr/share/doc/**", "usr/share/doc", False),
        ("usr/share/doc", "usr/share/doc/a/b", True),
        ("/usr/share/doc", "usr/share/doc", True),
        ("usr/share/doc", "usr/share/docs", False),
        ("usr/*/man", "usr/share/man/man1/x", True),
        ("usr/*/man", "usr/local/share/man", False),
        ("**/*.a", "usr/lib/x/y.a", True),
        ("**/*.a", "y.a", True),
        ("usr/lib/*.?", "usr/lib/y.ab", False),
        ("a.b", "axb", False),
    ],
)
def test_patterns_leave_out(pattern, path, out):
    assert excluder([pattern])(path) is out


def test_whiteouts_take_away_what_lies_below(make_tar, listing, tmp_path):
    lower = make_tar([("a/x", "file", b"1"), ("a/y", "file", b"1"), ("b/z/q", "file", b"1"), ("c", "file", b"1")])
    upper = make_tar([("a/new", "file", b"2"), ("a/.wh..wh..opq", "file", b""), ("b/.wh.z", "file", b""), (".wh.c", "file", b"")])
    merged = b"".join(merge_layers([io.BytesIO(lower), io.BytesIO(upper)], tmp_path))
    assert [name for name, *_ in listing(merged)] == ["a", "a/new", "b"]


def test_merging_one_layer_gives_that_layer(tmp_path):
    layer = b"".join(entries_to_layer(EVERYTHING, tmp_path))
    assert b"".join(merge_layers([io.BytesIO(layer)], tmp_path)) == layer


def test_no_chunk_is_large_and_nothing_is_left_in_scratch(make_deb, tmp_path):
    deb = make_deb([("big", "file", bytes(30_000_000))])
    assert max(map(len, debs_to_layer([io.BytesIO(deb)], tmp_path))) <= 1 << 18
    assert list(tmp_path.iterdir()) == []


def names_of(layer):
    with tarfile.open(fileobj=io.BytesIO(layer)) as archive:
        return {member.name: member for member in archive}


def test_layers_are_placed_below_their_folders_hard_links_too(tmp_path):
    layer = b"".join(entries_to_layer(EVERYTHING, tmp_path))
    placed = b"".join(placed_layers([(io.BytesIO(layer), "layers/a", False), (io.BytesIO(layer), "", False)], tmp_path))
    found = names_of(placed)
    assert found["layers/a/bin/su2"].linkname == "layers/a/bin/su"
    assert found["bin/su2"].linkname == "bin/su"
    assert b"".join(placed_layers([(io.BytesIO(layer), "", False)], tmp_path)) == layer


def test_a_layer_is_placed_as_on_a_system_with_merged_usr_without_the_links(tmp_path):
    entries = [(Entry(path="lib/modules/1/x.ko", kind=Kind.FILE), b"x"), (Entry(path="init", kind=Kind.FILE), b"i")]
    layer = b"".join(entries_to_layer(entries, tmp_path))
    assert set(names_of(b"".join(placed_layers([(io.BytesIO(layer), ".files", True)], tmp_path)))) == {
        ".files",
        ".files/init",
        ".files/usr",
        ".files/usr/lib",
        ".files/usr/lib/modules",
        ".files/usr/lib/modules/1",
        ".files/usr/lib/modules/1/x.ko",
    }


def test_what_a_guest_has_below_a_link_goes_where_that_leads(tmp_path):
    host = entries_to_layer(
        [(Entry(path="usr/lib/ld.so", kind=Kind.FILE), b"ld"), (Entry(path="lib", kind=Kind.SYMLINK, target="usr/lib"), b"")], tmp_path
    )
    modules = [
        (Entry(path="lib", kind=Kind.DIRECTORY, mode=0o700), b""),
        (Entry(path="lib/modules/x.ko", kind=Kind.FILE), b"module"),
        (Entry(path="lib/modules/y.ko", kind=Kind.HARDLINK, target="lib/modules/x.ko"), b""),
    ]
    layers = [io.BytesIO(b"".join(layer)) for layer in (host, entries_to_layer(modules, tmp_path))]
    merged = b"".join(merge_layers(layers, tmp_path, guests={1: []}))
    with tarfile.open(fileobj=io.BytesIO(merged)) as archive:
        found = {member.name: member for member in archive}
        assert found["lib"].linkname == "usr/lib"
        assert archive.extractfile(found["usr/lib/modules/y.ko"]).read() == b"module"
        assert found["usr/lib"].mode == 0o755
    assert not [name for name in found if name.startswith("lib/")]


@pytest.mark.parametrize(
    ("links", "path", "place"),
    [
        ({"lib": "../outside"}, "lib/x", "outside/x"),
        ({"a": "b", "b": "/c/d"}, "a/x", "c/d/x"),
        ({"etc/here": "../srv"}, "etc/here/x/y", "srv/x/y"),
        ({"a": "b", "b": "a"}, "a", "a"),
        ({"x": "y"}, "x", "x"),
    ],
)
def test_no_link_leads_a_guest_out_or_for_ever(tmp_path, links, path, place):
    host = entries_to_layer([(Entry(path=name, kind=Kind.SYMLINK, target=target), b"") for name, target in links.items()], tmp_path)
    guest = entries_to_layer([(Entry(path=path, kind=Kind.FILE), b"x")], tmp_path)
    merged = b"".join(merge_layers([io.BytesIO(b"".join(layer)) for layer in (host, guest)], tmp_path, guests={1: []}))
    with tarfile.open(fileobj=io.BytesIO(merged)) as archive:
        assert archive.extractfile(place).read() == b"x"
