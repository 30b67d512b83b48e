"""A shell in an action's sandbox sees what the action sees, and no more."""

import pytest

pytestmark = pytest.mark.network  # the shell of a genrule comes from the lock

PAIR = """\
targets:
  word: {rule: genrule, outs: [word], cmd: echo word > $OUT}
  broken: {rule: genrule, srcs: [":word", in.txt], outs: [x], env: {LEVEL: low}, cmd: exit 3}
  files: {rule: filegroup, srcs: [":word"]}
"""


@pytest.fixture
def pair(ws):
    ws.write("p/BUILD.yaml", PAIR)
    ws.write("p/in.txt", "text\n")
    return ws


def test_inputs_and_environment_are_in_place_though_the_action_fails(pair):
    pair.build("//p:broken", code=1)
    done = pair.lkbuild("shell", "//p:broken", "--", "sh", "-c", "cat $SRCS; echo $LEVEL; pwd; ls -d out")
    assert done.stdout.splitlines() == ["word", "text", "low", "/build", "out"]
    assert "exit 3" in done.stderr
    assert done.returncode == 0


def test_without_a_command_it_is_the_shell_of_the_actions_root(pair):
    """Its standard input ends at once, and so does it."""
    done = pair.lkbuild("shell", "//p:broken", "--quiet")
    assert (done.returncode, done.stdout) == (0, "")


def test_the_exit_code_is_that_of_what_ran_and_nothing_is_kept(pair):
    done = pair.lkbuild("shell", "//p:broken", "--", "sh", "-c", "echo made > out/x; exit 7")
    assert done.returncode == 7
    assert not (pair.root / "lkbuild-out").exists()


def test_the_workspace_and_the_network_are_out_of_reach(pair):
    script = f"ls {pair.root} 2>/dev/null; ls /sys/class/net 2>/dev/null; cat /proc/net/dev | grep -c :"
    assert pair.lkbuild("shell", "//p:broken", "--", "sh", "-c", script).stdout == "1\n"


@pytest.mark.parametrize(
    "words", [("//p:files",), ("--action", "compile", "//p:broken"), ("//p:gone",), ("//p/...",), ("--json", "//p:broken")]
)
def test_what_can_not_be_entered_is_refused(pair, words):
    done = pair.lkbuild("shell", *words)
    assert done.returncode in (2, 7)
    assert "Traceback" not in done.stderr


def test_what_an_action_needs_and_can_not_be_made_is_the_error(pair):
    pair.edit("p/BUILD.yaml", "cmd: echo word > $OUT", "cmd: exit 9")
    done = pair.lkbuild("shell", "//p:broken", "--", "true")
    assert done.returncode == 1
    assert "//p:word" in done.stderr


def test_a_sigterm_ends_what_runs_and_leaves_nothing(pair):
    with pair.start("shell", "//p:broken", "--", "sh", "-c", "echo begun; exec sleep 1000") as process:
        assert process.stdout.readline() == "begun\n"
        process.terminate()
        assert process.stdout.read() == ""  # nobody holds the other end any more
    assert process.returncode != 0


@pytest.mark.parametrize("command", ["nosuch", "/bin/nosuch"])
def test_a_command_that_is_not_there_ends_as_in_any_shell(pair, command):
    assert pair.lkbuild("shell", "//p:broken", "--", command).returncode == 127
