"""Builds with remotes that fail them: the outcome is right, the exit code 0, and one line says what happened."""

import signal

import grpc
import pytest
from harness.reapi_server import failing

pytestmark = pytest.mark.network  # the shell of a genrule comes from the lock

DEPTH = 8


@pytest.fixture
def chain(ws):
    """A chain of DEPTH actions above a source; `fork` needs what stands in the middle."""
    lines = ["targets:", "  s0: {rule: genrule, srcs: [word.txt], outs: [s0], cmd: cat $SRCS > $OUT}"]
    lines += [
        f'  s{index}: {{rule: genrule, srcs: [":s{index - 1}"], outs: [s{index}], cmd: (cat $SRCS; echo {index}) > $OUT}}'
        for index in range(1, DEPTH)
    ]
    lines.append('  fork: {rule: genrule, srcs: [":s4", other.txt], outs: [fork], cmd: cat $SRCS > $OUT}')
    ws.write("p/BUILD.yaml", "\n".join(lines) + "\n")
    ws.write("p/word.txt", "word\n")
    ws.write("p/other.txt", "other\n")
    return ws


TOP = f"//p:s{DEPTH - 1}"
EXPECTED = "word\n" + "".join(f"{index}\n" for index in range(1, DEPTH))


@pytest.fixture
def shared(chain, server):
    """Built and published by another machine."""
    report = chain.build(TOP, f"--remote={server.url}")
    assert report.text == EXPECTED
    server.calls.clear()
    return report


@pytest.fixture
def second(chain, shared, new_store):
    return chain.beside("second", cache=new_store("second-cache"))


def lines_about(report, url):
    return [line for line in report.stderr.splitlines() if url in line]


def test_a_remote_that_is_down_costs_a_line(chain):
    report = chain.build(TOP, "--remote=grpc://127.0.0.1:1")
    assert report.counts["executed"] == DEPTH
    assert report.text == EXPECTED
    assert len(lines_about(report, "grpc://127.0.0.1:1")) == 1


def test_an_http_remote_that_is_down_costs_a_line(chain):
    report = chain.build(TOP, "--remote=http://127.0.0.1:1/cache")
    assert report.text == EXPECTED
    assert len(lines_about(report, "http://127.0.0.1:1/cache")) == 1


def test_a_remote_that_is_required_and_down_is_an_error_of_its_own(chain):
    report = chain.build(TOP, "--remote=grpc://127.0.0.1:1", "--remote-required", code=34)
    (error,) = report.errors
    assert error["class"] == "RemoteFailed"


@pytest.mark.parametrize("code", ["UNAVAILABLE", "RESOURCE_EXHAUSTED", "UNAUTHENTICATED"])
@pytest.mark.parametrize("method", ["GetCapabilities", "GetActionResult", "FindMissingBlobs", "BatchReadBlobs"])
def test_a_remote_that_answers_with_errors_costs_a_line(second, server, code, method):
    server.is_.hooks[method] = failing(grpc.StatusCode[code])
    report = second.build(TOP, f"--remote={server.url}")
    assert report.text == EXPECTED
    assert report.counts["executed"] == DEPTH
    assert len(lines_about(report, server.url)) == 1


def test_uploads_that_fail_do_not_fail_the_build(chain, server):
    server.is_.hooks["BatchUpdateBlobs"] = failing(grpc.StatusCode.RESOURCE_EXHAUSTED)
    report = chain.build(TOP, f"--remote={server.url}")
    assert report.text == EXPECTED
    assert server.results == {}
    assert len(lines_about(report, server.url)) == 1


def test_what_a_remote_has_lost_is_made_again_in_the_same_build(second, shared, server):
    """It says that it has everything: only reading tells that the output is gone."""
    server.is_.lies = True
    (digest,) = shared.digests.values()
    del server.blobs[digest.removeprefix("blake3:")]
    report = second.build(TOP, f"--remote={server.url}")
    assert report.text == EXPECTED
    assert report.executed == [f"{TOP} genrule"]
    assert digest.removeprefix("blake3:") in server.blobs  # and is shared again


def test_an_input_that_a_remote_has_lost_is_made_again(chain, second, server):
    middle = chain.build("//p:s4", "--offline").digests
    server.is_.lies = True
    del server.blobs[middle["//p:s4/s4"].removeprefix("blake3:")]
    report = second.build("//p:fork", f"--remote={server.url}")
    assert report.text == "word\n1\n2\n3\n4\nother\n"
    assert report.executed == ["//p:s4 genrule", "//p:fork genrule"]


def test_a_remote_that_has_kept_the_results_and_lost_all_blobs_is_not_believed_for_long(second, server):
    server.is_.lies = True
    server.blobs.clear()
    report = second.build(TOP, f"--remote={server.url}")
    assert report.text == EXPECTED
    assert report.counts["executed"] == DEPTH


def test_other_bytes_than_those_asked_for_are_never_taken(second, server):
    server.is_.spoil = lambda data: data.replace(b"word", b"evil")
    report = second.build(TOP, f"--remote={server.url}")
    assert report.text == EXPECTED
    assert report.counts["executed"] >= 1
    assert len(lines_about(report, server.url)) == 1
    assert not any(b"evil" in file.read_bytes() for file in second.cache.rglob("*") if file.is_file())


def test_a_server_that_swaps_results_gives_no_wrong_output(second, shared, server):
    """Every key gets the result of another: what is declared otherwise is a miss."""
    keys = list(server.results)
    server.results = dict(zip(keys, [server.results[key] for key in (*keys[1:], keys[0])], strict=True))
    report = second.build(TOP, f"--remote={server.url}", "--download=all")
    assert report.digests == shared.digests


def test_a_remote_that_dies_in_the_middle_of_a_build_is_done_without(second, server):
    server.is_.hooks["BatchReadBlobs"] = lambda request, context: server.die()
    report = second.build("//p:fork", f"--remote={server.url}")
    assert report.text == "word\n1\n2\n3\n4\nother\n"
    assert len(lines_about(report, server.url)) == 1


def test_an_interrupt_does_not_wait_for_a_remote_that_hangs(chain, server):
    """The policy would let it hang for a day."""
    chain.write("cache/cache.yaml", f"remotes:\n- url: {server.url}\n  timeout: 86400s\n  rights: [read-results, write-blobs]\n")
    asked = []

    def hang(request, context):
        asked.append(request)
        build.send_signal(signal.SIGINT)
        server.released.wait()

    server.is_.hooks["FindMissingBlobs"] = hang
    build = chain.start("build", TOP)
    stdout, stderr = build.communicate()
    assert asked
    assert stdout == "" or build.returncode == 0
    assert server.url not in stderr
    assert "Traceback" not in stderr


def test_an_interrupt_ends_a_transfer(second, server):
    second.write("cache/cache.yaml", f"remotes:\n- url: {server.url}\n  timeout: 86400s\n")
    server.is_.batch_bytes = 1  # everything is a stream
    server.is_.hang_reads = True
    server.is_.zstd = False
    server.is_.hooks["Read"] = lambda request, context: build.send_signal(signal.SIGINT)
    build = second.start("build", TOP)
    _, stderr = build.communicate()
    assert build.returncode == 8, stderr
    assert server.url not in stderr
