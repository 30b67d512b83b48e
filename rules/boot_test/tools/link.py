"""The host's end of the link to a guest, whose other end is //pkg/host: Unix sockets that lead to the guest's, and this machine's time.

QEMU connects to the first argument; what goes over it is in docs/format/host-link.md. Runs inside the sandbox, and ends when QEMU does.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import struct
import time

HEADER = struct.Struct(">IcI")
CHUNK = 32 << 10
WINDOW = 256 << 10


class Stream:
    """One connection: what came for it, what it may still send, and whether the guest has closed it."""

    def __init__(self) -> None:
        self.came: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.credit = WINDOW
        self.changed = asyncio.Condition()
        self.closed = asyncio.Event()


class Link:
    """The connection with QEMU, as long as it lasts."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.streams: dict[int, Stream] = {}
        self.last = 0

    async def send(self, stream: int, kind: bytes, payload: bytes = b"") -> None:
        """Write a frame, as soon as there is room for it."""
        self.writer.write(HEADER.pack(stream, kind, len(payload)) + payload)
        await self.writer.drain()

    async def run(self) -> None:
        """Read frames until QEMU goes."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                number, kind, size = HEADER.unpack(await self.reader.readexactly(HEADER.size))
                payload = await self.reader.readexactly(size)
                if kind == b"T":
                    await self.send(0, b"T", time.time_ns().to_bytes(8, "big"))
                elif number in self.streams:
                    await self.take(self.streams[number], kind, payload)

    async def take(self, stream: Stream, kind: bytes, payload: bytes) -> None:
        """A frame of a stream."""
        if kind == b"D":
            stream.came.put_nowait(payload)  # no more than a window of it: the guest's end waits for credit
        if kind in (b"E", b"C"):
            stream.came.put_nowait(None)
        async with stream.changed:
            if kind == b"C":
                stream.closed.set()
            if kind == b"W":
                stream.credit += int.from_bytes(payload, "big")
            stream.changed.notify_all()

    async def carry(self, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A connection to a socket of this machine, to the guest's of that number, until both halves have ended."""
        self.last += 1
        number, stream = self.last, Stream()
        self.streams[number] = stream
        tasks: set[asyncio.Task[object]] = set()
        try:
            await self.send(number, b"O", str(port).encode())
            tasks = {asyncio.create_task(self.outward(number, stream, reader)), asyncio.create_task(stream.closed.wait())}
            await self.homeward(number, stream, writer)
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        except ConnectionError:
            pass  # who has connected is gone, or QEMU
        finally:
            for task in tasks:
                task.cancel()
            del self.streams[number]
            writer.close()
            with contextlib.suppress(ConnectionError):
                await self.send(number, b"C")

    async def outward(self, number: int, stream: Stream, reader: asyncio.StreamReader) -> None:
        """To the guest, no more than it has given credit for."""
        with contextlib.suppress(ConnectionError):
            while True:
                async with stream.changed:
                    await stream.changed.wait_for(lambda: stream.credit)
                data = await reader.read(min(stream.credit, CHUNK))
                if not data:
                    break
                stream.credit -= len(data)
                await self.send(number, b"D", data)
            await self.send(number, b"E")

    async def homeward(self, number: int, stream: Stream, writer: asyncio.StreamWriter) -> None:
        """From the guest, and credit for what was taken."""
        while (data := await stream.came.get()) is not None:
            writer.write(data)
            await writer.drain()
            await self.send(number, b"W", len(data).to_bytes(4, "big"))
        writer.write_eof()


async def main() -> None:
    """Serve the link to one QEMU."""
    parser = argparse.ArgumentParser()
    parser.add_argument("qemu")
    parser.add_argument("--socket", action="append", default=[])
    options = parser.parse_args()
    linked: asyncio.Future[Link] = asyncio.get_running_loop().create_future()

    def qemu(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        linked.set_result(Link(reader, writer))

    async def listen(path: str, port: int) -> None:
        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await (await linked).carry(port, reader, writer)

        servers.append(await asyncio.start_unix_server(connected, path))

    os.umask(0o077)  # who reaches Docker's socket is root in the guest
    servers: list[asyncio.Server] = []
    paths = [text.rpartition(":") for text in options.socket]
    for path, _, port in paths:
        await listen(path, int(port))
    servers.append(await asyncio.start_unix_server(qemu, options.qemu))
    try:
        await (await linked).run()
    finally:
        for path, _, _ in paths:
            with contextlib.suppress(OSError):
                os.unlink(path)


if __name__ == "__main__":
    asyncio.run(main())
