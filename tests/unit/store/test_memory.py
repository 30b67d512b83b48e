"""What passes through the store is not held in memory: eight times the bytes take no more of it."""

import subprocess
import sys

import pytest

MIB = 1 << 20
#: Puts a file by each way, reads it by each way, and prints the largest memory that the process ever had, in KiB.
SCRIPT = """\
import resource, sys
from pathlib import Path
from lkbuild.store.disk import DiskStore

source, store = Path(sys.argv[1]), DiskStore.open(Path(sys.argv[2]))
digest = store.blobs.put_file(source)
store.blobs.path_of(digest)
with store.blobs.open(digest) as stream, store.blobs.put_stream() as copy:
    while chunk := stream.read(1 << 20):
        copy.write(b"x" + chunk)
store.close()
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def peak(folder, size, *, sparse):
    folder.mkdir()
    source = folder / "source"
    with source.open("wb") as file:
        if not sparse:
            block = bytes(range(256)) * 4096
            for number in range(size // MIB):
                file.write(number.to_bytes(8, "big") + block[8:])
        file.truncate(size)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(source), str(folder / "store")], check=True, capture_output=True, text=True, timeout=3600
    )
    return int(done.stdout)


@pytest.mark.parametrize("sparse", [False, True], ids=["data", "a hole"])
def test_memory_does_not_grow_with_the_size_of_a_file(tmp_path, sparse):
    small, large = (peak(tmp_path / str(size), size * MIB, sparse=sparse) for size in (24, 192))
    assert large < 1.3 * small
