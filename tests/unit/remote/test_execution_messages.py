"""Messages of the Execution service, against generated ones; and that no bytes of a server are worse than Misbehaved."""

import contextlib

import pytest
from buildstream._protos.build.bazel.remote.execution.v2 import remote_execution_pb2 as re
from buildstream._protos.google.longrunning import operations_pb2 as operations
from hypothesis import given
from hypothesis import strategies as st

from lkbuild.base.digest import Digest
from lkbuild.remote import execution_messages as ours
from lkbuild.remote.faults import Misbehaved
from lkbuild.remote.names import Name

HASH = "ab" * 32
digests = st.integers(min_value=1, max_value=1 << 40).map(lambda size: re.Digest(hash=HASH, size_bytes=size))
paths = st.from_regex(r"[a-z]{1,5}(/[a-z]{1,5})?", fullmatch=True)
results = st.builds(
    re.ActionResult,
    output_files=st.lists(st.builds(re.OutputFile, path=paths, digest=digests, is_executable=st.booleans())),
    output_directories=st.lists(st.builds(re.OutputDirectory, path=paths, tree_digest=digests)),
    output_symlinks=st.lists(st.builds(re.OutputSymlink, path=paths, target=paths)),
    exit_code=st.integers(min_value=-(1 << 31), max_value=(1 << 31) - 1),
    stdout_digest=digests,
    stderr_raw=st.binary(min_size=1),
)


def name(digest):
    return Name(Digest(digest.hash, digest.size_bytes))


@given(st.text(), digests, st.booleans())
def test_a_request_is_the_message(instance, digest, fresh):
    theirs = re.ExecuteRequest.FromString(ours.execute_request(instance, name(digest), 9, fresh=fresh))
    assert theirs == re.ExecuteRequest(instance_name=instance, action_digest=digest, skip_cache_lookup=fresh, digest_function=9)


@given(st.text())
def test_waiting_and_cancelling_name_an_operation(operation):
    assert re.WaitExecutionRequest.FromString(ours.wait_request(operation)).name == operation
    assert operations.CancelOperationRequest.FromString(ours.wait_request(operation)).name == operation


@given(st.text(), st.sampled_from([0, 1, 2, 3]), st.text(), st.text())
def test_an_operation_tells_how_far_it_is_and_where_its_logs_are(called, stage, out, error):
    theirs = operations.Operation(name=called)
    theirs.metadata.Pack(re.ExecuteOperationMetadata(stage=stage, stdout_stream_name=out, stderr_stream_name=error))
    assert ours.parse_operation(theirs.SerializeToString()) == ours.Operation(name=called, executing=stage == 3, streams=(out, error))


@given(results, st.integers(min_value=0, max_value=16), st.text())
def test_a_response_is_read_as_it_was_written(result, code, text):
    response = re.ExecuteResponse(result=result)
    response.status.code, response.status.message = code, text
    theirs = operations.Operation(name="o", done=True)
    theirs.response.Pack(response)
    found = ours.parse_operation(theirs.SerializeToString()).response
    assert found is not None
    assert found.status == ours.Status(code, text)
    assert found.result.exit_code == result.exit_code
    assert found.result.files == tuple((item.path, name(item.digest), item.is_executable) for item in result.output_files)
    assert found.result.directories == tuple((item.path, name(item.tree_digest)) for item in result.output_directories)
    assert found.result.links == tuple(dict.fromkeys(item.path for item in result.output_symlinks))
    assert found.result.logs == (name(result.stdout_digest), result.stderr_raw)


def test_an_operation_that_ended_in_an_error_has_its_status():
    theirs = operations.Operation(name="o", done=True)
    theirs.error.code = 5
    found = ours.parse_operation(theirs.SerializeToString()).response
    assert found is not None
    assert found.status.code == 5


@given(st.binary())
def test_no_bytes_are_worse_than_misbehaved(data):
    for message in (data, b"\x18\x01" + data, b"\x18\x01\x2a" + bytes([min(len(data), 127)]) + data):
        with contextlib.suppress(Misbehaved):
            ours.parse_operation(message)


@pytest.mark.parametrize("path", [b"", b"\xff"])
def test_a_done_operation_without_a_response_has_misbehaved(path):
    with pytest.raises(Misbehaved):
        ours.parse_operation(b"\x18\x01" + path)
