"""A guest under test whose emulator crashes: that is no fault of the guest's, as long as it has not said anything."""

import importlib
import sys
import time
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[3] / "rules/boot_test/tools"

#: What QEMU does here: serves its three sockets, says on the console what it is told to, and ends by SIGABRT or goes on.
EMULATOR = """\
import os, re, socket, sys
starts = sys.argv[1]
number = len(os.listdir(starts))
open(f"{starts}/{number}", "w").close()
says, end = (sys.argv[2].split(";") + ["", "abort"] * 9)[2 * number:][:2]
kept = []
for path in re.findall(r"(?:path=|unix:)([^,]+)", " ".join(sys.argv[3:])):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    kept.append(listener)
console, qmp, agent = [listener.accept()[0] for listener in kept]
qmp.recv(1000)  # what is left unread would reset the connections, and take with it what was said
console.sendall(says.encode() + b"\\n")
if end == "abort":
    os.abort()
agent.recv(1)  # until it is killed
"""
SAYS_UP = 'lkbuild-init: {"event": "up"}'
SAYS_BOOT = 'lkbuild-init: {"event": "boot"}'


class Machine:
    """A machine of which each start says something and then ends or goes on."""

    def __init__(self, folder, plan):
        self.starts = folder / "starts"
        self.starts.mkdir()
        self._plan = plan

    def command(self, *, accelerator, console, extra):
        return [sys.executable, "-c", EMULATOR, str(self.starts), self._plan, *console, *extra]


@pytest.fixture
def tools(monkeypatch):
    monkeypatch.syspath_prepend(str(TOOLS))
    for name in ("guest", "machine"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    guest = importlib.import_module("guest")

    yield guest
    for name in ("guest", "machine"):
        sys.modules.pop(name, None)


def booted(tools, folder, plan):
    machine, said = Machine(folder, plan), []
    guest = tools.Guest(machine, time.monotonic() + 60, said.append, str(folder / "sockets"))
    try:
        event = guest.wait_event("up")
    finally:
        guest.kill()
    return event, len(list(machine.starts.iterdir())), said


def test_an_emulator_that_crashes_before_init_says_anything_is_started_again(tools, tmp_path):
    event, starts, said = booted(tools, tmp_path, f"Linux;abort;{SAYS_UP};go on")
    assert (event["event"], starts) == ("up", 2)
    assert sum("signal 6" in line for line in said) == 1


def test_it_is_not_started_again_for_ever(tools, tmp_path):
    with pytest.raises(tools.GuestError):
        booted(tools, tmp_path, "Linux;abort;Linux;abort;Linux;abort")
    assert len(list((tmp_path / "starts").iterdir())) == 1 + tools.CRASHES


def test_what_happens_once_init_has_spoken_is_the_guest_s(tools, tmp_path):
    with pytest.raises(tools.GuestError):
        booted(tools, tmp_path, f"{SAYS_BOOT};abort;{SAYS_UP};go on")
    assert len(list((tmp_path / "starts").iterdir())) == 1
