"""Where commands run: on an engine, here, or on either; the result is the same, and a build never fails for an engine's sake."""

import signal
import subprocess

import pytest
from harness.casd import engine
from harness.host_root import began, end_until, new_marker, over
from harness.workspace import as_report

pytestmark = pytest.mark.network  # the shell of a genrule comes from the lock

BUILD = """targets:
  upper: {rule: genrule, srcs: [word.txt], outs: [upper], cmd: tr a-z A-Z < $SRCS > $OUT}
  twice: {rule: genrule, srcs: [":upper"], outs: [twice], cmd: cat $SRCS $SRCS > $OUT}
  fails: {rule: genrule, srcs: [":upper"], outs: [fails], cmd: echo oh; exit 3}
"""

SLOW = """targets:
  slow: {rule: genrule, srcs: [seconds.txt], outs: [slow], cmd: "sleep $(cat $SRCS) & echo x > $OUT; wait"}
"""


@pytest.fixture
def p(ws):
    ws.write("p/BUILD.yaml", BUILD)
    ws.write("p/word.txt", "word\n")
    return ws


@pytest.fixture
def url(tmp_path):
    with engine(tmp_path / "engine") as address:
        yield address


def about(report, url):
    return [line for line in report.stderr.splitlines() if url in line]


def test_commands_run_on_the_engine_and_builtins_here(p, url, tmp_path, new_store):
    here = p.beside("here", cache=new_store("here-cache")).build("//p:twice")
    report = p.build("//p:twice", "--strategy=remote", f"--remote={url}", "--remote-required")
    assert report.executed == here.executed
    assert report.keys == here.keys
    assert report.digests == here.digests
    assert report.text == "WORD\nWORD\n"
    assert report.told["remote"]["bytes_up"] > 0


def test_what_ran_on_an_engine_is_a_hit_for_the_sandbox_and_the_other_way_round(p, url):
    p.build("//p:upper", "--strategy=remote", f"--remote={url}")
    assert p.build("//p:twice").executed == ["//p:twice genrule"]
    assert p.build("//p:twice", "--strategy=remote", f"--remote={url}").executed == []


def test_what_was_built_here_is_built_there_to_the_same_bits(p, url):
    p.build("//p:twice")
    report = p.build("//p:twice", "//p:upper", "--check", "--strategy=remote", f"--remote={url}", "--remote-required")
    assert [name for name in sorted(report.executed) if name.startswith("//p")] == ["//p:twice genrule", "//p:upper genrule"]


def test_either_gives_the_same(p, url):
    report = p.build("//p:twice", "--strategy=dynamic", f"--remote={url}")
    assert report.text == "WORD\nWORD\n"


def test_a_failure_there_is_a_failure(p, url):
    report = p.build("//p:fails", "--strategy=remote", f"--remote={url}", code=1)
    (error,) = report.errors
    assert (error["class"], error["label"], error["line"]) == ("BuildFailed", "//p:fails", 4)
    assert "oh" in report.stderr.split()


@pytest.mark.parametrize("strategy", ["remote", "dynamic"])
def test_where_the_engine_is_down_commands_run_here(p, strategy):
    report = p.build("//p:twice", f"--strategy={strategy}", "--remote=grpc://127.0.0.1:1")
    assert report.text == "WORD\nWORD\n"
    assert about(report, "grpc://127.0.0.1:1")


def test_an_engine_that_is_required_and_down_is_an_error(p):
    report = p.build("//p:twice", "--strategy=remote", "--remote=grpc://127.0.0.1:1", "--remote-required", code=34)
    assert {error["class"] for error in report.errors} == {"RemoteFailed"}


@pytest.mark.parametrize("arguments", [(), ("--remote=off",), ("--remote=http://127.0.0.1:1/cache",)])
def test_without_an_engine_there_is_nothing_to_run_on(p, arguments):
    report = p.build("//p:twice", "--strategy=remote", *arguments, code=2)
    assert [error["class"] for error in report.errors] == ["UsageError"]


def test_a_policy_says_who_executes_and_on_which_workers(p, url):
    policy = (
        "remotes:\n- {{url: '{url}', rights: [read-blobs, execute], platform: {{OSFamily: {system}, unixUID: 1000}}, worker_cpus: 3}}\n"
    )
    p.write("cache/cache.yaml", policy.format(url=url, system="linux"))
    p.write("p/BUILD.yaml", "targets:\n  cpus: {rule: genrule, outs: [cpus], cmd: echo $LKBUILD_CPUS > $OUT}\n")
    assert p.build("//p:cpus", "--strategy=remote", "--remote-required").text == "3\n"
    p.write("cache/cache.yaml", policy.format(url=url, system="plan9"))
    p.write("p/BUILD.yaml", "targets:\n  cpus: {rule: genrule, outs: [cpus], cmd: echo again $LKBUILD_CPUS > $OUT}\n")
    report = p.build("//p:cpus", "--strategy=remote", "--remote-required", code=34)
    assert "plan9" in report.stderr


@pytest.fixture
def slow(p):
    """A command that runs until somebody looks for it, and the marker of its process."""
    marker = new_marker()
    p.write("p/seconds.txt", marker)  # in no other command line than that of the one process
    p.write("p/BUILD.yaml", SLOW)
    return marker


def test_an_engine_that_dies_in_the_middle_of_an_action_is_done_without(p, slow, tmp_path):
    with engine(tmp_path / "engine") as url:
        build = p.start("build", "--json", "//p:slow", "--strategy=remote", f"--remote={url}")
        began(slow, build)
    report = done(slow, build)
    assert report.text == "x\n"
    assert about(report, url)


def done(marker, build):
    """The report of a build whose command goes on once the marker's process is ended."""
    end_until(lambda: build.poll() is not None, marker)
    stdout, stderr = build.communicate()
    return as_report(subprocess.CompletedProcess([], build.returncode, stdout, stderr), 0)


def test_an_engine_that_is_started_again_in_the_middle_of_an_action_runs_it_again(p, slow, tmp_path):
    with engine(tmp_path / "engine") as url:
        build = p.start("build", "--json", "//p:slow", "--strategy=remote", f"--remote={url}", "--remote-required")
        began(slow, build)
    (tmp_path / "engine/casd.sock").unlink(missing_ok=True)
    with engine(tmp_path / "engine"):
        assert done(slow, build).text == "x\n"


def test_an_interrupt_ends_what_runs_there(p, slow, url):
    build = p.start("build", "//p:slow", "--strategy=remote", f"--remote={url}")
    began(slow, build)
    build.send_signal(signal.SIGINT)
    _, stderr = build.communicate()
    assert build.returncode == 8, stderr
    over(slow)


def test_a_blob_that_the_engine_has_lost_goes_up_again(p, tmp_path):
    with engine(tmp_path / "engine") as url:
        p.build("//p:upper", "--strategy=remote", f"--remote={url}", "--remote-required")
    for file in (tmp_path / "engine/data/cas/objects").rglob("*"):
        if file.is_file():
            file.unlink()
    with engine(tmp_path / "engine") as url:
        report = p.build("//p:twice", "--strategy=remote", f"--remote={url}", "--remote-required")
    assert report.text == "WORD\nWORD\n"
    assert report.executed == ["//p:twice genrule"]
