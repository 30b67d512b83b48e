"""Actions with results, made by hand: what a build would publish, without a build."""

from __future__ import annotations

import os
from pathlib import Path

from lkbuild.base.digest import Digest
from lkbuild.keys.manifest import encode_action, make_action
from lkbuild.model.action import ActionResult, ActionSpec, DeclaredOutput, EncodedAction, OutputFile, OutputTree
from lkbuild.model.ports import BlobStore, Publication
from lkbuild.model.tree import File, Layout, Subtree

SMALL = b"a small output\n" * 10
#: Compresses a little, and is larger than any batch.
LARGE = b"".join(bytes((index * index >> 3 & 0xFF,)) * 7 for index in range(700_000))
OUTPUTS = (DeclaredOutput("out/small"), DeclaredOutput("out/large"), DeclaredOutput("out/tree", tree=True))


def make_tree(folder: Path, blobs: BlobStore) -> Digest:
    """A directory with two equal folders, an empty file, a program, a link and a file that is no text."""
    for name in ("a", "b"):
        (folder / name / "below").mkdir(parents=True)
        (folder / name / "below" / "same").write_bytes(b"same")
    (folder / "empty").write_bytes(b"")
    (folder / "program").write_bytes(b"#!/bin/sh\n")
    (folder / "program").chmod(0o755)
    (folder / "noise").write_bytes(os.urandom(100_000))
    (folder / "a" / "link").symlink_to("../program")
    return blobs.put_tree(folder)


def make_publication(blobs: BlobStore, folder: Path, *, large: bytes = LARGE, name: str = "x") -> Publication:
    """An action that took in a file and a tree, ran below a toolchain, and made what OUTPUTS says."""
    tree = make_tree(folder / "in", blobs)
    toolchain = make_tree(folder / "toolchain", blobs)
    layout = Layout({"src/file": File(blobs.put_bytes(b"source")), "src/tree": Subtree(tree)})
    spec = ActionSpec(arguments=("build", name), outputs=OUTPUTS)
    return publication(blobs, spec, layout, toolchain, make_tree(folder / "out", blobs), large)


def publication(blobs: BlobStore, spec: ActionSpec, layout: Layout, toolchain: Digest | None, tree: Digest, large: bytes) -> Publication:
    """The publication of a spec with inputs and a result."""
    action, directories = make_action(spec, layout, toolchain)
    key, messages = encode_action(action)
    for data in directories.values():
        blobs.put_bytes(data)
    result = ActionResult(
        files=(OutputFile("out/large", blobs.put_bytes(large)), OutputFile("out/small", blobs.put_bytes(SMALL), executable=True)),
        trees=(OutputTree("out/tree", tree),),
        log=blobs.put_bytes(b"a log\n"),
        seconds=1.5,
    )
    return Publication(
        recipe=Digest.of(b"recipe" + spec.arguments[-1].encode()), action=EncodedAction(key, {**directories, **messages}), result=result
    )
