"""The smallest programs that tell what emulation costs: for each architecture one that calls and returns so many times, then ends with 0.

Written out as machine code, since a builder need not have any program of its own. Calls and returns, since a jump whose target only the
program knows is what an emulator is slow at. Pure.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Final

_ADDRESS: Final = 0x400000
_HEADERS: Final = 64 + 56
#: Multiples of it are what a lui of RISC-V loads.
TURNS: Final = 4096


def program(arch: str, turns: int) -> bytes:
    """An executable (ELF), linked to nothing. `turns`: a multiple of TURNS, below 2^31."""
    machine, order, code = _MACHINES[arch]
    text = code(turns)
    size = _HEADERS + len(text)
    ident = b"\x7fELF" + bytes((2, 1 if order == "<" else 2, 1)) + bytes(9)
    header = struct.pack(f"{order}HHIQQQIHHHHHH", 2, machine, 1, _ADDRESS + _HEADERS, 64, 0, 0, 64, 56, 1, 64, 0, 0)
    segment = struct.pack(f"{order}IIQQQQQQ", 1, 5, 0, _ADDRESS, _ADDRESS, size, size, 0x10000)
    return ident + header + segment + text


def _amd64(turns: int) -> bytes:
    begin = b"\xb9" + struct.pack("<I", turns)  # mov ecx, turns
    loop = b"\xe8" + struct.pack("<i", 13) + b"\xff\xc9\x75\xf7"  # call f; dec ecx; jnz loop
    leave = b"\xb8\x3c\0\0\0\x31\xff\x0f\x05"  # mov eax, 60 (exit); xor edi, edi; syscall
    return begin + loop + leave + b"\x51\x59\xc3"  # f: push rcx; pop rcx; ret


def _arm64(turns: int) -> bytes:
    begin = (0x52800001 | (turns & 0xFFFF) << 5, 0x72A00001 | (turns >> 16) << 5)  # movz, movk w1, turns
    loop = (0x94000006, 0x51000421, 0x35000001 | (-2 & 0x7FFFF) << 5)  # bl f; sub w1, w1, 1; cbnz w1, loop
    leave = (0xD2800000, 0xD2800BA8, 0xD4000001)  # mov x0, 0; mov x8, 93 (exit); svc 0
    return struct.pack("<11I", *begin, *loop, *leave, 0xF81F0FE1, 0xF84107E1, 0xD65F03C0)  # f: str x1, [sp, -16]!; ldr x1, [sp], 16; ret


def _riscv64(turns: int) -> bytes:
    loop = (0x018000EF, 0xFFF58593, 0xFE059CE3)  # jal f; addi a1, a1, -1; bnez a1, loop
    leave = (0x05D00893, 0x00000513, 0x00000073)  # li a7, 93 (exit); li a0, 0; ecall
    function = (0xFF010113, 0x00B13023, 0x00013583, 0x01010113, 0x00008067)  # f: addi sp, -16; sd a1; ld a1; addi sp, 16; ret
    return struct.pack("<12I", (turns & 0xFFFFF000) | 0x5B7, *loop, *leave, *function)  # lui a1, turns


def _s390x(turns: int) -> bytes:
    begin = b"\xc0\x19" + struct.pack(">I", turns)  # iilf r1, turns
    loop = b"\xc0\xe5\0\0\0\x08\xa7\x16\xff\xfd"  # brasl r14, f; brct r1, loop
    leave = b"\xa7\x29\0\0\x0a\x01"  # lghi r2, 0; svc 1 (exit)
    return begin + loop + leave + b"\xe3\x10\xff\xf0\xff\x24\xe3\x10\xff\xf0\xff\x04\x07\xfe"  # f: stg r1, -16(r15); lg; br r14


#: Of ELF: the machine's number, its byte order, and the code.
_MACHINES: Final[Mapping[str, tuple[int, str, Callable[[int], bytes]]]] = {
    "amd64": (62, "<", _amd64),
    "arm64": (183, "<", _arm64),
    "riscv64": (243, "<", _riscv64),
    "s390x": (22, ">", _s390x),
}
