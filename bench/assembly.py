"""Image assembly: layers to compressed initramfs segments to one initrd, as the rule `image` does it.

Cold: every layer is new to the store. Changed: one layer of 14 MB is another, the others' segments are found; the best of three. The
peer is the least that a tool does which packs everything anew: zstd over all layers, on all cores, and nothing else.
"""

from __future__ import annotations

import io
import random
import sys
import tarfile
import time
from pathlib import Path

from measure import LKBUILD, Run, arguments, best, lkbuild, report, run, seeded_store

_MB = 1_000_000
_CHANGED = "service"
#: zstd level of segments in rules/image.
LEVEL = 3
_RULE = '''\
"""The packing of rules/image, for layers that are files of the workspace."""

from lkbuild.model.action import DeclaredOutput, Input
from lkbuild.model.artifact import NamedArtifact
from lkbuild.model.attrs import Attr, File, ListOf
from lkbuild.model.providers import Files
from lkbuild.model.rule import Rule


def analyze(ctx):
    segments = []
    for layer in (item.artifact for item in ctx.files(ctx.attrs["layers"])):
        out = DeclaredOutput("segment.cpio.zst")
        inputs = [Input("layer.tar", layer)]
        segments += ctx.builtin("cpio", 1, ["layers/{id}", "LEVEL"], inputs=inputs, outputs=[out], message="pack")
    inputs = [Input(f"{index:03d}", segment) for index, segment in enumerate(segments)]
    (initrd,) = ctx.builtin("concat", 1, [], inputs=inputs, outputs=[DeclaredOutput("initrd")], message="initrd")
    return [Files((NamedArtifact("initrd", initrd),))]


RULE = Rule(name="assemble", doc="An initrd.", attrs={"layers": Attr(type=ListOf(item=File()), doc="Layers.")}, analyze=analyze)
'''


def write_layer(path: Path, size: int, seed: int) -> None:
    """A canonical tar of `size` bytes in files of up to 4 MB that compress to about a half, as programs do."""
    source = random.Random(seed)  # noqa: S311 - the same bytes each time is the point
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        for number in range(0, size, 4 * _MB):
            part = min(4 * _MB, size - number)
            blocks = (source.randbytes(8192) + source.randbytes(512) * 16 for _ in range(part // 16384 + 1))
            content = b"".join(blocks)[:part]
            info = tarfile.TarInfo(f"file{number // _MB:06d}")
            info.size, info.mode = len(content), 0o644
            archive.addfile(info, io.BytesIO(content))


def edited(folder: Path, seed: int) -> Run:
    """A build with another layer."""
    write_layer(folder / f"{_CHANGED}.tar", 14 * _MB, seed)
    time.sleep(2.1)  # what was changed a moment ago is read again by the next build
    return lkbuild(folder, "//:image")


def main() -> None:
    given = arguments(__doc__, megabytes=470)
    folder = given.folder / f"assembly-{given.megabytes}"
    (folder / "rules/assemble").mkdir(parents=True)
    (folder / "rules/assemble/rule.py").write_text(_RULE.replace("LEVEL", str(LEVEL)), encoding="utf-8")
    shared = max(1, (given.megabytes - 14) // 57)
    for index in range(shared):
        write_layer(folder / f"layer{index}.tar", (given.megabytes - 14) * _MB // shared, index)
    write_layer(folder / f"{_CHANGED}.tar", 14 * _MB, 1000)
    names = ", ".join([*(f"layer{index}.tar" for index in range(shared)), f"{_CHANGED}.tar"])
    (folder / "BUILD.yaml").write_text(
        f"workspace: {{name: assembly}}\ntargets:\n  image: {{rule: assemble, layers: [{names}]}}\n", encoding="utf-8"
    )
    seeded_store(folder)
    cold = lkbuild(folder, "//:image")
    changed = best([edited(folder, 2000 + number) for number in range(3)])
    if not LKBUILD.exists():
        sys.exit("no lkbuild beside this Python")
    pack = (
        "import sys, zstandard\n"
        f"packer = zstandard.ZstdCompressor(level={LEVEL}, threads=-1).stream_writer(open('packed', 'wb'))\n"
        "for name in sys.argv[1:]:\n    packer.write(open(name, 'rb').read())\n"
        "packer.close()\n"
    )
    peer = run([sys.executable, "-c", pack, *names.split(", ")], folder)
    full = given.megabytes == 470
    rows = [
        ("lkbuild, cold", cold, 3.0 if full else None),
        ("lkbuild, 14 MB changed", changed, 0.35 if full else None),
        ("zstd of everything", peer, None),
    ]
    report(f"image assembly, {given.megabytes} MB", rows, peer="zstd of everything")


if __name__ == "__main__":
    main()
