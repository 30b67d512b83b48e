"""The seccomp filter of a container: what its capabilities leave it, everything else is refused with EPERM.

Pure; does not know containers beyond their capabilities.
Source: OCI runtime specification, config-linux.md, "Seccomp"; Docker's default profile for the treatment of clone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from .seccomp_syscalls import ALWAYS, WITH_ARCH, WITH_CAPABILITY

_ARCHITECTURES: Final = {
    "amd64": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
    "arm64": ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"],
    "riscv64": ["SCMP_ARCH_RISCV64"],
    "s390x": ["SCMP_ARCH_S390X", "SCMP_ARCH_S390"],
}
#: CLONE_NEWNS | NEWCGROUP | NEWUTS | NEWIPC | NEWUSER | NEWPID | NEWNET: namespaces are for CAP_SYS_ADMIN.
_NAMESPACE_FLAGS: Final = 0x7E020000
_EPERM, _ENOSYS = 1, 38
#: personality(2) values that change nothing dangerous: PER_LINUX, PER_LINUX32, UNAME26, both, and the query.
_PERSONALITIES: Final = (0x0, 0x8, 0x20000, 0x20008, 0xFFFFFFFF)


def profile(capabilities: Iterable[str], arch: str) -> dict[str, Any]:
    """The `linux.seccomp` object for a container with these capabilities on this architecture."""
    held = frozenset(capabilities)
    allowed = {*ALWAYS, *WITH_ARCH.get(arch, ())}
    for capability in held:
        allowed.update(WITH_CAPABILITY.get(capability, ()))
    rules: list[dict[str, Any]] = [{"names": sorted(allowed), "action": "SCMP_ACT_ALLOW"}]
    rules += [_when("personality", 0, value, "SCMP_CMP_EQ") for value in _PERSONALITIES]
    if "CAP_SYS_ADMIN" not in held:
        # s390x passes the flags of clone as the second argument (clone(2), "C library/kernel differences").
        index = 1 if arch == "s390x" else 0
        masked = {"index": index, "value": _NAMESPACE_FLAGS, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}
        rules.append({"names": ["clone"], "action": "SCMP_ACT_ALLOW", "args": [masked]})
        # A filter can't look into clone3's structure; ENOSYS makes C libraries fall back to clone.
        rules.append({"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": _ENOSYS})
    return {"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": _EPERM, "architectures": _ARCHITECTURES[arch], "syscalls": rules}


def _when(name: str, index: int, value: int, operator: str) -> dict[str, Any]:
    return {"names": [name], "action": "SCMP_ACT_ALLOW", "args": [{"index": index, "value": value, "op": operator}]}
