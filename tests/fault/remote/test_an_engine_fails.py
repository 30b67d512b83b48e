"""An engine that breaks off, forgets, loses or lies: the action comes to its result there, or is told not to be the engine's to run."""

from __future__ import annotations

import threading

import grpc
import pytest
from harness.reapi_engine import ReapiEngine, re
from harness.reapi_server import Behaviour, failing

from lkbuild.base.digest import Digest
from lkbuild.base.errors import RemoteFailed
from lkbuild.keys.manifest import encode_action, make_action
from lkbuild.model.action import ActionSpec, DeclaredOutput, EncodedAction
from lkbuild.model.ports import BlobMissing, EngineRun
from lkbuild.model.tree import File, Layout
from lkbuild.remote.address import parse_address
from lkbuild.remote.guard import Time
from lkbuild.remote.opening import Guarding, Plan, open_engine
from lkbuild.remote.tally import Tally
from lkbuild.store.disk import DiskStore

NOTHING = lambda: None  # noqa: E731
NOWHERE = lambda data: None  # noqa: E731


@pytest.fixture(params=["blake3", "sha256", "small-batches"])
def server(request):
    batch = 1 if request.param == "small-batches" else 0
    made = ReapiEngine(Behaviour(blake3=request.param == "blake3", batch_bytes=batch))
    yield made
    made.stop()


@pytest.fixture
def store(tmp_path):
    opened = DiskStore.open(tmp_path / "store")
    yield opened
    opened.close()


@pytest.fixture
def patient():
    return False


@pytest.fixture
def client(server, store, patient):
    guarding = Guarding(time=Time(sleep=lambda seconds: None))
    made = open_engine(Plan(address=parse_address(server.url)), store.blobs, Tally(), guarding, patient=patient, settled_s=0.0)
    yield made
    made.close()


@pytest.fixture
def run(client, store):
    """Runs the one action that the worker knows; gives the result."""

    def go(*, digest=None, fresh=False, cancelled=lambda: False, running=NOTHING, output=NOWHERE):
        layout = Layout({"in": File(digest or store.blobs.put_bytes(b"word\n"))})
        spec = ActionSpec(arguments=("capitals",), outputs=(DeclaredOutput("out"),))
        action, messages = make_action(spec, layout, None)
        key, own = encode_action(action)
        request = EngineRun(action=EncodedAction(key, {**messages, **own}), timeout_s=60, fresh=fresh)
        return client.run(request, cancelled=cancelled, running=running, output=output)

    return go


@pytest.fixture
def right(store):
    """Whether a result is the one that the action has."""
    return lambda result: [store.blobs.get_bytes(item.digest) for item in result.files] == [b"WORD\n"]


def status(code, message=""):
    answer = re.ExecuteResponse()
    answer.status.code, answer.status.message = code, message
    return answer


def test_an_action_comes_back_with_its_output_and_log(run, right, server):
    started = []
    result = run(running=lambda: started.append(1))
    assert right(result)
    assert (result.exit_code, result.log, result.seconds, started) == (0, b"worked\n", 2.5, [1])
    assert server.calls["Execute"] == 1


def test_what_is_there_is_not_uploaded_again(run, server):
    run()
    before = server.calls["BatchUpdateBlobs"], server.calls["Write"], server.calls["FindMissingBlobs"]
    run()
    assert (server.calls["BatchUpdateBlobs"], server.calls["Write"], server.calls["FindMissingBlobs"]) == before


def test_a_stream_that_breaks_off_is_waited_for_and_the_action_not_run_again(run, right, server):
    server.cuts = 3
    assert right(run())
    assert (server.calls["Execute"], server.calls["WaitExecution"]) == (1, 3)


def test_an_operation_that_the_engine_has_forgotten_is_asked_for_again(run, right, server):
    server.cuts, server.forgets = 2, True
    assert right(run())
    assert server.calls["Execute"] == 3


def test_inputs_that_the_engine_has_lost_go_up_again(run, right, server):
    run()
    server.blobs.clear()
    assert right(run())
    assert server.calls["Execute"] == 3


def test_an_engine_that_loses_its_inputs_each_time_is_given_up(run, server):
    server.answers = [status(9) for _ in range(100)]
    for answer in server.answers:
        answer.status.details.add(type_url="type.googleapis.com/google.rpc.PreconditionFailure", value=b"\n\x09\n\x07MISSING")
    with pytest.raises(RemoteFailed):
        run()
    assert server.calls["Execute"] < 10


@pytest.mark.parametrize("code", [8, 10, 14])
def test_an_engine_that_is_busy_is_asked_again(run, right, server, code):
    server.answers = [status(code), status(code)]
    assert right(run())
    assert server.calls["Execute"] == 3


@pytest.mark.parametrize("forgets", [True, False])
def test_an_engine_that_breaks_off_for_ever_is_given_up(run, server, forgets):
    server.cuts, server.forgets = 1000, forgets
    with pytest.raises(RemoteFailed):
        run()
    assert server.cuts > 900


def test_an_engine_that_is_busy_for_ever_is_given_up(run, server):
    server.answers = [status(14) for _ in range(100)]
    with pytest.raises(RemoteFailed):
        run()
    assert server.answers


def test_an_engine_that_does_not_take_an_action_says_why(run, server):
    server.answers = [status(13, "Unsupported ISA") for _ in range(100)]
    with pytest.raises(RemoteFailed) as caught:
        run()
    assert "Unsupported ISA" in caught.value.message
    assert server.calls["Execute"] == 2


def test_a_loss_that_is_told_as_any_failure_is_made_good(run, right, server):
    run()
    server.answers = [status(13, "Error staging")]
    server.blobs.clear()
    assert right(run())


def test_a_server_that_executes_nothing_is_no_engine(run, server):
    server.executes = False
    with pytest.raises(RemoteFailed):
        run()
    assert server.calls["Execute"] == 0


@pytest.mark.parametrize("method", ["GetCapabilities", "FindMissingBlobs", "Execute"])
@pytest.mark.parametrize("code", ["UNAVAILABLE", "PERMISSION_DENIED", "UNIMPLEMENTED"])
def test_an_engine_that_refuses_is_told_as_that(run, server, method, code):
    server.is_.hooks[method] = failing(grpc.StatusCode[code])
    with pytest.raises(RemoteFailed) as caught:
        run()
    assert code in caught.value.message


def test_an_engine_that_recovers_is_used(run, right, server):
    server.is_.hooks["Execute"] = failing(grpc.StatusCode.UNAVAILABLE, times=5)
    assert right(run())


@pytest.mark.parametrize("patient", [True])
@pytest.mark.parametrize("method", ["FindMissingBlobs", "Execute"])
def test_an_engine_that_is_all_there_is_is_waited_for(run, right, server, method):
    server.is_.hooks[method] = failing(grpc.StatusCode.UNAVAILABLE, times=30)
    assert right(run())


def test_an_output_that_the_engine_has_lost_is_made_again_afresh(run, right, server):
    def lose(result):
        if len(server.requests) == 1:
            del server.blobs[result.output_files[0].digest.hash]

    server.changes = lose
    assert right(run())
    assert [request.skip_cache_lookup for request in server.requests] == [False, True]


def test_other_bytes_than_those_named_are_never_taken(run, server, store):
    server.is_.spoil = lambda data: data.replace(b"WORD", b"EVIL")
    with pytest.raises(RemoteFailed):
        run()
    assert not store.blobs.has(Digest.of(b"EVIL\n"))


@pytest.mark.parametrize("target", ["/etc/passwd", "../out", "below/../../out"])
def test_a_tree_that_leads_out_of_itself_is_never_taken(run, server, target):
    tree = re.Tree()
    tree.root.symlinks.add(name="link", target=target)
    server.changes = lambda result: result.output_directories.add(path="tree", tree_digest=server.put(tree.SerializeToString()))
    with pytest.raises(RemoteFailed):
        run()


def test_a_tree_is_rebuilt_under_our_names(run, server, store, tmp_path):
    (tmp_path / "t/a/b").mkdir(parents=True)
    (tmp_path / "t/a/b/f").write_text("bytes\n")
    (tmp_path / "t/a/link").symlink_to("b/f")
    leaf, middle, tree = re.Directory(), re.Directory(), re.Tree()
    leaf.files.add(name="f", digest=server.put(b"bytes\n"))
    leaf.node_properties.mtime.seconds = 1  # what a worker may say beside
    middle.directories.add(name="b", digest=server.put(leaf.SerializeToString()))
    middle.symlinks.add(name="link", target="b/f")
    tree.root.directories.add(name="a", digest=server.put(middle.SerializeToString()))
    tree.children.extend([middle, leaf])
    server.changes = lambda result: result.output_directories.add(path="tree", tree_digest=server.put(tree.SerializeToString()))
    (made,) = run().trees
    assert made.root == store.blobs.put_tree(tmp_path / "t")


def test_links_are_told_as_outputs_that_no_result_can_hold(run, server):
    server.changes = lambda result: result.output_symlinks.add(path="link", target="out")
    assert run().strays == ("link",)


def test_of_a_command_that_failed_only_the_log_comes(run, server):
    def fail(result):
        result.exit_code = 3
        del server.blobs[result.output_files[0].digest.hash]

    server.changes = fail
    result = run()
    assert (result.exit_code, result.files, result.log) == (3, (), b"worked\n")


def test_what_was_remembered_counts_only_where_it_may(run, server):
    run()
    run(fresh=True)
    assert [request.skip_cache_lookup for request in server.requests] == [False, True]


def test_a_time_limit_is_a_reason_and_no_fault(run, server):
    server.answers = [status(4)]
    assert run().reason is not None


def test_what_is_cancelled_in_the_queue_is_cancelled_there(run, server):
    server.start.clear()
    with pytest.raises(RemoteFailed):
        run(cancelled=lambda: bool(server.requests))
    assert server.cancelled == ["operations/0"]


class Ear:
    """Hears what a command writes; its test waits for a word of it."""

    def __init__(self):
        self.heard, self._came = b"", threading.Condition()

    def __call__(self, data):
        with self._came:
            self.heard += data
            self._came.notify_all()

    def wait_for(self, word):
        with self._came:
            assert self._came.wait_for(lambda: word in self.heard, 60)


@pytest.fixture
def talking(run, right, server):
    """A command that runs and whose output can be heard; at its end the whole of it was heard, each byte once."""
    server.streams = True
    server.ends.clear()
    ear, results = Ear(), []
    thread = threading.Thread(target=lambda: results.append(run(output=ear)))
    thread.start()
    yield ear
    server.ends.set()
    thread.join()
    (result,) = results
    assert right(result)
    assert ear.heard == result.log == bytes(server.log)


def test_what_a_command_writes_is_heard_while_it_runs(talking, server):
    server.write(b"one\n")
    talking.wait_for(b"one\n")
    server.write(b"two\n")
    talking.wait_for(b"two\n")
    server.write(b"the end, which nobody waits for\n")


def test_a_log_that_breaks_off_is_gone_on_with_where_it_was(talking, server):
    server.breaks = 1
    server.write(b"one\n")
    talking.wait_for(b"one\n")
    server.write(b"two\n")
    talking.wait_for(b"two\n")


@pytest.mark.parametrize("code", ["NOT_FOUND", "UNIMPLEMENTED", "PERMISSION_DENIED"])
def test_a_log_that_can_not_be_heard_comes_at_the_end(talking, server, code):
    asked = threading.Event()

    def refuse(request, context):
        if request.resource_name.endswith("/stdout"):
            asked.set()
            context.abort(grpc.StatusCode[code], "no log for you")

    server.is_.hooks["Read"] = refuse
    server.write(b"one\n")
    asked.wait(60)


def test_a_log_comes_at_the_end_from_an_engine_that_has_no_other(run, server):
    ear = Ear()
    assert ear.heard == b""
    assert run(output=ear).log == ear.heard == b"worked\n"


def test_an_engine_that_speaks_too_old_a_version_is_none(run, server):
    server.version = (2, 0)
    with pytest.raises(RemoteFailed) as caught:
        run()
    assert "2.0" in caught.value.message
    assert server.calls["Execute"] == 0


def test_who_waits_no_more_does_not_wait_for_the_upload(run, right, server):
    entered, leave = threading.Event(), threading.Event()
    method = "Write" if server.is_.batch_bytes else "BatchUpdateBlobs"
    server.is_.hooks[method] = lambda request, context: entered.set() or leave.wait(60)
    results = []
    first = threading.Thread(target=lambda: results.append(run()))
    first.start()
    entered.wait(60)
    with pytest.raises(RemoteFailed):
        run(cancelled=lambda: True)
    leave.set()
    first.join()
    assert [right(result) for result in results] == [True]
    assert server.calls["Execute"] == 1


def test_an_upload_ends_with_who_waited_for_it(run, server):
    server.is_.batch_bytes = 1
    with pytest.raises(RemoteFailed):
        run(cancelled=lambda: server.calls["Write"] > 0)
    assert (server.calls["Write"], server.calls["Execute"]) == (1, 0)


def test_actions_that_wait_for_an_upload_go_up_together(run, client, store, server):
    entered, leave = threading.Event(), threading.Event()
    server.is_.hooks["FindMissingBlobs"] = lambda request, context: entered.set() or leave.wait(60)
    inputs = [store.blobs.put_bytes(f"word {number}\n".encode()) for number in range(8)]
    results = []
    threads = [threading.Thread(target=lambda digest=digest: results.append(run(digest=digest))) for digest in inputs]
    threads[0].start()
    entered.wait(60)
    for thread in threads[1:]:
        thread.start()
    while client.uploads.waiting() < len(inputs) - 1:
        pass
    leave.set()
    for thread in threads:
        thread.join()
    outputs = {store.blobs.get_bytes(item.digest) for result in results for item in result.files}
    assert outputs == {f"WORD {number}\n".encode() for number in range(8)}
    assert (server.calls["FindMissingBlobs"], server.calls["Execute"]) == (2, 8)


def test_a_lost_input_of_ours_is_not_the_engines_fault(run):
    with pytest.raises(BlobMissing):
        run(digest=Digest.of(b"never stored"))


def test_actions_at_once_upload_what_they_share_once(run, right, server):
    threads = [threading.Thread(target=lambda: results.append(run())) for _ in range(8)]
    results = []
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(map(right, results))
    assert len(results) == 8
    assert server.calls["FindMissingBlobs"] == 1
