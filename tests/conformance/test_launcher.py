"""lkbuild's launcher beside bubblewrap: by the same options, a command sees the same world in both. Bubblewrap is the oracle."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from harness.host_root import make_root, processes_with
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lkbuild.base.errors import BuildFailed, HostError
from lkbuild.model.ports import CANCELLED, SandboxRun
from lkbuild.sandbox import seccomp
from lkbuild.sandbox.bubblewrap import BubblewrapSandbox
from lkbuild.sandbox.launched import LaunchedChild, find_launcher
from lkbuild.sandbox.probe import probe

LOOK = """
import ctypes, json, os, re, resource, socket, stat
def text(path):
    try:
        with open(path) as file:
            return file.read()
    except OSError as error:
        return error.strerror
def status(who):
    names = "Umask|Uid|Gid|Groups|Sig(Ign|Cgt)|Shd.*|Cap.*|NoNewPrivs|Seccomp|NSpid|NSpgid|NSsid|CoreDumping"
    wanted = names if who == "self" else names.replace("Sig(Ign|Cgt)|", "")  # an init of another make has other handlers
    return [line for line in text(f"/proc/{who}/status").splitlines() if re.match(f"({wanted}):", line)]
def entry(path):
    found = os.lstat(path)
    return [path, oct(found.st_mode), found.st_uid, found.st_gid, os.readlink(path) if stat.S_ISLNK(found.st_mode) else ""]
# Of a mount: its root, its place, its flags and propagation, its type and its super block's options; not its numbers.
mounts = [re.sub(r"^\\d+ \\d+ [\\d:]+ ", "", line) for line in text("/proc/self/mountinfo").splitlines()]
places = ["/", "/dev", "/dev/pts", "/etc", "/build", "/tmp", "/run", "/var"]
listed = sorted(os.path.join(place, name) for place in places if os.path.isdir(place) for name in os.listdir(place))
NAMESPACES = sorted(os.listdir("/proc/self/ns"))
print(json.dumps({
    "mounts": mounts,
    "self": status("self"), "init": status("1"),
    "entries": [entry(path) for path in [*places, *listed] if os.path.lexists(path)],
    "environment": dict(os.environ), "directory": os.getcwd(), "host": socket.gethostname(),
    "namespaces": [(name, os.readlink(f"/proc/1/ns/{name}") == os.readlink(f"/proc/self/ns/{name}")) for name in NAMESPACES],
    "maps": [text(f"/proc/self/{name}") for name in ("uid_map", "gid_map", "setgroups", "cgroup", "oom_score_adj", "limits")],
    "user namespaces": text("/proc/sys/user/max_user_namespaces"),
    "links": [line.split(":")[0].strip() for line in text("/proc/net/dev").splitlines()[2:]],
    "loopback": text("/proc/net/fib_trie").count("LOCAL"), "if6": text("/proc/net/if_inet6"),
    "open": sorted(int(name) for name in os.listdir("/proc/self/fd"))[:3],
    "processes": sorted(int(name) for name in os.listdir("/proc") if name.isdigit()),
    "pdeath": (lambda value: (ctypes.CDLL(None).prctl(2, ctypes.byref(value)), value.value)[1])(ctypes.c_int()),
    "session": [os.getsid(0), os.getpgid(0)], "niceness": os.getpriority(os.PRIO_PROCESS, 0),
}))
"""


@pytest.fixture(scope="session")
def root(tmp_path_factory):
    return make_root(tmp_path_factory.mktemp("root"))


@pytest.fixture(scope="session")
def launcher():
    found = probe()
    if found.launcher is None:
        pytest.skip("lkbuild was installed without a C compiler, or this host has no user namespaces")
    return found.launcher


@pytest.fixture
def boxes(launcher):
    """By name: bubblewrap, and the launcher with a bubblewrap that would be noticed if it were taken instead."""
    return {"bubblewrap": BubblewrapSandbox(), "launcher": BubblewrapSandbox(Path("/no/bwrap"), launcher=launcher)}


def run(box, folder, **fields):
    folder.mkdir(exist_ok=True)
    (folder / "work").mkdir(exist_ok=True)
    given = {"environment": (), "mounts": (), "timeout_s": 60} | fields
    result = box.run(SandboxRun(work=folder / "work", log=folder / "log", **given), cancelled=lambda: False)
    return result.exit_code, (folder / "log").read_text(errors="replace")


def seen(box, folder, root, **fields):
    code, log = run(box, folder, root=root, arguments=("python3", "-I", "-c", LOOK), **fields)
    assert code == 0, log
    return json.loads(log.replace(str(folder), "FOLDER"))


def without_what_may_differ(world):
    """Bubblewrap's / is a folder of its tmpfs, ours a tmpfs of mode 755; the folder for /tmp has a random name."""
    root, *mounts = world["mounts"]
    named = [re.sub(r"work\.tmp-\w+", "TEMPORARY", line) for line in mounts]
    return world | {"mounts": [root.replace("/newroot / ", "/ / ").replace(",mode=755", ""), *named]}


def test_a_command_sees_what_it_sees_by_bubblewrap(boxes, root, tmp_path):
    (tmp_path / "input").write_text("x")
    (tmp_path / "tree/sub").mkdir(parents=True)
    mounts = ((tmp_path / "input", "a/input"), (tmp_path / "tree", "tree"))
    worlds = [
        without_what_may_differ(seen(boxes[name], tmp_path / name, root, mounts=mounts, environment=(("X", "y z"),)))
        for name in ("bubblewrap", "launcher")
    ]
    for part in worlds[0]:
        assert worlds[1][part] == worlds[0][part], part


def test_it_is_the_launcher_that_started_it(boxes, root, tmp_path):
    assert run(boxes["launcher"], tmp_path / "a", root=root, arguments=("cat", "/proc/1/comm"))[1] == "lkbuild-launche\n"


def test_a_step_back_is_there_from_the_start(boxes, root, tmp_path):
    here = os.getpriority(os.PRIO_PROCESS, 0)
    line = run(boxes["launcher"], tmp_path / "a", root=root, arguments=("cat", "/proc/self/stat"), nice=3)[1]
    assert int(line.rpartition(")")[2].split()[16]) == min(19, here + 3)


NAMES = st.sampled_from(["a", "b", "c"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)


@st.composite
def trees(draw):
    """Files, folders and symbolic links, also hostile ones."""
    entries = {}
    for path in draw(st.lists(PATHS, max_size=6, unique=True)):
        above = ["/".join(path.split("/")[:count]) for count in range(1, path.count("/") + 1)]
        if not any(entries.get(name, "folder") != "folder" for name in above):
            entries |= dict.fromkeys(above, "folder")
            entries.setdefault(
                path, draw(st.sampled_from(["folder", "file", "link:/etc", "link:../../..", "link:a", "link:/proc/self/root"]))
            )
    return entries


def make(folder, entries):
    for path, kind in sorted(entries.items()):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        if kind == "folder":
            (folder / path).mkdir(exist_ok=True)
        elif kind == "file":
            (folder / path).write_text(path)
        else:
            (folder / path).symlink_to(kind.removeprefix("link:"))


FIND = """
import os
for top, folders, files in os.walk("/"):
    folders[:] = sorted(name for name in folders if os.path.join(top, name) not in ("/proc", "/dev", "/usr", "/lib", "/lib64", "/bin"))
    for name in sorted([*folders, *files]):
        path = os.path.join(top, name)
        found = os.lstat(path)
        link = os.readlink(path) if os.path.islink(path) else ""
        print(path, oct(found.st_mode), link, os.access(path, os.W_OK))
"""


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(top=trees(), work=trees(), mounts=st.lists(st.tuples(PATHS, st.booleans()), max_size=3, unique_by=lambda mount: mount[0]))
def test_whatever_the_trees_hold_both_make_the_same_of_it(boxes, root, tmp_path_factory, top, work, mounts):
    base = tmp_path_factory.mktemp("case")
    subprocess.run(["cp", "-al", root, base / "root"], check=True)  # hard links: only what is made beside them differs
    make(base / "root", {f"x/{path}": kind for path, kind in top.items()} | {f"etc/x/{path}": kind for path, kind in top.items()})
    (base / "file").write_text("f")
    (base / "folder").mkdir()
    said = {}
    for name, box in boxes.items():
        folder = base / name
        (folder / "work").mkdir(parents=True)
        make(folder / "work", work)
        inputs = tuple((base / ("folder" if directory else "file"), path) for path, directory in mounts)
        try:
            said[name] = run(box, folder, root=base / "root", mounts=inputs, arguments=("python3", "-I", "-c", FIND))
        except HostError:
            said[name] = "refused"
    assert said["launcher"] == said["bubblewrap"]
    assert sorted(path.name for path in (base / "launcher/work").rglob("*")) == sorted(
        path.name for path in (base / "bubblewrap/work").rglob("*")
    )


@pytest.mark.parametrize("link", ["/etc", "."])
@pytest.mark.parametrize("path", ["a", "a/b"])
@pytest.mark.parametrize("name", ["bubblewrap", "launcher"])
def test_no_input_is_placed_through_a_symbolic_link(boxes, root, tmp_path, name, path, link):
    (tmp_path / "input").write_text("x")
    (tmp_path / "x/work").mkdir(parents=True)
    (tmp_path / "x/work/a").symlink_to(link)
    with pytest.raises(HostError):
        run(boxes[name], tmp_path / "x", root=root, mounts=((tmp_path / "input", path),), arguments=("true",))
    assert not Path("/etc/b").exists()


def started(launcher, *words):
    """The launcher by itself, for one command."""
    with seccomp.opened() as refused:
        argv = [launcher, "--seccomp", str(refused), *words]
        return subprocess.run(argv, check=False, capture_output=True, text=True, pass_fds=(refused,))


NEEDED = [*(f"--unshare-{name}" for name in ("user", "ipc", "pid", "uts", "cgroup", "net")), "--clearenv", "--die-with-parent"]


@pytest.mark.parametrize(
    "options",
    [
        ["--unknown"],
        ["--bind", "/usr"],
        ["--bind", "/usr", "relative"],
        ["--ro-bind", "/usr", "/a/.."],
        ["--uid", "-1"],
        ["--uid", "x"],
        ["--perms", "999"],
        ["--cap-drop", "CAP_SYS_ADMIN"],
        ["--dev-bind", "/dev/kvm", "/dev/kvm"],
        ["--share-net"],
    ],
)
def test_what_it_does_not_know_it_refuses(launcher, options):
    done = started(launcher, *NEEDED, *options, "--", "/usr/bin/true")
    assert (done.returncode, done.stderr.split(":")[0]) == (1, "lkbuild-launcher")
    assert "execvp" not in done.stderr


@pytest.mark.parametrize("missing", NEEDED)
def test_nothing_of_the_isolation_can_be_left_out(launcher, missing):
    done = started(launcher, *(option for option in NEEDED if option != missing), "--", "/usr/bin/true")
    assert done.returncode == 1
    assert "execvp" not in done.stderr


def test_with_all_of_it_a_command_is_looked_for(launcher):
    """In an empty root. Else the two above would say nothing."""
    assert "execvp" in started(launcher, *NEEDED, "--", "/usr/bin/true").stderr


@pytest.mark.parametrize("program", [None, b"", b"\0" * 7, b"\xff" * 8, b"\0" * (1 << 15)])
@pytest.mark.parametrize("options", [[*NEEDED, "--", "/usr/bin/true"], ["--serve", "0"]])
def test_without_a_program_that_refuses_calls_it_starts_nothing(launcher, tmp_path, options, program):
    (tmp_path / "program").write_bytes(program or b"")
    with (tmp_path / "program").open("rb") as file:
        first = [] if program is None else ["--seccomp", str(file.fileno())]
        done = subprocess.run(
            [launcher, *first, *options], check=False, capture_output=True, text=True, pass_fds=(file.fileno(),), stdin=subprocess.DEVNULL
        )
    assert (done.returncode, "--seccomp" in done.stderr, "execvp" in done.stderr) == (1, True, False)


@pytest.mark.parametrize("script", ["ulimit -n 7; exec {launcher} $*", "exit 1", "sleep 0.1; exec {launcher} --new", None])
def test_a_host_on_which_it_does_not_work_has_bubblewrap(root, launcher, tmp_path, script):
    """What can't set up a sandbox; what ends before it serves, as one of another version does; what can't be run: for another machine."""
    fake = tmp_path / "launcher"
    fake.write_text(f"#!/bin/sh\n{script.format(launcher=launcher)}\n" if script else "\x7fELF")
    fake.chmod(0o755)
    box = BubblewrapSandbox(launcher=fake)
    assert run(box, tmp_path / "a", root=root, arguments=("cat", "/proc/1/comm")) == (0, "bwrap\n")
    assert box._launcher is None
    assert run(box, tmp_path / "b", root=root, arguments=("no-such-program",))[0] == 127


def test_its_end_is_the_end_of_all_that_it_started(launcher, root, tmp_path):
    """Killed, it takes everything along; and so does the thread that waits for it."""
    mark = f"sleep-{os.getpid()}-{time.monotonic_ns()}"
    box = BubblewrapSandbox(launcher=launcher)
    loop = f"import time, os\nif os.fork() == 0:\n    os.setsid()\nwhile True: time.sleep(0.05) # {mark}"
    failed = []

    def go():
        try:
            run(box, tmp_path / "a", root=root, arguments=("python3", "-I", "-c", loop))
        except HostError as error:
            failed.append(error)

    thread = threading.Thread(target=go, daemon=True)
    thread.start()
    deadline = time.monotonic() + 30
    while len(found := processes_with(mark)) < 2:  # the command and its child
        assert time.monotonic() < deadline, found
        time.sleep(0.01)
    parent = int(Path(f"/proc/{min(found)}/stat").read_text().rpartition(")")[2].split()[1])  # the init
    launched = int(Path(f"/proc/{parent}/stat").read_text().rpartition(")")[2].split()[1])
    assert launched != os.getpid()
    os.kill(launched, signal.SIGKILL)
    thread.join(30)
    assert not thread.is_alive()
    assert len(failed) == 1  # it is not begun again by bubblewrap
    deadline = time.monotonic() + 30
    while processes_with(mark) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert processes_with(mark) == []


KILLED = """
import os, sys, time
from pathlib import Path
from lkbuild.model.ports import SandboxRun
from lkbuild.sandbox.bubblewrap import BubblewrapSandbox
from lkbuild.sandbox.launched import find_launcher
root, work, mark = sys.argv[1:]
box = BubblewrapSandbox(launcher=find_launcher())
run = SandboxRun(arguments=("python3", "-I", "-c", f"import time\\nwhile True: time.sleep(0.05) # {mark}"), environment=(), root=Path(root),
                 mounts=(), work=Path(work), log=Path(work + ".log"), timeout_s=60)
box.run(run, cancelled=lambda: False)
"""


@pytest.mark.parametrize("after_s", [0, 0.002, 0.01, 0.3])
def test_a_killed_lkbuild_leaves_nothing_running(root, launcher, tmp_path, after_s):
    """At once, too: bubblewrap has a moment in which it does not know yet that it must end with its parent (ADR 0004)."""
    (tmp_path / "work").mkdir()
    mark = f"sleep-{os.getpid()}-{time.monotonic_ns()}"
    process = subprocess.Popen([sys.executable, "-c", KILLED, root, tmp_path / "work", mark])
    deadline = time.monotonic() + 30
    while not (tmp_path / "work.log").exists():  # it is opened just before the command is asked for
        assert time.monotonic() < deadline
        assert process.poll() is None
    time.sleep(after_s)
    process.kill()
    process.wait()
    while any(pid != process.pid for pid in processes_with(mark)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert processes_with(mark) == []


def test_it_serves_one_command_after_the_other_and_keeps_nothing_of_them(boxes, root, tmp_path):
    script = "ls /tmp /build; cat /proc/sys/user/max_user_namespaces; echo > /tmp/x; while read -r line; do echo; done < /proc/mounts"
    said = {run(boxes["launcher"], tmp_path / str(number), root=root, arguments=("sh", "-c", script))[1] for number in range(20)}
    assert len(said) == 1
    served = [pid for pid in processes_with("lkbuild-launcher") if b"--serve\0" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    assert any(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1] == str(os.getpid()) for pid in served)


MEDDLE = """
import os
print(sorted(os.listdir("/proc/1/fd")))
for name in os.listdir("/proc/1/fd"):
    try:
        handle = os.open(f"/proc/1/fd/{name}", os.O_WRONLY | os.O_NONBLOCK)
        os.write(handle, bytes(4 * 50))
    except OSError:
        pass
raise SystemExit(1)
"""


def test_what_a_command_does_to_its_init_does_not_reach_the_next_command(boxes, root, tmp_path):
    """The init's descriptors can be opened from inside: bytes left in a pipe would be the next command's exit code."""
    log = run(boxes["launcher"], tmp_path / "a", root=root, arguments=("python3", "-I", "-c", MEDDLE))[1]
    assert log.startswith("['0', '1', '2', '3']")  # its standard streams and the pipe
    assert run(boxes["launcher"], tmp_path / "b", root=root, arguments=("sh", "-c", "exit 5"))[0] == 5


#: Says which network it is in, and what is known of it; then does something in it.
NETWORK = """
import array, json, os, socket, sys
FILES = ["dev", "snmp", "snmp6", "netstat", "unix", "tcp", "tcp6", "udp", "route", "ipv6_route", "sockstat6", "arp"]
SO_NETNS_COOKIE = 71  # numbers of namespaces are given out again, cookies never
cookie = socket.socket().getsockopt(socket.SOL_SOCKET, SO_NETNS_COOKIE, 8).hex()
print(json.dumps([cookie, {name: open(f"/proc/net/{name}").read() for name in FILES if os.path.exists(f"/proc/net/{name}")}]))
def nothing():
    pass
def listener():
    socket.create_server(("127.0.0.1", 4000)).close()
def connection():
    with socket.create_server(("127.0.0.1", 4000), family=socket.AF_INET, reuse_port=False) as server:
        near = socket.create_connection(server.getsockname())
        far, _ = server.accept()
        far.close(), near.close()
def datagram():
    socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).sendto(b"x", ("::1", 4000))
def refusal():
    try:
        socket.create_connection(("192.0.2.1", 4000))
    except OSError:
        pass
def name():
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    bound.bind("\\0left behind")
    for one, other in ((near, far), (far, near)):  # each holds the other, and the name, when nobody holds them any more
        one.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [bound.fileno(), one.fileno(), other.fileno()]))])
globals()[sys.argv[1]]()
"""


def network(box, folder, root, what, **more):
    """The namespace of a command that does that, and what it found there, without what counts sockets of this moment."""
    code, log = run(box, folder, root=root, arguments=("python3", "-I", "-c", NETWORK, what), **more)
    assert code == 0, log
    namespace, known = json.loads(log)
    return namespace, known


@pytest.mark.parametrize("what", ["connection", "datagram", "refusal", "name"])
def test_no_command_finds_what_another_has_left_in_its_network(boxes, root, tmp_path, what):
    first, known = network(boxes["launcher"], tmp_path / "a", root, what)
    second, then = network(boxes["launcher"], tmp_path / "b", root, "nothing")
    assert then == known
    assert second != first or what == "name"  # what nobody holds any more, the kernel may have found by then


@pytest.mark.parametrize("what", ["nothing", "listener"])
def test_a_network_in_which_nothing_was_sent_is_the_next_commands(boxes, root, tmp_path, what):
    seen = [network(boxes["launcher"], tmp_path / str(number), root, what) for number in range(5)]
    assert [namespace for namespace, _ in seen] == [seen[0][0]] * 5
    assert [known for _, known in seen] == [seen[0][1]] * 5


def test_what_may_make_user_namespaces_has_a_network_of_its_own(launcher, root, tmp_path):
    """There it could change it."""
    nested = BubblewrapSandbox(launcher=launcher, nested=True)
    assert len({network(nested, tmp_path / str(number), root, "nothing")[0] for number in range(5)}) == 5


def test_an_argument_list_of_megabytes_arrives(boxes, root, tmp_path):
    words = [f"{number:0100}" for number in range(9_000)]
    assert run(boxes["launcher"], tmp_path / "a", root=root, arguments=("sh", "-c", "echo $#", *words)) == (0, "8999\n")


def test_a_launcher_that_was_killed_between_commands_is_started_again(boxes, root, tmp_path):
    box = boxes["launcher"]
    assert run(box, tmp_path / "a", root=root, arguments=("true",))[0] in (0, 127)
    ours = Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text().split()
    mine = [pid for pid in ours if b"--serve" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    assert mine
    for pid in mine:
        os.kill(int(pid), signal.SIGKILL)
        while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
            time.sleep(0.001)
    assert run(box, tmp_path / "b", root=root, arguments=("sh", "-c", "exit 4"))[0] == 4


def test_a_command_that_ends_as_it_is_stopped_leaves_nothing_to_the_next(boxes, root, tmp_path):
    """A letter that comes when the command has ended is not read any more: it would be the beginning of the next request."""
    box, work = boxes["launcher"], tmp_path / "work"
    work.mkdir()
    wait = LaunchedChild.wait
    request = SandboxRun(work=work, log=tmp_path / "log", root=root, arguments=("true",), environment=(), mounts=(), timeout_s=60)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LaunchedChild, "wait", lambda child, _: wait(child, 30) and False)  # a look just before the end
        assert box.run(request, cancelled=lambda: True).reason == CANCELLED
    assert run(box, tmp_path / "b", root=root, arguments=("sh", "-c", "exit 4"), timeout_s=10)[0] == 4


@pytest.mark.parametrize("box", ["launcher", "bubblewrap"])
def test_no_word_with_a_zero_byte_is_taken_for_two(boxes, box, root, tmp_path):
    """Else one could be followed by options: `--bind / /build/host`."""
    for fields in ({"arguments": ("sh", "-c", "echo a\0b")}, {"arguments": ("true",), "environment": (("A", "a\0--bind\0/\0/build/x"),)}):
        with pytest.raises(BuildFailed):
            run(boxes[box], tmp_path / "a", root=root, **fields)
    assert run(boxes[box], tmp_path / "b", root=root, arguments=("sh", "-c", "exit 4"))[0] == 4


def test_it_is_there_where_a_compiler_was():
    if shutil.which("cc") is None and shutil.which("gcc") is None and shutil.which("clang") is None:
        pytest.skip("no C compiler here, so bubblewrap starts everything")
    assert find_launcher() is not None
