"""`lkbuild watch`: what is saved is built, what is only touched is not, and nothing is missed."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from harness.watching import eventually, watching
from harness.workspace import Workspace

pytestmark = pytest.mark.network  # the shell of a genrule comes from the lock

BUILD = """\
targets:
  cat:
    rule: genrule
    srcs: {glob: ["src/**"]}
    outs: [all.txt]
    cmd: cat $SRCS > $OUT
  other:
    rule: genrule
    srcs: [other.txt]
    outs: [other.out]
    cmd: cp $SRCS $OUT
"""


@pytest.fixture
def pack(ws):
    ws.write("p/BUILD.yaml", BUILD)
    ws.write("p/src/one", "one\n")
    ws.write("p/src/sub/two", "two\n")
    ws.write("p/other.txt", "other\n")
    return ws


def output(ws):
    (path,) = ws.root.glob("lkbuild-out/*/p/cat/all.txt")
    return path.read_text()


def test_an_edit_is_built(pack):
    with watching(pack, "//p:cat") as watch:
        assert watch.first()["executed"] == ["//p:cat genrule"]
        pack.write("p/src/one", "1\n")
        told = watch.next()
        assert (told["executed"], told["changed"]) == (["//p:cat genrule"], ["p/src/one"])
        assert [Path(path).name for path in told["changed_outputs"]] == ["all.txt"]
        assert told["latency_s"] > 0
        assert output(pack) == "1\ntwo\n"


def test_what_is_touched_or_saved_as_it_was_is_not_built(pack):
    with watching(pack, "-v", "//p:cat") as watch:
        watch.first()
        (pack.root / "p/src/one").touch()
        watch.until("p/src/one: nothing to do")
        pack.write("p/src/one", "one\n")
        watch.until("p/src/one: nothing to do")
        pack.write("p/src/sub/two", "2\n")
        assert watch.next()["changed"] == ["p/src/sub/two"]


def test_files_of_targets_that_were_not_asked_for_do_not_count(pack):
    with watching(pack, "//p:cat") as watch:
        watch.first()
        pack.write("p/other.txt", "another\n")
        pack.write("p/src/one", "1\n")
        told = watch.next()
        assert (told["changed"], told["executed"]) == (["p/src/one"], ["//p:cat genrule"])


def test_a_new_file_of_a_glob_and_one_that_went_count(pack):
    with watching(pack, "//p:cat") as watch:
        watch.first()
        pack.write("p/src/three", "three\n")
        assert watch.next()["executed"] == ["//p:cat genrule"]
        assert output(pack) == "one\ntwo\nthree\n" or output(pack) == "one\nthree\ntwo\n"
        (pack.root / "p/src/three").unlink()
        # Back to what was built before: found, not run.
        told = watch.next()
        assert (told["executed"], told["counts"]["local_hit"]) == ([], 1)
        assert output(pack) == "one\ntwo\n"


def test_new_directories_are_watched_too(pack):
    with watching(pack, "//p:cat") as watch:
        watch.first()
        pack.write("p/src/a/b/c/deep", "deep\n")
        while output(pack) != "deep\none\ntwo\n" and "deep" not in output(pack):
            watch.next()
        pack.write("p/src/a/b/c/deep", "deeper\n")
        while "deeper" not in output(pack):
            watch.next()


def test_a_directory_that_is_replaced_by_another_of_its_name_is_watched_again(pack):
    with watching(pack, "//p:cat") as watch:
        watch.first()
        pack.write("new/sub/two", "2\n")
        pack.write("new/one", "1\n")
        (pack.root / "p/src").rename(pack.root / "old")
        (pack.root / "new").rename(pack.root / "p/src")
        while output(pack) != "1\n2\n":
            watch.next()
        pack.write("p/src/sub/two", "zwei\n")
        while output(pack) != "1\nzwei\n":
            watch.next()


@pytest.mark.parametrize("backup", [False, True], ids=["over it", "after moving it away"])
def test_a_save_by_rename_is_an_edit(pack, backup):
    with watching(pack, "//p:cat") as watch:
        watch.first()
        for number in range(3):
            one = pack.root / "p/src/one"
            saved = pack.write(f"p/.one.{number}", f"{number}\n")
            if backup:
                one.rename(pack.root / "p/one~")
            saved.rename(one)
            while output(pack) != f"{number}\ntwo\n":
                watch.next()


def test_an_edit_of_a_build_file_counts(pack):
    with watching(pack, "//p:cat") as watch:
        watch.first()
        pack.edit("p/BUILD.yaml", "cmd: cat $SRCS > $OUT", "cmd: cat $SRCS | tr a-z A-Z > $OUT")
        assert "p/BUILD.yaml" in watch.next()["changed"]
        assert output(pack) == "ONE\nTWO\n"


def test_a_package_that_a_pattern_finds_later_is_built(pack):
    with watching(pack, "//...") as watch:
        watch.first()
        pack.write("q/BUILD.yaml", "targets: {new: {rule: genrule, outs: [new], cmd: echo new > $OUT}}\n")
        assert "//q:new genrule" in watch.next()["executed"]


RULE = """\
from ..words import WORD
from lkbuild.model.artifact import Inline, NamedArtifact
from lkbuild.model.providers import Files
from lkbuild.model.rule import Rule

RULE = Rule(name="mine", doc="Mine.", attrs={}, analyze=lambda ctx: [Files((NamedArtifact("out", Inline(WORD + b"A")),))])
"""


def test_an_edit_of_a_rule_or_of_what_it_imports_counts_even_within_a_second_and_of_the_same_length(ws):
    ws.write("rules/words.py", 'WORD = b"x"\n')
    ws.write("rules/mine/rule.py", RULE)
    ws.write("p/BUILD.yaml", "targets: {it: {rule: mine}}\n")

    def made():
        (path,) = ws.root.glob("lkbuild-out/*/p/it/out")
        return path.read_text()

    with watching(ws, "//p:it") as watch:
        watch.first()
        assert made() == "xA"
        for letter in "BCD":
            path = ws.write("rules/mine/rule.py", RULE.replace('b"A"', f'b"{letter}"'))
            os.utime(path, (10**9, 10**9))
            watch.next()
            assert made() == f"x{letter}"
        ws.write("rules/words.py", 'WORD = b"y"\n')
        watch.next()
        assert made() == "yD"


def test_a_storm_of_files_is_one_change_or_few_and_none_is_missed(pack):
    with watching(pack, "//p:cat") as watch:
        watch.first()
        for number in range(3000):
            pack.write(f"p/src/storm/{number:04}", f"{number}\n")
        expected = "one\n" + "".join(f"{number}\n" for number in range(3000)) + "two\n"
        rounds = 0
        while sorted(output(pack).split()) != sorted(expected.split()):
            assert not watch.next()["errors"]
            rounds += 1
        assert rounds < 300


def test_an_overflow_of_the_kernels_queue_ends_in_a_rescan(pack):
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text(encoding="ascii"))
    if limit > 200_000:
        pytest.skip("the kernel's queue is too long to be filled")
    with watching(pack, "//p:cat") as watch:
        watch.first()
        os.kill(watch.process.pid, signal.SIGSTOP)
        noise = [pack.root / "p/src" / name for name in ("one", "sub/two")]
        for number in range(limit + 10):
            os.utime(noise[number % 2])  # two files in turn: equal events in a row are merged
        pack.write("p/src/sub/two", "after the queue was full\n")
        os.kill(watch.process.pid, signal.SIGCONT)
        assert "lost" in watch.next()["changed"][0]
        assert output(pack) == "one\nafter the queue was full\n"
        pack.write("p/src/one", "and it goes on\n")
        watch.next()
        assert output(pack) == "and it goes on\nafter the queue was full\n"


def test_an_edit_while_a_build_runs_is_taken_after_it(pack):
    pack.edit("p/BUILD.yaml", "cmd: cat $SRCS > $OUT", "cmd: sleep 2; cat $SRCS > $OUT")
    with watching(pack, "-v", "//p:cat") as watch:
        watch.first()
        pack.write("p/src/one", "first\n")
        watch.until("start: genrule //p:cat")
        pack.write("p/src/one", "second\n")
        while output(pack) != "second\ntwo\n":
            watch.next()


def test_a_failure_keeps_the_last_good_output_is_told_once_and_ends_with_a_good_build(pack):
    pack.edit("p/BUILD.yaml", "cmd: cat $SRCS > $OUT", "cmd: grep -v fail $SRCS > $OUT")
    with watching(pack, "-v", "//p:cat") as watch:
        watch.first()
        good = output(pack)
        pack.write("p/src/one", "fail\n")
        pack.write("p/src/sub/two", "fail\n")
        told = watch.next()
        while not told["errors"]:  # between the two writes
            good, told = output(pack), watch.next()
        assert [error["class"] for error in told["errors"]] == ["BuildFailed"]
        assert output(pack) == good
        (pack.root / "p/src/one").touch()
        watch.until("p/src/one: nothing to do")
        pack.write("p/src/one", "mended\n")
        told = watch.next()
        assert (told["ok"], told["errors"]) == (True, [])
        assert "mended" in output(pack)


@pytest.mark.parametrize("breaks", ["targets: [", "targets:\n  cat: {rule: unknown}\n"])
def test_a_broken_build_file_is_an_error_and_not_the_end(pack, breaks):
    with watching(pack, "//p:cat") as watch:
        watch.first()
        pack.write("p/BUILD.yaml", breaks)
        assert watch.next()["errors"][0]["file"] == "p/BUILD.yaml"
        pack.write("p/BUILD.yaml", BUILD.replace("cat $SRCS", "cat $SRCS $SRCS"))
        assert watch.next()["ok"]
        assert output(pack).count("one") == 2


def test_what_is_missing_at_first_is_waited_for(ws):
    ws.write("p/BUILD.yaml", "targets: {cat: {rule: genrule, srcs: [a/b/late.txt], outs: [all.txt], cmd: cp $SRCS $OUT}}\n")
    with watching(ws, "//p:cat") as watch:
        assert watch.first()["errors"][0]["class"] == "LoadError"
        ws.write("p/a/b/late.txt", "here\n")
        told = watch.next()
        while told["errors"]:
            told = watch.next()
        assert output(ws) == "here\n"


def test_a_link_counts_with_what_it_leads_to(pack, tmp_path):
    far = tmp_path / "far/away.txt"
    far.parent.mkdir()
    far.write_text("far\n")
    (pack.root / "p/src/link").symlink_to(far)
    with watching(pack, "//p:cat") as watch:
        watch.first()
        far.write_text("farther\n")
        watch.next()
        assert "farther\n" in output(pack)


def test_a_command_follows_each_build_that_changed_an_output_and_the_last_one_is_ended_first(pack, tmp_path):
    log = tmp_path / "log"
    script = f"trap 'echo ended >> {log}; exit' TERM; echo started $LKBUILD_OUTPUTS >> {log}; while :; do sleep 0.1; done"
    with watching(pack, "//p:cat", "--exec", script) as watch:
        watch.first()
        eventually(lambda: log.exists() and "started" in log.read_text())
        pack.write("p/src/one", "1\n")
        watch.next()
        eventually(lambda: log.read_text().count("started") == 2)
        assert watch.end() == 0
    (path,) = pack.root.glob("lkbuild-out/*/p/cat/all.txt")
    assert log.read_text().splitlines() == [f"started {path}", "ended", f"started {path}", "ended"]


def test_a_formatter_that_runs_after_each_build_does_not_spin(pack, tmp_path):
    log = tmp_path / "log"
    # By rename: of a file that is cut and written again a build may see the moment between, and then there is one run more.
    script = f"for f in p/src/one p/src/sub/two; do tr A-Z a-z < $f > {tmp_path}/tmp && mv {tmp_path}/tmp $f; done; echo run >> {log}"
    with watching(pack, "-v", "//p:cat", "--exec", script) as watch:
        watch.first()
        watch.until("nothing to do")
        pack.write("p/src/one", "ONE!\n")
        watch.next()  # the edit, then what the formatter made of it
        while output(pack) != "one!\ntwo\n":
            watch.next()
        watch.until("nothing to do")
        assert watch.rounds.empty()
        eventually(lambda: log.read_text().count("run") == 3)


def group_of(number):
    """Whether a process group has members."""
    try:
        os.killpg(number, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_and_its_command_in_order(pack, tmp_path, number):
    pid = tmp_path / "pid"
    with watching(pack, "//p:cat", "--exec", f"sleep 1000 & echo $$ > {pid}.new; mv {pid}.new {pid}; wait") as watch:
        watch.first()
        eventually(pid.exists)
        assert watch.end(number) == 0
        assert not group_of(int(pid.read_text()))


def test_an_idle_watch_uses_no_processor(pack):
    with watching(pack, "//p:cat") as watch:
        watch.first()
        pack.write("p/src/one", "1\n")
        watch.next()
        pack.write("p/other.txt", "x")
        before = watch.cpu_ticks()
        time.sleep(3)  # what is looked at is that nothing happens in this time
        assert watch.rounds.empty()
        assert watch.cpu_ticks() - before < 0.3 * os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize(
    ("sysctl", "value", "says", "mends"),
    [
        ("max_inotify_watches", 2, "may watch 2 directories", "sudo sysctl user.max_inotify_watches=8192"),
        ("max_inotify_instances", 0, "may have 0 inotify instances", "sudo sysctl user.max_inotify_instances=256"),
    ],
)
def test_a_limit_of_the_kernel_is_an_error_with_numbers_and_a_command(pack, sysctl, value, says, mends):
    if subprocess.run(["unshare", "-Ur", "true"], check=False, capture_output=True).returncode:
        pytest.skip("no user namespaces")
    pack.write("q/BUILD.yaml", 'targets: {files: {rule: filegroup, srcs: {glob: ["**"]}}}\n')
    pack.write("q/a/b/c/d", "d\n")
    limited = ("unshare", "-Ur", "sh", "-c", f'echo {value} > /proc/sys/user/{sysctl} && exec "$@"', "sh", *pack.command)
    done = Workspace(pack.root, pack.cache, pack.environment, limited).lkbuild("watch", "//q:files")
    assert done.returncode == 36
    assert says in done.stderr
    assert mends in done.stderr


@pytest.mark.parametrize("arguments", [("--run", "--exec", "true"), ("--mem", "1G"), ("--check",)])
def test_what_can_not_be_obeyed_is_a_usage_error(pack, arguments):
    assert pack.lkbuild("watch", "//p:cat", *arguments).returncode == 2


def test_a_target_that_can_not_be_run_is_a_usage_error(pack):
    assert pack.lkbuild("watch", "//p:cat", "--run").returncode == 2
