"""The calls that no sandbox lets through, made by a program: by both that start commands, at the terminal, and by hand.

By every way in that this machine's kernel has. tests/unit/sandbox/test_seccomp.py has the others.
"""

from __future__ import annotations

import errno
import json
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from harness.host_root import make_root
from harness.sandboxes import STARTERS, sandbox_by

from lkbuild.model.ports import SandboxRun
from lkbuild.sandbox.interactive import run_interactive
from lkbuild.sandbox.plan import Access
from lkbuild.sandbox.probe import probe

#: Prints what each call gave, 0 for all that is no error. Without an argument it makes those alone that change nothing where it is.
SOURCE = r"""
#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { VSOCK = 40, UNIX = 1, INET = 2, STREAM = 1, SESSION = -3 };

static void say(const char *name, long result)
{
	printf("%s\"%s\": %ld", name[0] == '*' ? "" : ", ", name, result < 0 ? -result : 0);
}
#define TRY(name, ...) say(name, syscall(__VA_ARGS__) < 0 ? -errno : 0)

#ifdef __x86_64__
static long int80(long number, long a, long b, long c, long d)
{
	long result;
	__asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c), "S"(d) : "memory", "r8", "r9", "r10", "r11");
	return (int)result;
}

static void other_ways_in(int all)
{
	/* Where 32 bits reach. */
	uint32_t *low = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	char *text = (char *)(low + 64);
	long at = (long)low, name = (long)text;
	__builtin_strcpy(text, "user");
	say("i386 getpid", int80(20, 0, 0, 0, 0));
	if (all) {
		say("i386 add_key", int80(286, name, name, name, 4));
		say("i386 request_key", int80(287, name, name, 0, 0));
	}
	say("i386 keyctl", int80(288, 0, SESSION, 0, 0));
	say("i386 socket vsock", int80(359, VSOCK, STREAM, 0, 0));
	say("i386 socket unix", int80(359, UNIX, STREAM, 0, 0));
	say("i386 socketpair vsock", int80(360, VSOCK, STREAM, 0, at + 512));
	low[0] = VSOCK, low[1] = STREAM, low[2] = 0, low[3] = (uint32_t)at + 512;
	say("i386 socketcall socket vsock", int80(102, 1, at, 0, 0));
	low[0] = UNIX;
	say("i386 socketcall socket unix", int80(102, 1, at, 0, 0));
	say("i386 socketcall socketpair unix", int80(102, 8, at, 0, 0));
	say("i386 io_uring_setup", int80(425, 1, at + 1024, 0, 0));
	TRY("x32 keyctl", 0x40000000 | SYS_keyctl, 0, SESSION, 0);
	TRY("x32 socket vsock", 0x40000000 | SYS_socket, VSOCK, STREAM, 0);
}
#else
static void other_ways_in(int all)
{
	(void)all;
}
#endif

int main(int argc, char **argv)
{
	int pair[2];
	uint32_t ring[64] = {0};
	(void)argv;
	printf("{");
	TRY("*getpid", SYS_getpid);
	if (argc > 1) {
		TRY("add_key", SYS_add_key, "user", "lkbuild", "x", 1L, SESSION);
		TRY("request_key", SYS_request_key, "user", "lkbuild", NULL, 0L);
	}
	TRY("keyctl", SYS_keyctl, 0L, SESSION, 0L);
	TRY("socket vsock", SYS_socket, VSOCK, STREAM, 0);
	TRY("socket vsock, high bits", SYS_socket, VSOCK | 1L << 32, STREAM, 0);
	TRY("socket vsock datagrams", SYS_socket, VSOCK, 2, 0);
	TRY("socketpair vsock", SYS_socketpair, VSOCK, STREAM, 0, pair);
	TRY("socket unix", SYS_socket, UNIX, STREAM, 0);
	TRY("socket inet", SYS_socket, INET, STREAM, 0);
	TRY("socketpair unix", SYS_socketpair, UNIX, STREAM, 0, pair);
	TRY("io_uring_setup", SYS_io_uring_setup, 1, ring);
	other_ways_in(argc > 1);
	printf("}\n");
	return 0;
}
"""
ABSENT, NO_FAMILY = errno.ENOSYS, errno.EAFNOSUPPORT
REFUSED = {"add_key": ABSENT, "request_key": ABSENT, "keyctl": ABSENT, "io_uring_setup": ABSENT} | dict.fromkeys(
    ("socket vsock", "socket vsock, high bits", "socket vsock datagrams", "socketpair vsock"), NO_FAMILY
)
LEFT = dict.fromkeys(("*getpid", "socket unix", "socket inet", "socketpair unix"), 0)
OTHER_WAYS = {
    "i386 getpid": 0,
    "i386 add_key": ABSENT,
    "i386 request_key": ABSENT,
    "i386 keyctl": ABSENT,
    "i386 socket vsock": NO_FAMILY,
    "i386 socket unix": 0,
    "i386 socketpair vsock": NO_FAMILY,
    "i386 socketcall socket vsock": ABSENT,
    "i386 socketcall socket unix": ABSENT,
    "i386 socketcall socketpair unix": 0,
    "i386 io_uring_setup": ABSENT,
    "x32 keyctl": ABSENT,
    "x32 socket vsock": NO_FAMILY,
}


@pytest.fixture(scope="module")
def compiler():
    found = next((found for name in ("cc", "gcc", "clang") if (found := shutil.which(name))), None)
    if found is None:
        pytest.skip("no C compiler here")
    return found


@pytest.fixture(scope="module")
def program(compiler, tmp_path_factory):
    folder = tmp_path_factory.mktemp("calls")
    (folder / "calls.c").write_text(SOURCE)
    subprocess.run([compiler, "-O1", "-static", "-o", folder / "calls", folder / "calls.c"], check=True)
    return folder / "calls"


@pytest.fixture(scope="module")
def expected(program):
    """What is said inside. A kernel that was told to take no calls of i386 ends what makes one."""
    if platform.machine() != "x86_64":
        return REFUSED | LEFT
    if subprocess.run([program], check=False, capture_output=True).returncode != 0:
        pytest.skip("this kernel has no way in for 32-bit programs: its filter can't be tried")
    return REFUSED | LEFT | OTHER_WAYS


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return make_root(tmp_path_factory.mktemp("root"))


@pytest.fixture(scope="module", params=STARTERS)
def sandbox(request):
    return sandbox_by(request.param)


@pytest.fixture
def asked(program, root, tmp_path):
    (tmp_path / "work").mkdir()
    return SandboxRun(
        arguments=("./calls", "all"),
        environment=(),
        root=root,
        mounts=((program, "calls"),),
        work=tmp_path / "work",
        log=tmp_path / "log",
        timeout_s=60,
    )


def test_an_action_is_refused_them_and_nothing_else(sandbox, asked, expected):
    result = sandbox.run(asked, cancelled=lambda: False)
    assert result.exit_code == 0, asked.log.read_text()
    assert json.loads(asked.log.read_text()) == expected


@pytest.mark.parametrize("access", [Access(), Access(network=True, terminal=True)])
def test_what_runs_at_the_terminal_is_refused_them_as_well(asked, expected, access, tmp_path):
    found = probe()
    if found.problem is not None:
        pytest.skip(f"no sandbox on this host: {found.problem}\n{found.problem.hint}")
    with (tmp_path / "stdout").open("wb") as stdout:
        assert run_interactive(asked, access, nested=found.nested, stdin=subprocess.DEVNULL, stdout=stdout) == 0
    assert json.loads((tmp_path / "stdout").read_text()) == expected


def test_the_command_that_does_it_by_hand_is_refused_them_and_has_its_callers_input(sandbox, asked, expected, tmp_path):
    (tmp_path / "work/calls").touch()  # lkbuild makes and removes the places of inputs, the script does not
    line = sandbox.describe(asked)
    assert line.endswith("-- ./calls all")  # which the script of a failed action puts something else in the place of
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == expected
    done = subprocess.run(["sh", "-c", line.replace("./calls all", "cat")], input="typed", capture_output=True, text=True, check=True)
    assert done.stdout == "typed"


def test_outside_they_are_there(program):
    """Else none of this would say anything. Only a look: the session's keys are not a test's."""
    status = Path("/proc/self/status").read_text()
    if "Seccomp:\t0" not in status or not Path("/proc/keys").exists():
        pytest.skip("this machine refuses them to everything, or its kernel has no keys")
    done = subprocess.run([program], capture_output=True, text=True, check=False)
    if done.returncode == 0:
        assert json.loads(done.stdout)["keyctl"] == 0


INSIDE = """
import ctypes, sys
from pathlib import Path
from lkbuild.model.ports import SandboxRun
from lkbuild.sandbox.bubblewrap import BubblewrapSandbox
from lkbuild.sandbox.probe import probe
from lkbuild.sandbox.seccomp import program

class Program(ctypes.Structure):
    _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_char_p)]

libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0  # PR_SET_NO_NEW_PRIVS
assert libc.prctl(22, 2, ctypes.byref(Program(len(program()) // 8, program()))) == 0  # PR_SET_SECCOMP
name, root, calls, folder = sys.argv[1:]
found = probe()
assert found.problem is None, found.problem
box = BubblewrapSandbox(found.bwrap, launcher=found.launcher if name == "launcher" else None, nested=found.nested)
folder = Path(folder)
run = SandboxRun(arguments=("./calls", "all"), environment=(), root=Path(root), mounts=((Path(calls), "calls"),), work=folder / "work",
                 log=folder / "log", timeout_s=60)
sys.exit(box.run(run, cancelled=lambda: False).exit_code)
"""


def test_what_is_refused_them_itself_can_make_a_sandbox(sandbox, asked, expected, tmp_path):
    """Of what starts commands in a sandbox, in a container: each installs its own, and all of them hold (seccomp(2))."""
    name = "launcher" if sandbox._launcher else "bubblewrap"
    subprocess.run([sys.executable, "-c", INSIDE, name, asked.root, asked.mounts[0][0], tmp_path], check=True)
    assert json.loads(asked.log.read_text()) == expected
