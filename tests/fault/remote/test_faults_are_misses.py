"""Whatever a remote does, the answer is a miss, right bytes, or nothing; and one line says what happened."""

from __future__ import annotations

import threading

import grpc
import pytest
from harness.actions import LARGE, OUTPUTS, SMALL, make_publication
from harness.reapi_server import failing, hanging

from lkbuild.base.digest import Digest
from lkbuild.base.errors import RemoteFailed
from lkbuild.remote import compression, messages, reapi
from lkbuild.remote.cache import Complaints, Remotes
from lkbuild.remote.names import Name
from lkbuild.remote.peer import Rights

UNAVAILABLE = grpc.StatusCode.UNAVAILABLE


@pytest.fixture
def published(new_machine, server, tmp_path):
    machine = new_machine("theirs", server.url)
    publication = make_publication(machine.store.blobs, tmp_path / "made")
    machine.remotes.publish(publication)
    machine.remotes.close()
    assert machine.told == []
    server.calls.clear()
    return publication


@pytest.fixture
def ours(new_machine, server, published):
    return new_machine("ours", server.url, quiet_s=1.0)


def find(machine, published):
    return machine.remotes.find_recipes({published.recipe: OUTPUTS})


def large(published):
    return published.result.output("out/large").digest


def small(published):
    return published.result.output("out/small").digest


@pytest.mark.parametrize("method", ["GetCapabilities", "GetActionResult", "FindMissingBlobs"])
@pytest.mark.parametrize(
    "code",
    ["UNAVAILABLE", "RESOURCE_EXHAUSTED", "UNAUTHENTICATED", "PERMISSION_DENIED", "INTERNAL", "INVALID_ARGUMENT", "UNIMPLEMENTED"],
)
def test_an_error_of_any_kind_is_a_miss_told_once(ours, server, published, method, code):
    server.is_.hooks[method] = failing(grpc.StatusCode[code], "injected\n\x1b[31m" + "x" * 1000)
    assert find(ours, published) == {}
    assert find(ours, published) == {}
    (line,) = ours.told
    assert code in line
    assert server.url in line
    assert len(line) < 250
    assert line.isprintable()


def test_what_is_unavailable_for_a_moment_is_found(ours, server, published):
    server.is_.hooks["GetActionResult"] = failing(UNAVAILABLE, times=2)
    assert set(find(ours, published)) == {published.recipe}
    assert ours.told == []


def test_a_server_that_is_down_is_asked_no_more(ours, server, published):
    server.stop()
    assert find(ours, published) == {}
    before = ours.tally.requests
    assert find(ours, published) == {}
    assert ours.remotes.bring({small(published)}, ()) == {small(published)}
    assert ours.tally.requests == before
    assert len(ours.told) == 1


def test_a_server_that_never_answers_is_given_up(ours, server, published):
    server.is_.hooks["GetActionResult"] = hanging(server)
    assert find(ours, published) == {}
    assert len(ours.told) == 1


def test_a_transfer_that_hangs_in_the_middle_is_given_up(ours, server, published):
    find(ours, published)
    server.is_.hang_reads = True
    server.is_.zstd = False
    assert ours.remotes.bring({large(published)}, ()) == {large(published)}
    assert len(ours.told) == 1
    assert not ours.store.blobs.has(large(published))


def test_a_download_that_breaks_off_goes_on_where_it_was(ours, server, published):
    find(ours, published)
    server.is_.cut_reads_after, server.is_.cuts = 200_000, 10
    read = []
    server.is_.hooks["Read"] = lambda request, context: read.append(request.read_offset)
    assert ours.remotes.bring({large(published)}, ()) == set()
    assert ours.store.blobs.get_bytes(large(published)) == LARGE
    assert read[0] == 0
    assert read == sorted(set(read))
    assert ours.told == []


def test_an_upload_that_breaks_off_goes_on_where_it_was(new_machine, server, tmp_path):
    server.is_.zstd = False
    server.is_.cut_writes_after, server.is_.cuts = 2_000_000, 2
    began = []
    server.is_.hooks["Write"] = lambda request, context: began.append(request.write_offset)
    machine = new_machine("theirs", server.url)
    publication = make_publication(machine.store.blobs, tmp_path / "made")
    machine.remotes.publish(publication)
    machine.remotes.close()
    assert machine.told == []
    assert server.calls["QueryWriteStatus"] == 2
    assert server.blobs[large(publication).hash] == LARGE
    assert 0 == began[0] < began[1] < began[2]


def test_a_result_whose_blobs_are_lost_is_a_miss(ours, server, published):
    del server.blobs[small(published).hash]
    assert find(ours, published) == {}
    assert ours.told == []


def test_a_blob_that_is_lost_after_all_is_missing(ours, server, published):
    server.is_.lies = True
    del server.blobs[small(published).hash], server.blobs[large(published).hash]
    assert set(find(ours, published)) == {published.recipe}
    both = {small(published), large(published)}
    assert ours.remotes.bring(both, ()) == both


def test_a_tree_that_has_lost_a_file_is_missing(ours, server, published):
    find(ours, published)
    root = published.result.output("out/tree").root
    lost = max(server.blobs, key=lambda name: len(server.blobs[name]) if len(server.blobs[name]) == 100_000 else 0)
    kept = server.blobs.pop(lost)
    assert ours.remotes.bring((), (root,)) == {root}
    server.blobs[lost] = kept
    assert ours.remotes.bring((), (root,)) == set()


SPOILT = {
    "flipped": lambda data: bytes((data[0] ^ 1,)) + data[1:],
    "shorter": lambda data: data[:-1],
    "longer": lambda data: data + b"x",
    "none": lambda data: b"",
    "bomb": lambda data: bytes(32 << 20),
}


@pytest.mark.parametrize("spoil", SPOILT)
@pytest.mark.parametrize("zstd", [True, False])
def test_other_bytes_are_never_taken(new_machine, server, published, spoil, zstd):
    server.is_.zstd = zstd
    machine = new_machine("ours", server.url)
    find(machine, published)
    server.is_.spoil = SPOILT[spoil]
    wanted = {small(published), large(published)}
    root = published.result.output("out/tree").root
    assert machine.remotes.bring(wanted, (root,)) == {*wanted, root}
    assert not any(map(machine.store.blobs.has, wanted))
    assert len(machine.told) == 1
    server.is_.spoil = None
    assert machine.remotes.bring(wanted, (root,)) == set()


def test_a_server_that_refuses_results_still_gives_them(new_machine, server, published, tmp_path):
    server.is_.hooks["UpdateActionResult"] = failing(grpc.StatusCode.PERMISSION_DENIED)
    machine = new_machine("partner", server.url)
    other = make_publication(machine.store.blobs, tmp_path / "other", name="other")
    machine.remotes.publish(other)
    machine.remotes._publishers[0].close(lambda: None)
    machine.remotes.publish(other)
    machine.remotes._publishers[0].close(lambda: None)
    assert server.calls["UpdateActionResult"] <= 2
    assert len(machine.told) == 1
    assert set(find(machine, published)) == {published.recipe}


def test_a_result_is_published_after_what_it_names_or_not_at_all(new_machine, server, tmp_path):
    server.is_.hooks["BatchUpdateBlobs"] = failing(grpc.StatusCode.RESOURCE_EXHAUSTED)
    machine = new_machine("theirs", server.url)
    machine.remotes.publish(make_publication(machine.store.blobs, tmp_path / "made"))
    machine.remotes.close()
    assert server.calls["UpdateActionResult"] == 0
    assert len(machine.told) == 1


@pytest.mark.parametrize(
    ("rights", "expected"),
    [
        (Rights(read_results=False), "GetActionResult"),
        (Rights(read_blobs=False), "BatchReadBlobs"),
        (Rights(write_results=False), "UpdateActionResult"),
        (Rights(write_blobs=False, write_results=False), "BatchUpdateBlobs"),
    ],
    ids=str,
)
def test_what_we_have_no_right_to_is_not_asked_for(new_machine, server, published, tmp_path, rights, expected):
    machine = new_machine("ours", server.url, rights)
    find(machine, published)
    machine.remotes.bring({small(published)}, ())
    machine.remotes.publish(make_publication(machine.store.blobs, tmp_path / "more", name="more"))
    machine.remotes.close()
    assert server.calls[expected] == 0
    assert machine.told == []


def test_who_requires_a_remote_gets_an_error(ours, server, published):
    complaints = Complaints()
    ours.peer.guard._tell = complaints.add
    required = Remotes([ours.peer], ours.store.blobs, [ours.tally], complaints)
    server.is_.hooks["GetActionResult"] = failing(UNAVAILABLE)
    with pytest.raises(RemoteFailed):
        required.find_recipes({published.recipe: OUTPUTS})


def test_small_blobs_come_in_batches_that_the_server_takes(new_machine, server, published):
    server.is_.batch_bytes = 64 << 10
    machine = new_machine("ours", server.url)
    result = find(machine, published)[published.recipe].result
    assert machine.remotes.bring({item.digest for item in result.files}, [item.root for item in result.trees]) == set()
    assert machine.store.blobs.get_bytes(small(published)) == SMALL
    assert machine.told == []


def test_an_upload_of_batches_that_breaks_off_sends_the_rest(new_machine, server, tmp_path, monkeypatch):
    monkeypatch.setattr(reapi, "HEAVY_WINDOW", 1)  # one at a time: a server may see those that are under way in any order
    asked = []

    def failing_at_the_second(request, context):
        asked.append([item.digest.hash for item in request.requests])
        if len(asked) == 2:
            context.abort(UNAVAILABLE, "injected")

    server.is_.batch_bytes = 1000
    server.is_.hooks["BatchUpdateBlobs"] = failing_at_the_second
    machine = new_machine("theirs", server.url)
    machine.remotes.publish(make_publication(machine.store.blobs, tmp_path / "made"))
    machine.remotes.close()
    assert machine.told == []
    assert len(server.results) == 2
    sent = [name for number, batch in enumerate(asked) for name in batch if number != 1]
    assert len(asked) > 3
    assert sent.count(asked[0][0]) == 1
    assert set(asked[1]) <= set(sent)


def test_a_download_of_batches_that_breaks_off_asks_for_the_rest(ours, server, published):
    log = find(ours, published)[published.recipe].result.log
    asked = []

    def failing_once_for_the_log(request, context):
        # By name: both batches are under way at once, and a server may see either first.
        names = [digest.hash for digest in request.digests]
        asked.extend(names)
        if asked.count(log.hash) == 1 and log.hash in names:
            context.abort(UNAVAILABLE, "injected")

    ours.peer.client.batch_bytes = len(SMALL) + 150  # one of them with its name, not both
    server.is_.hooks["BatchReadBlobs"] = failing_once_for_the_log
    assert ours.peer.fetch((small(published), log)) == {small(published), log}
    assert ours.told == []
    assert sorted(asked) == sorted((small(published).hash, log.hash, log.hash))


def test_a_blob_that_was_not_asked_for_is_not_unpacked(ours, published, monkeypatch):
    find(ours, published)
    bomb = messages.BlobAnswer(Name(Digest(Digest.of(b"x").hash, 1 << 40)), messages.OK, data=b"frame", compressor=messages.ZSTD)
    parse, restore, unpacked = messages.parse_reads, compression.restore, []
    monkeypatch.setattr(messages, "parse_reads", lambda data: iter([bomb, *parse(data)]))
    monkeypatch.setattr(compression, "restore", lambda data, size: unpacked.append(size) or restore(data, size))
    assert ours.remotes.bring({small(published)}, ()) == set()
    assert unpacked == [small(published).size]


def test_who_waits_for_uploads_is_told(new_machine, server, tmp_path):
    told = threading.Event()
    server.is_.hooks["FindMissingBlobs"] = lambda request, context: told.wait()
    machine = new_machine("theirs", server.url)
    machine.remotes.publish(make_publication(machine.store.blobs, tmp_path / "made"))
    machine.remotes.close(told.set)
    assert told.is_set()
    assert len(server.results) == 2
