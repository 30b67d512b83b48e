"""A remote cache: many small blobs and one large one, put and got, with buildbox-casd on this machine as the server.

What a build does is measured: from the store to the server, from the server to another store, every byte hashed by both sides; once over a
socket, once as `lkbuild cache serve` has it, with nginx, TLS and certificates between. The peer is the least that moving bytes between two
processes takes: the same bytes through a loopback connection, written to one file, and to as many files as there are blobs.
"""

from __future__ import annotations

import contextlib
import os
import random
import resource
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from harness.cache_service import ALL, free_ports, initialise, policy, serving
from harness.casd import casd
from measure import Run, arguments, report

from lkbuild.base.digest import Digest
from lkbuild.keys.manifest import encode_action, make_action
from lkbuild.model.action import ActionResult, ActionSpec, DeclaredOutput, EncodedAction, OutputFile
from lkbuild.model.ports import Publication
from lkbuild.model.tree import Layout
from lkbuild.remote.address import parse_address
from lkbuild.remote.cache import Remotes
from lkbuild.remote.credentials import TlsFiles
from lkbuild.remote.opening import Guarding, Listeners, Plan, open_peer
from lkbuild.remote.tally import Tally
from lkbuild.store.disk import DiskStore

_CHUNK = 1 << 20


@contextlib.contextmanager
def machine(folder: Path, plan: Plan) -> Iterator[tuple[DiskStore, Remotes]]:
    """A store with the server behind it."""
    with DiskStore.open(folder) as store:
        tally = Tally()
        peer = open_peer(plan, store.blobs, tally, Listeners(tell=print), Guarding())
        yield store, Remotes([peer], store.blobs, [tally])


def timed(act: Callable[[], object]) -> Run:
    """Time something in this process."""
    wall, cpu = time.perf_counter(), time.process_time()
    act()
    return Run(time.perf_counter() - wall, time.process_time() - cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def loopback(size: int, path: Path, each: int | None = None) -> None:
    """Move so many bytes through a connection into a file; `each`: into files of so many bytes, in a folder."""
    if each is not None:
        path.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as listening, socket.create_connection(listening.getsockname()) as sender:
        receiver, _ = listening.accept()

        def receive() -> None:
            with receiver, receiver.makefile("rb", _CHUNK) as stream:
                for number in range(1 if each is None else size // each):
                    with (path if each is None else path / str(number)).open("wb") as file:
                        left = each or size
                        while left and (data := stream.read1(min(left, _CHUNK))):
                            left -= file.write(data)

        thread = threading.Thread(target=receive)
        thread.start()
        data = os.urandom(_CHUNK)
        for start in range(0, size, _CHUNK):
            sender.sendall(data[: min(_CHUNK, size - start)])
        sender.shutdown(socket.SHUT_WR)
        thread.join()


def publication(store: DiskStore, sizes: list[int]) -> Publication:
    """A result with files of these sizes, which do not compress."""
    source = random.Random(len(sizes))  # noqa: S311 - the same bytes each time is the point
    files = []
    for index, size in enumerate(sizes):
        with store.blobs.put_stream() as writer:
            for start in range(0, size, _CHUNK):
                writer.write(source.randbytes(min(_CHUNK, size - start)))
        files.append(OutputFile(f"out/{index}", writer.digest))
    spec = ActionSpec(arguments=("bench",), outputs=tuple(DeclaredOutput(item.path) for item in files))
    action, directories = make_action(spec, Layout({}), None)
    key, messages = encode_action(action)
    result = ActionResult(files=tuple(files))
    return Publication(recipe=Digest.of(b"bench"), action=EncodedAction(key, {**directories, **messages}), result=result)


def children() -> float:
    """The processor time of all processes that were started here and have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def there_and_back(folder: Path, plan: Plan, sizes: list[int]) -> tuple[Run, Run]:
    """Put and get, from one store to another."""
    with machine(folder / "theirs", plan) as (theirs, up), machine(folder / "ours", plan) as (_, down):
        made = publication(theirs, sizes)
        up.publish(made)
        put = timed(up.close)
        outputs = tuple(DeclaredOutput(item.path) for item in made.result.files)
        found = down.find_recipes({made.recipe: outputs})[made.recipe].result
        get = timed(lambda: down.bring([item.digest for item in found.files], ()))
    return put, get


def measure(name: str, folder: Path, sizes: list[int]) -> None:
    """To the server itself, to one as `lkbuild cache serve` has it, and the peer."""
    before = children()
    with casd(folder / "server") as url:
        direct = there_and_back(folder / "direct", Plan(address=parse_address(url)), sizes)
    server = children() - before
    (port,) = free_ports(1)
    initialise(folder / "service", policy({"main": (port, "grpc", {"ci": ALL})}))
    with serving(folder / "service") as service:
        client = service.folder / "clients/ci"
        tls = TlsFiles(ca=client / "ca.pem", certificate=client / "certificate.pem", key=client / "key.pem")
        served = there_and_back(folder / "served", Plan(address=parse_address(service.urls["main"]), tls=tls), sizes)
    peer = timed(lambda: loopback(sum(sizes), folder / "raw"))
    files = timed(lambda: loopback(sum(sizes), folder / "files", sizes[0]))
    runs = dict(zip(("put", "get", "put through nginx, TLS", "get through nginx, TLS"), (*direct, *served), strict=True))
    peers = [("loopback and disk", peer, None), ("the same, a file for each", files, None)]
    report(name, [*((word, run, None) for word, run in runs.items()), *peers], peer="loopback and disk")
    total = sum(sizes) / 1e6
    print("".join(f"  {word}: {total / run.wall:.0f} MB/s, {len(sizes) / run.wall:.0f} blobs/s\n" for word, run in runs.items()))
    print(f"  for put and get together the server took {server:.1f} s of processor time, the client {direct[0].cpu + direct[1].cpu:.1f} s")


def main() -> None:
    given = arguments(__doc__, blobs=10_000, megabytes=1000)
    measure(f"remote, {given.blobs} blobs of 4 KB", given.folder / "small", [4096] * given.blobs)
    measure(f"remote, one blob of {given.megabytes} MB", given.folder / "large", [given.megabytes * 1_000_000])


if __name__ == "__main__":
    main()
