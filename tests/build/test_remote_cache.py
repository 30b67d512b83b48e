"""What others have built is not built again: the real command with real remote caches."""

import json
import shutil

import pytest
from harness.casd import casd
from harness.http_cache import HttpCache
from harness.reapi_server import Behaviour, ReapiServer
from prometheus_client.parser import text_string_to_metric_families

pytestmark = pytest.mark.network  # the shell of a genrule comes from the lock

CHAIN = """\
targets:
  upper: {rule: genrule, srcs: [word.txt], outs: [upper], cmd: tr a-z A-Z < $SRCS > $OUT}
  twice: {rule: genrule, srcs: [":upper"], outs: [twice], cmd: cat $SRCS $SRCS > $OUT}
  both: {rule: genrule, srcs: [":twice", other.txt], outs: [both], cmd: cat $SRCS > $OUT}
"""


@pytest.fixture
def chain(ws):
    ws.write("p/BUILD.yaml", CHAIN)
    ws.write("p/word.txt", "word\n")
    ws.write("p/other.txt", "other\n")
    return ws


@pytest.fixture(params=["casd", "blake3", "http"])
def url(request, tmp_path):
    match request.param:
        case "casd":
            with casd(tmp_path / "casd") as address:
                yield address
        case "blake3":
            server = ReapiServer()
            yield server.url
            server.stop()
        case _:
            cache = HttpCache()
            yield cache.url
            cache.stop()


@pytest.fixture
def server():
    made = ReapiServer()
    yield made
    made.stop()


@pytest.fixture
def elsewhere(chain, new_store):
    """Makes another machine with the same files and a store that nothing was built into."""
    return lambda name: chain.beside(name, cache=new_store(f"{name}-cache"))


def test_a_machine_without_a_store_builds_nothing_that_another_has_built(chain, elsewhere, url):
    first = chain.build("//p:both", f"--remote={url}")
    assert first.counts["executed"] == 3
    assert first.told["remote"]["bytes_up"] > 0
    second = elsewhere("second").build("//p:both", f"--remote={url}")
    assert second.executed == []
    assert second.counts["remote_hit"] == 1
    assert second.digests == first.digests
    assert second.text == first.text
    assert second.told["remote"]["round_trips"] < 10
    assert second.stderr.count("\n") == 1, second.stderr


def test_what_came_from_a_remote_is_local_afterwards(chain, elsewhere, url):
    chain.build("//p:both", f"--remote={url}")
    second = elsewhere("second")
    second.build("//p:both", f"--remote={url}")
    shutil.rmtree(second.root / "lkbuild-out")
    again = second.build("//p:both", "--offline")
    assert again.executed == []
    assert again.text == "WORD\nWORD\nother\n"


def test_only_what_differs_is_built_on_what_others_have(chain, elsewhere, url):
    chain.build("//p:both", f"--remote={url}")
    second = elsewhere("second")
    second.write("p/other.txt", "another\n")
    after = second.build("//p:both", f"--remote={url}")
    assert after.executed == ["//p:both genrule"]
    assert after.counts["remote_hit"] >= 1
    assert after.text.endswith("another\n")


def test_a_rebuild_to_the_same_bytes_stops_at_what_others_have(chain, elsewhere, server):
    chain.build("//p:both", f"--remote={server.url}")
    second = elsewhere("second")
    second.edit("p/BUILD.yaml", "cat $SRCS $SRCS > $OUT", "cat $SRCS $SRCS > $OUT && true")
    after = second.build("//p:both", f"--remote={server.url}")
    assert after.executed == ["//p:twice genrule"]
    assert after.counts["remote_hit"] >= 1


def test_the_inputs_of_what_is_built_are_all_that_is_downloaded(chain, elsewhere, server):
    chain.build("//p:both", f"--remote={server.url}")
    read = []
    server.is_.hooks["BatchReadBlobs"] = lambda request, context: read.extend(digest.hash for digest in request.digests)
    second = elsewhere("second")
    second.write("p/other.txt", "another\n")
    report = second.build("//p:both", f"--remote={server.url}")
    twice = second.build("//p:twice", f"--remote={server.url}").told["targets"][0]["outputs"][0]["digest"]
    upper = chain.build("//p:upper").told["targets"][0]["outputs"][0]["digest"]
    assert report.executed == ["//p:both genrule"]
    assert twice.removeprefix("blake3:") in read
    assert upper.removeprefix("blake3:") not in read


def test_nothing_is_downloaded_where_nothing_is_wanted(chain, elsewhere, server):
    chain.build("//p:both", f"--remote={server.url}")
    server.calls.clear()
    second = elsewhere("second")
    report = second.build("//p:both", f"--remote={server.url}", "--download=none")
    assert report.counts["remote_hit"] == 1
    assert report.paths == []
    assert server.calls["BatchReadBlobs"] + server.calls["Read"] == 0
    assert second.build("//p:both", f"--remote={server.url}").text.endswith("other\n")


def test_everything_is_downloaded_where_everything_is_wanted(chain, elsewhere, server):
    chain.build("//p:both", f"--remote={server.url}")
    second = elsewhere("second")
    second.write("p/other.txt", "another\n")
    second.build("//p:both", f"--remote={server.url}", "--download=all")
    assert second.build("//p:twice", "--offline").executed == []


def test_a_policy_names_remotes_and_what_may_be_done_there(chain, elsewhere, server):
    policy = f"remotes:\n- url: {server.url}\n  rights: [read-blobs, read-results]\n"
    chain.write("cache/cache.yaml", policy)
    assert chain.build("//p:both").counts["executed"] == 3
    assert server.results == {}
    chain.write("cache/cache.yaml", policy.replace("read-results]", "read-results, write-blobs, write-results]"))
    chain.edit("p/word.txt", "word", "sword")
    chain.build("//p:both")
    assert server.results
    second = elsewhere("second").build("//p:both")
    assert second.executed == []
    assert elsewhere("third").build("//p:both", "--remote=off").counts["executed"] == 3


def test_remotes_are_asked_in_order(chain, elsewhere, server, tmp_path):
    near = ReapiServer(Behaviour(blake3=False))
    try:
        chain.build("//p:both", f"--remote={server.url}")
        second = elsewhere("second").build("//p:both", f"--remote={near.url}", f"--remote={server.url}")
        assert second.executed == []
        assert near.calls["GetActionResult"] == 1
    finally:
        near.stop()


def test_an_event_file_says_what_went_over_the_wire(chain, server):
    chain.build("//p:both", f"--remote={server.url}", "--events=events.json")
    last = (chain.root / "events.json").read_text(encoding="utf-8").splitlines()[-1]
    assert json.loads(last)["remote"]["bytes_up"] > 0


def test_each_remote_is_counted_in_the_report_the_summary_the_events_and_the_metrics(chain, elsewhere, url, server):
    remotes = (f"--remote={server.url}", f"--remote={url}")
    chain.build("//p:both", f"--remote={url}")
    second = elsewhere("second")
    second.write("p/other.txt", "another\n")
    report = second.build("//p:both", *remotes, "--events=events.json", "--metrics=lkbuild.prom")
    near, far = report.told["remote"]["remotes"]
    assert (near["url"], far["url"]) == (server.url, url)
    assert near["hits"] == 0
    assert near["misses"] >= far["misses"] > 0
    assert far["hits"] >= report.counts["remote_hit"] > 0  # more is asked for at once than turns out to be needed
    assert near["requests"] + far["requests"] == report.told["remote"]["round_trips"]
    assert 0 < far["answers"] <= far["requests"]
    assert far["answer_s"] > 0
    assert f"{far['hits']} of {near['misses'] + far['misses'] + far['hits']} results" in report.stderr
    last = (second.root / "events.json").read_text(encoding="utf-8").splitlines()[-1]
    assert json.loads(last)["remote"] == report.told["remote"]
    families = text_string_to_metric_families((second.root / "lkbuild.prom").read_text(encoding="utf-8"))
    samples = {
        (item.name, item.labels.get("remote"), item.labels.get("outcome")): item.value for family in families for item in family.samples
    }
    assert samples["lkbuild_remote_results_total", url, "hit"] == far["hits"]
    assert samples["lkbuild_remote_results_total", server.url, "miss"] == near["misses"]
    assert samples["lkbuild_remote_received_bytes_total", url, None] == far["bytes_down"]
    assert samples["lkbuild_builds_total", None, "success"] == 1


def test_a_remote_that_is_not_there_is_counted_as_failures(chain):
    report = chain.build("//p:both", "--remote=grpc://127.0.0.1:1")
    (peer,) = report.told["remote"]["remotes"]
    assert peer["failures"] > 0
    assert peer["hits"] == 0


def test_a_build_with_nothing_to_do_is_counted_too(chain):
    for _ in range(2):
        chain.build("//p:both", "--metrics=lkbuild.prom")
    text = (chain.root / "lkbuild.prom").read_text(encoding="utf-8")
    assert 'lkbuild_builds_total{outcome="success"} 2' in text


def test_what_a_remote_had_can_be_checked(chain, elsewhere, server):
    chain.build("//p:both", f"--remote={server.url}")
    report = elsewhere("second").build("//p:both", f"--remote={server.url}", "--check")
    assert report.errors == []
    assert report.text == "WORD\nWORD\nother\n"


def test_a_dry_run_knows_what_others_have_built(chain, elsewhere, server):
    chain.build("//p:both", f"--remote={server.url}")
    report = elsewhere("second").build("//p:both", f"--remote={server.url}", "--dry-run")
    assert report.states == {"//p:both": "up_to_date"}


@pytest.mark.parametrize("url", ["ftp://host", "grpc://", "host:80", "grpc://h:port", "grpc://host/blobs", "grpc://me@host"])
def test_a_url_that_is_none_is_a_usage_error(chain, url):
    assert chain.lkbuild("build", "//p:both", f"--remote={url}").returncode == 2
