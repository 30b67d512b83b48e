"""Any set of entries: through a foreign tar, a layer and a cpio archive, the same listing."""

from __future__ import annotations

import io
import tarfile
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from lkbuild.image.cpio import layer_to_cpio
from lkbuild.image.layer import merge_layers, tar_to_layer

NAMES = st.text(st.characters(codec="utf-8", exclude_characters="/\0", exclude_categories=("Cs",)), min_size=1, max_size=12).filter(
    lambda name: name not in (".", "..", "TRAILER!!!") and not name.startswith(".wh.")
)
VALUES = st.one_of(
    st.tuples(st.just("file"), st.binary(max_size=2000)), st.tuples(st.just("symlink"), NAMES), st.tuples(st.just("dir"), st.just(b""))
)
TREES = st.dictionaries(st.lists(NAMES, min_size=1, max_size=4).map("/".join), st.tuples(VALUES, st.integers(0, 0o7777)), max_size=12)


def consistent(tree):
    """Without what lies below something that is no directory."""
    return {
        path: value
        for path, value in tree.items()
        if all(tree.get("/".join(path.split("/")[:n]), (("dir",),))[0][0] == "dir" for n in range(1, path.count("/") + 1))
    }


def tar_of(tree):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, ((kind, value), mode) in tree.items():
            info = tarfile.TarInfo(path)
            info.mode = mode
            info.type = {"file": tarfile.REGTYPE, "symlink": tarfile.SYMTYPE, "dir": tarfile.DIRTYPE}[kind]
            info.size = len(value) if kind == "file" else 0
            info.linkname = value if kind == "symlink" else ""
            archive.addfile(info, io.BytesIO(value) if kind == "file" else None)
    return out.getvalue()


def listed(layer):
    with tarfile.open(fileobj=io.BytesIO(layer)) as archive:
        for m in archive:
            kind = "file" if m.isreg() else "symlink" if m.issym() else "dir"
            yield m.name, ((kind, archive.extractfile(m).read() if m.isreg() else m.linkname if m.issym() else b""), m.mode)


def newc(data):
    at = 0
    while True:
        f = [int(data[at + 6 + 8 * n : at + 14 + 8 * n], 16) for n in range(13)]
        name = data[at + 110 : at + 110 + f[11] - 1].decode("utf-8", "surrogateescape")
        at += 110 + f[11]
        at += -at % 4
        if name == "TRAILER!!!":
            return
        kind = {0o100000: "file", 0o120000: "symlink", 0o040000: "dir"}[f[1] & 0o170000]
        body = data[at : at + f[6]]
        yield name, ((kind, body.decode() if kind == "symlink" else body), f[1] & 0o7777)
        at += f[6]
        at += -at % 4


@settings(max_examples=150, deadline=None)
@given(TREES.map(consistent), st.randoms(use_true_random=False))
def test_the_listing_survives_and_order_does_not_matter(tree, random):
    items = list(tree.items())
    random.shuffle(items)
    with tempfile.TemporaryDirectory() as name:
        layer = b"".join(tar_to_layer(io.BytesIO(tar_of(tree)), Path(name)))
        assert b"".join(tar_to_layer(io.BytesIO(tar_of(dict(items))), Path(name))) == layer
        assert b"".join(merge_layers([io.BytesIO(layer)], Path(name))) == layer
    implied = {"/".join(path.split("/")[:n]) for path in tree for n in range(1, path.count("/") + 1)} - set(tree)
    expected = dict(tree) | dict.fromkeys(implied, (("dir", b""), 493))
    assert dict(listed(layer)) == expected
    assert dict(newc(b"".join(layer_to_cpio(io.BytesIO(layer))))) == expected
    assert [path for path, _ in listed(layer)] == sorted(expected, key=lambda path: path.encode("utf-8", "surrogateescape"))
