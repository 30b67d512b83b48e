"""Runs a boot test: boots the guest, goes through the steps, writes the report. Runs inside the sandbox.

Ends with 0 where every step held, 1 where one did not. The report is JSON lines: one per step, then `{"ok": ...}`; the log is for people.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import os
import re
import shutil
import sys
import time
from typing import Any

from guest import Guest, GuestError
from machine import Direct, Machine, Medium

CHUNK = 192 * 1024
MACHINE, PEER = "machine", "peer"


class Test:
    """One test: a machine, its peer where there is one, the steps, and the guests that run now."""

    def __init__(self, spec: dict[str, Any]) -> None:
        """Take the specification as the rule wrote it."""
        self.spec = spec
        self.started = time.monotonic()
        self.deadline = self.started + spec["timeout_s"]
        self.guests: dict[str, Guest | None] = {}
        self.name = MACHINE
        machine = Machine(
            arch=spec["arch"],
            boot=medium(spec["medium"]) if spec.get("medium") else direct(spec),
            small=spec["small"],
            watchdog=spec.get("watchdog", False),
            mem=spec["mem"],
            cpus=spec["cpus"],
            disks=["/tmp/disk.img"] if spec["disk"] else [],
            drives=spec["drives"],
            wire="/tmp/wire" if "peer" in spec else "",
        )
        self.machines = {MACHINE: machine}
        if "peer" in spec:
            self.machines[PEER] = dataclasses.replace(machine, disks=[], drives=spec["peer"], leads=False)

    def log(self, text: str) -> None:
        """Write a line with the time since the start."""
        print(f"[{time.monotonic() - self.started:7.2f}] {text}", flush=True)

    def prepare(self) -> None:
        """Put together the initrd (the image's and the agent's segments), or the firmware's variables; and a blank disk."""
        boot = self.machines[MACHINE].boot
        if isinstance(boot, Direct):
            with open("/tmp/initrd.img", "wb") as out:
                for name in ("initrd.img", "agent.img"):
                    with open(name, "rb") as part:
                        shutil.copyfileobj(part, out, 1 << 20)
        elif boot.efi:
            shutil.copyfile(boot.efi.replace("_CODE", "_VARS"), "/tmp/efi-variables.fd")
        if self.spec["disk"]:
            with open("/tmp/disk.img", "wb") as file:
                file.truncate(self.spec["disk"])

    def boot(self) -> Guest:
        """Start the machine of this step (again)."""
        log = self.log if self.name == MACHINE else lambda text: self.log(f"{PEER}: {text}")
        guest = Guest(self.machines[self.name], self.deadline, log, f"/tmp/{self.name}")
        self.guests[self.name] = guest
        return guest

    def run(self, report: Any) -> None:
        """All steps. Raises GuestError for the first that does not hold."""
        for index, step in enumerate(self.spec["steps"]):
            begun = time.monotonic()
            kind = next(name for name in STEPS if step.get(name) is not None)
            self.log(f"step {index + 1}: {json.dumps({k: v for k, v in step.items() if v is not None})}")
            self.name = step.get("guest", MACHINE)
            # The peer starts with its first step: by then the machine may be up.
            if self.name not in self.guests:
                self.boot()
            found = STEPS[kind](self, step)
            line = {"step": index + 1, "kind": kind, "seconds": round(time.monotonic() - begun, 2), **(found or {})}
            print(json.dumps(line), file=report, flush=True)

    def live(self) -> Guest:
        """The guest of this step."""
        guest = self.guests[self.name]
        if guest is None:
            raise GuestError("the machine is not running")
        return guest

    def kill(self) -> None:
        """End what still runs."""
        for guest in self.guests.values():
            if guest is not None:
                guest.kill()


def medium(spec: dict[str, Any]) -> Medium:
    """The medium; a copy of it where the guest may write to it, without its zeros."""
    found = Medium(**spec)
    if not found.kept:
        return found
    with open(found.path, "rb") as source, open("/tmp/medium.img", "wb") as copy:
        for chunk in iter(lambda: source.read(1 << 20), b""):
            if chunk.strip(b"\0"):
                copy.write(chunk)
            else:
                copy.seek(len(chunk), os.SEEK_CUR)
        copy.truncate(os.path.getsize(found.path))
    return dataclasses.replace(found, path="/tmp/medium.img")


def direct(spec: dict[str, Any]) -> Direct:
    """Kernel and initrd as the image has them."""
    with open("cmdline") as file:
        cmdline = f"{file.read().strip()} {spec['cmdline']}".strip()
    return Direct("kernel", "/tmp/initrd.img", cmdline, **spec["direct"])


def step_up(test: Test, step: dict[str, Any]) -> dict[str, Any]:
    event = test.live().wait_event("up")
    wall = round(time.monotonic() - test.live().started, 2)
    return {"guest_seconds": event.get("seconds", event.get("t")), "wall_seconds": wall, "memory_used_kib": event.get("memory_used_kib")}


def step_run(test: Test, step: dict[str, Any]) -> None:
    command(test, step, step["run"], lambda code: code == step.get("exit", 0))


def step_fails(test: Test, step: dict[str, Any]) -> None:
    command(test, step, step["fails"], lambda code: code != 0)


def command(test: Test, step: dict[str, Any], argv: list[str], holds: Any) -> None:
    """Run a command in the guest until it holds, or the step's `within_s` is over."""
    give_up = time.monotonic() + (step.get("within_s") or 0)
    while True:
        request = {"argv": argv, "timeout_s": step.get("timeout_s") or 60}
        if step.get("in"):
            request["in"] = step["in"]
        if step.get("stdin"):
            request["stdin"] = step["stdin"]
        answer = test.live().request(**request)
        output = answer.get("stdout", "")
        wrong = None
        if "exit" not in answer or not holds(answer["exit"]):
            wrong = f"it ended with {answer.get('exit', answer)}"
        elif step.get("expect") and not re.search(step["expect"], output, re.MULTILINE):
            wrong = f"its output does not match {step['expect']!r}"
        if wrong is None:
            return
        if time.monotonic() >= give_up:
            raise GuestError(f"{argv}: {wrong}\nstdout: {output}\nstderr: {answer.get('stderr', answer)}")
        time.sleep(1)


def step_put(test: Test, step: dict[str, Any]) -> None:
    target = step["put"]["to"]
    with open(f"data/{step['put']['file']}", "rb") as file:
        for number, chunk in enumerate(iter(lambda: file.read(CHUNK), b"")):
            answer = test.live().request(put=target, base64=base64.b64encode(chunk).decode(), append=number > 0)
            if answer.get("exit", 0) != 0 or answer.get("error"):
                raise GuestError(f"put {target}: {answer}")


def step_event(test: Test, step: dict[str, Any]) -> dict[str, Any]:
    return {"event": test.live().wait_event(step["event"]["event"], **{k: v for k, v in step["event"].items() if k != "event"})}


def step_reboot(test: Test, step: dict[str, Any]) -> dict[str, Any]:
    test.live().request(power="reboot")
    ended(test)
    if size := step["reboot"].get("disk"):
        os.truncate("/tmp/disk.img", size)
    test.boot()
    if sign := step["reboot"].get("falls_back"):
        fallen(test, sign)
        test.boot()
    return step_up(test, step)


def fallen(test: Test, sign: str) -> None:
    """The guest must end by itself, without having come up, and show why."""
    guest = test.live()
    guest.wait_end()
    if any(event["event"] == "up" for event in guest.events):
        raise GuestError("it came up, and was not to")
    if not any(re.search(sign, line) for line in guest.console):
        raise GuestError(f"it ended, but its console does not show {sign!r}")


def step_cut(test: Test, step: dict[str, Any]) -> dict[str, Any]:
    test.live().kill()
    test.boot()
    return step_up(test, step)


def step_poweroff(test: Test, step: dict[str, Any]) -> None:
    test.live().request(power="off")
    ended(test)


def step_powerdown(test: Test, step: dict[str, Any]) -> None:
    test.live().power_button()
    ended(test)


def ended(test: Test) -> None:
    """The guest must end in order: init says `down`, and QEMU ends with 0."""
    guest = test.live()
    guest.wait_event("down")
    code = guest.wait_end()
    if code != 0:
        raise GuestError(f"QEMU ended with {code}")
    killed = [event["name"] for event in guest.events if event["event"] == "stopped" and event.get("killed")]
    if killed:
        raise GuestError(f"killed at shutdown, as they did not stop in time: {', '.join(killed)}")
    test.guests[test.name] = None


STEPS = {
    "up": step_up,
    "run": step_run,
    "fails": step_fails,
    "put": step_put,
    "event": step_event,
    "reboot": step_reboot,
    "cut": step_cut,
    "poweroff": step_poweroff,
    "powerdown": step_powerdown,
}


def main() -> int:
    """Run the test in test.json; write report.jsonl."""
    with open("test.json") as file:
        test = Test(json.load(file))
    os.makedirs("out", exist_ok=True)
    with open("out/report.jsonl", "w") as report:
        try:
            test.prepare()
            test.run(report)
        except GuestError as error:
            test.log(f"FAILED: {error}")
            print(json.dumps({"ok": False, "error": str(error)}), file=report)
            return 1
        finally:
            test.kill()
        print(json.dumps({"ok": True}), file=report)
    test.log("passed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
