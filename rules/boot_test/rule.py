"""boot_test: boots an image in QEMU and asserts what init reports and what commands in the guest print.

The agent that runs the commands is one more segment after the image's own initrd: what is tested is the image, bit for bit.
"""

from __future__ import annotations

import json
from typing import Any, Final

from lkbuild.base.label import Label
from lkbuild.model.action import DeclaredOutput, Input, Resources
from lkbuild.model.artifact import Inline, NamedArtifact, TargetRef
from lkbuild.model.attrs import Attr, Boolean, File, Integer, LabelOf, ListOf, MapOf, OneOf, String, Struct
from lkbuild.model.providers import Files, OutputGroups, Test
from lkbuild.model.rule import Rule, RuleContext

from ..file_entries import layer
from ..image.fields import QEMU_BY_ARCH
from ..image.initrd import segment
from ..providers import ImageInfo, ToolchainInfo

_FACTORS: Final = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
_EFI: Final = {
    "amd64": "firmware/usr/share/OVMF/OVMF_CODE_4M.fd",
    "arm64": "firmware/usr/share/AAVMF/AAVMF_CODE.fd",
}
#: How firmware in QEMU boots each format that it can boot: arguments of tools/machine.py's Medium.
_MEDIA: Final[dict[str, dict[str, Any]]] = {
    "raw-bios": {"path": "medium"},
    "raw-efi": {"path": "medium", "efi": True},
    "uki": {"path": "medium", "efi": True, "program": True},
    "qcow2-bios": {"path": "medium", "form": "qcow2"},
    "qcow2-efi": {"path": "medium", "form": "qcow2", "efi": True},
    "vmdk": {"path": "medium", "form": "vmdk"},
    "vhd": {"path": "medium", "form": "vpc", "efi": True},
    "dynamic-vhd": {"path": "medium", "form": "vpc", "efi": True},
    "disk": {"path": "medium", "efi": True},
    "aws": {"path": "medium", "efi": True},
    "azure": {"path": "medium", "form": "vpc", "efi": True},
    "iso-bios": {"path": "medium", "cdrom": True},
    "iso-efi": {"path": "medium", "cdrom": True, "efi": True},
    "iso": {"path": "medium", "cdrom": True},
    "iso-ipl": {"path": "medium", "cdrom": True},
}
#: Formats that QEMU loads the kernel of, so that the agent can come beside them; and the file with the root.
_DIRECT: Final = {"": "", "microvm": "", "kernel+squashfs": "root.squashfs", "kernel+erofs": "root.erofs", "kernel+iso": "root.iso"}
_WORDS: Final = ListOf(item=String(lenient=True))
_EMPTY: Final = Struct(fields={})

STEP: Final = Struct(
    fields={
        "up": Attr(type=_EMPTY, doc="Wait until init says that all services are ready."),
        "run": Attr(type=_WORDS, doc="A command that must end with `exit`."),
        "fails": Attr(type=_WORDS, doc="A command that must not end with 0."),
        "put": Attr(
            type=Struct(
                fields={
                    "file": Attr(type=String(), required=True, doc="Name of a file of `data`."),
                    "to": Attr(type=String(), required=True, doc="Path in the guest."),
                }
            ),
            doc="Write a file into the guest.",
        ),
        "event": Attr(type=MapOf(value=OneOf(options=(String(lenient=True),))), doc="Wait for an event of init with these fields."),
        "reboot": Attr(
            type=Struct(
                fields={
                    "falls_back": Attr(
                        type=String(),
                        doc="The first start must not come up, and end by itself; a regular expression that its console must show.",
                    ),
                    "disk": Attr(type=String(lenient=True, pattern=r"\d+[KMG]?"), doc="The blank disk has grown to this size meanwhile."),
                }
            ),
            doc="Reboot in order, with the same disk, and wait until it is up.",
        ),
        "cut": Attr(type=_EMPTY, doc="Cut the power, in the midst of whatever is going on; start again, and wait until it is up."),
        "poweroff": Attr(type=_EMPTY, doc="Power off in order, by a signal to init."),
        "powerdown": Attr(type=_EMPTY, doc="Press the power button; the guest must stop in order."),
        "guest": Attr(
            type=String(choices=("machine", "peer")),
            default="machine",
            doc="Which of the two guests, where there is a `peer`, which starts with its first step.",
        ),
        "in": Attr(type=String(), doc="The container that a command runs in. Default: init's root."),
        "expect": Attr(type=String(), doc="Regular expression that the command's output must match."),
        "stdin": Attr(type=String(), doc="Input of the command."),
        "exit": Attr(type=Integer(), default=0, doc="Exit code that `run` must end with."),
        "within_s": Attr(type=Integer(minimum=0), doc="The command is tried again until it holds, so many seconds."),
        "timeout_s": Attr(type=Integer(minimum=1), doc="Seconds that one command may take. Default 60."),
    }
)
_STEP_S: Final = 60  # tools/boot.py's
_KINDS: Final = ("up", "run", "fails", "put", "event", "reboot", "cut", "poweroff", "powerdown")


def analyze(ctx: RuleContext) -> list[Any]:
    """One sandboxed action: QEMU and the steps."""
    image = ctx.require(ctx.attrs["image"], ImageInfo, attr=("image",))
    toolchain = ctx.require(ctx.attrs["qemu"], ToolchainInfo, attr=("qemu",), execution=True)
    medium = ctx.attrs["medium"]
    patience = ctx.attrs["patience"]
    timeout_s = ctx.attrs["timeout_s"] * patience
    steps = [_patient(_step(ctx, index, step), patience) for index, step in enumerate(ctx.attrs["steps"])]
    how, parts = _direct(ctx, image, medium) if medium in _DIRECT else _medium(ctx, image, medium)
    drives, peer = _drives(ctx, ctx.attrs["drives"], "drives"), _drives(ctx, (ctx.attrs["peer"] or {}).get("drives", ()), "peer")
    test = {
        "arch": image.arch,
        "mem": ctx.attrs["mem"],
        "cpus": ctx.attrs["cpus"],
        "disk": _size(ctx.attrs["disk"]) if ctx.attrs["disk"] else 0,
        "timeout_s": timeout_s,
        "steps": steps,
        "cmdline": f"{ctx.attrs['cmdline']} lkbuild.patience={patience}".strip() if patience > 1 else ctx.attrs["cmdline"],
        "small": ctx.attrs["machine"] == "microvm",
        **({"watchdog": True} if ctx.attrs["watchdog"] else {}),
        "drives": [item.path for item in drives],
        **({"peer": [item.path for item in peer]} if ctx.attrs["peer"] else {}),
        **how,
    }
    data = [Input(f"data/{item.name.rpartition('/')[2]}", item.artifact) for item in ctx.files(ctx.attrs["data"])]
    (report,) = ctx.run(
        "boot_test",
        ["/usr/bin/python3", "tools/boot.py"],
        root=toolchain.tree,
        inputs=[
            Input("test.json", Inline((json.dumps(test, sort_keys=True) + "\n").encode())),
            *parts,
            *(Input(f"tools/{name}", ctx.tool(name)) for name in ("boot.py", "guest.py", "machine.py")),
            *data,
            *drives,
            *peer,
        ],
        outputs=[DeclaredOutput("out/report.jsonl")],
        environment={"PYTHONDONTWRITEBYTECODE": "1"},
        timeout_s=timeout_s + 60,
        message=f"boot {ctx.attrs['image'].short}{medium and '.' + medium} ({image.arch})",
        resources=Resources(cpus=1, timed=True, memory_mib=(_size(ctx.attrs["mem"]) >> 20) * (2 if ctx.attrs["peer"] else 1), seconds=30),
    )
    return [Test(report), Files((NamedArtifact("report.jsonl", report),))]


def _drives(ctx: RuleContext, labels: Any, folder: str) -> list[Input]:
    return [Input(f"{folder}/{index}", item.artifact) for index, item in enumerate(ctx.files(labels))]


def _direct(ctx: RuleContext, image: ImageInfo, form: str) -> tuple[dict[str, Any], tuple[Input, ...]]:
    """Kernel and initrd as the format has them, and the agent's segment."""
    parts = {item.name.rpartition("/")[2]: item.artifact for item in (_group(ctx, form) if form else ())}
    root = _DIRECT[form]
    agent = ctx.files(ctx.attrs["agent"])
    command = [f"{'/.early' if root else '/.base'}/lkbuild-test/agent"]
    plan = {"version": 1, "host_services": [{"name": "test-agent", "command": command, "restart": "always"}]}
    entries = [
        {"path": "lkbuild-test/agent", "kind": "file", "mode": 0o755, "input": "in/agent"},
        {"path": "etc/lkbuild/image.d/90-test.json", "kind": "file", "mode": 0o644, "contents": json.dumps(plan, sort_keys=True)},
    ]
    extra = segment(ctx, layer(ctx, entries, [Input("in/agent", agent[0].artifact)], message="test agent"), "")
    plain = {"kernel": image.kernel, "initrd.img": image.initrd, "cmdline": Inline((image.cmdline + "\n").encode())}
    inputs = {**plain, **parts, "agent.img": extra}
    return {"direct": {"root": root, "cdrom": form == "kernel+iso"}}, tuple(Input(name, artifact) for name, artifact in inputs.items())


def _group(ctx: RuleContext, form: str) -> tuple[NamedArtifact, ...]:
    """The files of a format of the image."""
    groups = ctx.dep(ctx.attrs["image"]).get(OutputGroups)
    found = groups.groups.get(form) if groups else None
    if not found:
        known = ", ".join(groups.groups) if groups else ""
        hint = f"here it has: {known}" if known else None
        ctx.fail(f"{ctx.attrs['image'].short} has no format {form} for {ctx.arch}", attr=("medium",), hint=hint)
    return found


def _medium(ctx: RuleContext, image: ImageInfo, form: str) -> tuple[dict[str, Any], tuple[Input, ...]]:
    """The medium as it is shipped, so without an agent; and the firmware that starts it, where that is not the BIOS."""
    (found,) = _group(ctx, form)
    for index, step in enumerate(ctx.attrs["steps"]):
        for kind in ("run", "fails", "put", "reboot", "poweroff"):
            if step[kind] is not None and not ctx.attrs["agent_inside"]:
                hint = "a medium is booted as it is shipped: wait for an `event`, or press the power button (`powerdown`)"
                ctx.fail(f"{kind} needs the agent, which no medium has", attr=("steps", index, kind), hint=hint)
    firmware = ctx.require(ctx.attrs["firmware"], ToolchainInfo, attr=("firmware",), execution=True).tree
    how = dict(_MEDIA[form])
    efi = _EFI.get(image.arch) if how.pop("efi", ctx.attrs["uefi"]) else None
    if efi:
        how["efi"] = efi
    if ctx.attrs["agent_inside"]:
        how["kept"] = True
    return {"medium": how}, (Input("medium", found.artifact), *((Input("firmware", firmware),) if efi else ()))


def _step(ctx: RuleContext, index: int, step: Any) -> dict[str, Any]:
    kinds = [kind for kind in _KINDS if step[kind] is not None]
    if len(kinds) != 1:
        ctx.fail(f"a step does exactly one of {', '.join(_KINDS)}", attr=("steps", index))
    if step["guest"] == "peer" and not ctx.attrs["peer"]:
        hint = "`peer: {}` makes one: the same image, on the same network"
        ctx.fail("there is no other guest", attr=("steps", index, "guest"), hint=hint)
    plain = {name: _plain(value) for name, value in step.items() if value is not None}
    if plain.get("reboot", {}).get("disk"):
        plain["reboot"]["disk"] = _size(plain["reboot"]["disk"])
    return plain


def _patient(step: dict[str, Any], patience: int) -> dict[str, Any]:
    """The step, whose times are so many times as long."""
    if patience == 1:
        return step
    within = {"within_s": step["within_s"] * patience} if "within_s" in step else {}
    return {**step, "timeout_s": step.get("timeout_s", _STEP_S) * patience, **within}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return {name: _plain(item) for name, item in value.items()} if hasattr(value, "items") else value


def _size(text: str) -> int:
    factor = _FACTORS.get(text[-1])
    return int(text[:-1]) * factor if factor else int(text)


RULE = Rule(
    name="boot_test",
    doc="""Boots an image in QEMU, under emulation and without a network, and goes through steps.

Each step does one of `up`, `run`, `fails`, `put`, `event`, `reboot`, `cut`, `poweroff`, `powerdown`. The result is cached: a test runs
again when the image, the steps or the tools change.""",
    attrs={
        "image": Attr(type=LabelOf(provides=("ImageInfo",)), required=True, doc="What boots."),
        "steps": Attr(type=ListOf(item=STEP), required=True, doc="What must hold."),
        "medium": Attr(
            type=String(choices=(*_DIRECT, *_MEDIA)),
            default="",
            doc="Boot this format of the image. One that firmware starts is booted as it is shipped, without the test's agent.",
        ),
        "agent_inside": Attr(
            type=Boolean(),
            default=False,
            doc="The image itself runs the agent (//rules/boot_test:agent), so that every step can be taken; the medium is written to.",
        ),
        "machine": Attr(
            type=String(choices=("", "microvm")),
            default="",
            doc="QEMU's machine. `microvm` is that of amd64 without PCI: the kernel needs CONFIG_VIRTIO_MMIO_CMDLINE_DEVICES.",
        ),
        "uefi": Attr(type=Boolean(), default=False, doc="Boot a medium that is for both BIOS and UEFI by UEFI."),
        "firmware": Attr(
            type=LabelOf(provides=("ToolchainInfo",), execution=True),
            default=Label("rules/toolchains", "firmware"),
            doc="OVMF and AAVMF, for EFI media.",
        ),
        "data": Attr(type=ListOf(item=File()), default=(), doc="Files that `put` steps write into the guest."),
        "mem": Attr(type=String(lenient=True, pattern=r"\d+[KMG]?"), default="512M", doc="Memory of the guest."),
        "cpus": Attr(type=Integer(minimum=1, maximum=64), default=2, doc="Processors of the guest."),
        "disk": Attr(type=String(lenient=True, pattern=r"\d+[KMG]?"), doc="Size of a blank disk. Default: none."),
        "drives": Attr(type=ListOf(item=File()), default=(), doc="Disks that the guest can read: file systems, in files."),
        "peer": Attr(
            type=Struct(fields={"drives": Attr(type=ListOf(item=File()), default=(), doc="Disks that it can read.")}),
            doc="A second guest with the same image, on the network of the first. Steps with `guest: peer` are for it.",
        ),
        "watchdog": Attr(type=Boolean(), default=False, doc="The machine has a watchdog (i6300esb), which starts it anew. With PCI only."),
        "cmdline": Attr(type=String(), default="", doc="Added to the image's command line."),
        "timeout_s": Attr(type=Integer(minimum=1), default=300, doc="Seconds for all of it."),
        "patience": Attr(
            type=Integer(minimum=1, maximum=100),
            default=1,
            doc="A guest that is slow under emulation: all these times, and those of its init, are so many times as long.",
        ),
        "agent": Attr(type=File(), default=TargetRef(Label("rules/boot_test", "agent")), doc="The agent, for the guest's architecture."),
        "qemu": Attr(type=LabelOf(provides=("ToolchainInfo",), execution=True), default=QEMU_BY_ARCH, doc="QEMU and Python."),
    },
    analyze=analyze,
    test=True,
)
