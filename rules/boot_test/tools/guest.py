"""A running guest under test: its console, what init says on it, the agent's port, and QEMU's own. Runs inside the sandbox.

Does not know what a test wants.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import socket
import subprocess
import time
from typing import Any

from machine import Machine

MARK = b"lkbuild-init: "
#: How often QEMU itself may crash before the guest has said anything. With several processors under TCG it does, once in some hundreds
#: of boots: one looks up a device's memory while another moves it (QEMU's issue 1921, "section_index < d->map.sections_nb").
CRASHES = 2


class GuestError(Exception):
    """The guest did not do what it must; the text is for the log."""


class Guest:
    """One boot of a machine. Every wait is bounded by the test's deadline."""

    def __init__(self, machine: Machine, deadline: float, log: Any, folder: str) -> None:
        """Start QEMU and wait until its sockets are there, in the folder."""
        self._deadline = deadline
        self._log = log
        self._events: list[dict[str, Any]] = []
        self.console: list[str] = []
        self._line = b""
        self._answers = b""
        self._next_id = 0
        self._folder = folder
        self._crashes = 0
        os.makedirs(folder, exist_ok=True)
        console = ["-chardev", f"socket,id=console,path={folder}/console,server=on,wait=on", "-serial", "chardev:console"]
        extra = ["-no-reboot", "-qmp", f"unix:{folder}/qmp,server=on,wait=off"]
        extra += [
            "-chardev",
            f"socket,id=agent,path={folder}/agent,server=on,wait=off",
            "-device",
            "virtserialport,chardev=agent,name=lkbuild.test",
        ]
        self._command = machine.command(accelerator="tcg", console=console, extra=extra)
        self._start()

    def _start(self) -> None:
        for name in ("console", "agent", "qmp"):
            if os.path.exists(f"{self._folder}/{name}"):
                os.unlink(f"{self._folder}/{name}")
        self._log(f"$ {' '.join(self._command)}")
        self.started = time.monotonic()
        self._qemu = subprocess.Popen(self._command, stdin=subprocess.DEVNULL)
        self._selector = selectors.DefaultSelector()
        self._console = self._connect(f"{self._folder}/console")
        self._agent = self._connect(f"{self._folder}/agent")
        self._qmp = self._connect(f"{self._folder}/qmp")
        self._selector.register(self._console, selectors.EVENT_READ, self._read_console)
        self._selector.register(self._agent, selectors.EVENT_READ, self._read_agent)
        self._selector.register(self._qmp, selectors.EVENT_READ, self._read_qmp)
        _send(self._qmp, b'{"execute": "qmp_capabilities"}\n')

    def wait_event(self, name: str, **wanted: Any) -> dict[str, Any]:
        """Wait for an event of init. A failure that init reports in the meantime ends the wait."""

        def found() -> dict[str, Any] | None:
            for event in self._events:
                if event["event"] == name and all(event.get(key) == value for key, value in wanted.items()):
                    return event
            return None

        self._until(lambda: found() is not None, f"init's event '{name}'")
        event = found()
        assert event is not None
        return event

    @property
    def events(self) -> list[dict[str, Any]]:
        """All that init has said so far."""
        return self._events

    def request(self, **request: Any) -> dict[str, Any]:
        """Ask the agent; waits for its answer."""
        self._next_id += 1
        _send(self._agent, json.dumps({"id": self._next_id, **request}).encode() + b"\n")
        answer: dict[str, Any] = {}

        def answered() -> bool:
            while b"\n" in self._answers:
                line, _, self._answers = self._answers.partition(b"\n")
                message = json.loads(line)
                if message.get("id") == self._next_id:
                    answer.update(message)
                    return True
            return False

        self._until(answered, f"the agent's answer to {json.dumps(request)[:200]}")
        return answer

    def power_button(self) -> None:
        """Press it (ACPI)."""
        _send(self._qmp, b'{"execute": "system_powerdown"}\n')

    def wait_end(self) -> int:
        """Wait for QEMU to end; returns its exit code."""
        while self._qemu.poll() is None:
            self._check_deadline("the machine to stop")
            self._pump()
        self._pump()
        return self._qemu.returncode

    def kill(self) -> None:
        """End it at once."""
        if self._qemu.poll() is None:
            self._qemu.kill()
            self._qemu.wait()
        self._hang_up()

    def _hang_up(self) -> None:
        for connection in (self._selector, self._console, self._agent, self._qmp):
            connection.close()

    def _connect(self, path: str) -> socket.socket:
        while True:
            connection = socket.socket(socket.AF_UNIX)
            try:
                connection.connect(path)
            except OSError:
                connection.close()
                if self._qemu.poll() is not None:
                    raise GuestError(f"QEMU ended with {self._qemu.returncode}") from None
                self._check_deadline("QEMU to start")
                time.sleep(0.01)
            else:
                return connection

    def _until(self, condition: Any, what: str) -> None:
        while not condition():
            if self._qemu.poll() is not None:
                self._pump()
                if condition():
                    return
                if self._crashed():
                    continue
                raise GuestError(f"the machine stopped (QEMU: {self._qemu.returncode}) while waiting for {what}")
            self._check_deadline(what)
            self._pump()

    def _crashed(self) -> bool:
        """Whether it was QEMU that failed, and not the guest, which then starts anew."""
        if self._qemu.returncode >= 0 or self._events or self._crashes == CRASHES:
            return False
        self._crashes += 1
        self._log(f"QEMU itself was ended by signal {-self._qemu.returncode} before init said anything: it is started again")
        self._hang_up()
        self._start()
        return True

    def _check_deadline(self, what: str) -> None:
        if time.monotonic() > self._deadline:
            raise GuestError(f"time is up, waiting for {what}")

    def _pump(self) -> None:
        for key, _ in self._selector.select(timeout=0.2):
            try:
                data = key.fileobj.recv(65536)  # type: ignore[union-attr]  # only sockets are registered
            except ConnectionResetError:  # it ended with something unread
                data = b""
            if data:
                key.data(data)
            else:
                self._selector.unregister(key.fileobj)

    def _read_console(self, data: bytes) -> None:
        self._line += data
        while b"\n" in self._line:
            line, _, self._line = self._line.partition(b"\n")
            line = line.rstrip(b"\r")
            self.console.append(line.decode("utf-8", "replace"))
            self._log(self.console[-1])
            start = line.find(MARK)
            if start >= 0:
                try:
                    event = json.loads(line[start + len(MARK) :])
                except ValueError:
                    continue  # a kernel message cut into the line
                if isinstance(event, dict) and "event" in event:
                    self._events.append(event)

    def _read_agent(self, data: bytes) -> None:
        self._answers += data

    def _read_qmp(self, data: bytes) -> None:
        pass


def _send(connection: socket.socket, data: bytes) -> None:
    """Send to QEMU. That it has ended is for whoever waits to find out, who knows what to say of it."""
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        connection.sendall(data)
