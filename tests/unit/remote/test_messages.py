"""Our messages are those of the generated code, in both directions: buildstream's wheel carries it."""

import pytest
from buildstream._protos.build.bazel.remote.execution.v2 import remote_execution_pb2 as re
from buildstream._protos.google.bytestream import bytestream_pb2 as bs
from hypothesis import given
from hypothesis import strategies as st

from lkbuild.base import wire
from lkbuild.base.digest import Digest
from lkbuild.remote import messages
from lkbuild.remote.messages import BlobAnswer
from lkbuild.remote.names import Name

NAMES = st.builds(lambda data, size: Name(Digest(data.hex(), size)), st.binary(min_size=32, max_size=32), st.integers(0, 2**62))
INSTANCES = st.text(max_size=20).filter(lambda text: "\0" not in text)
FUNCTIONS = st.sampled_from([1, 9])


def theirs(name):
    return re.Digest(hash=name.hash, size_bytes=name.size)


@given(INSTANCES, st.lists(NAMES), FUNCTIONS)
def test_find_missing(instance, names, function):
    expected = re.FindMissingBlobsRequest(instance_name=instance, blob_digests=map(theirs, names), digest_function=function)
    assert messages.missing_request(instance, names, function) == expected.SerializeToString(deterministic=True)
    answer = re.FindMissingBlobsResponse(missing_blob_digests=map(theirs, names))
    assert messages.parse_missing(answer.SerializeToString()) == set(names)


@given(INSTANCES, st.lists(st.tuples(NAMES, st.binary(), st.sampled_from([0, 1]))), FUNCTIONS)
def test_batch_update(instance, blobs, function):
    expected = re.BatchUpdateBlobsRequest(instance_name=instance, digest_function=function)
    answer = re.BatchUpdateBlobsResponse()
    for name, data, compressor in blobs:
        expected.requests.add(digest=theirs(name), data=data, compressor=compressor)
        answer.responses.add(digest=theirs(name)).status.code = compressor * 3
    assert messages.update_request(instance, blobs, function) == expected.SerializeToString(deterministic=True)
    assert list(messages.parse_updates(answer.SerializeToString())) == [BlobAnswer(name, compressor * 3) for name, _, compressor in blobs]


@given(INSTANCES, st.lists(st.tuples(NAMES, st.binary(), st.sampled_from([0, 1]))), FUNCTIONS, st.booleans())
def test_batch_read(instance, blobs, function, zstd):
    expected = re.BatchReadBlobsRequest(instance_name=instance, digests=[theirs(name) for name, _, _ in blobs], digest_function=function)
    answer = re.BatchReadBlobsResponse()
    if zstd:
        expected.acceptable_compressors.append(re.Compressor.ZSTD)
    for name, data, compressor in blobs:
        answer.responses.add(digest=theirs(name), data=data, compressor=compressor)
    names = [name for name, _, _ in blobs]
    assert messages.read_batch_request(instance, names, function, zstd=zstd) == expected.SerializeToString(deterministic=True)
    assert list(messages.parse_reads(answer.SerializeToString())) == [BlobAnswer(name, 0, "", data, packed) for name, data, packed in blobs]


@given(INSTANCES, NAMES, FUNCTIONS, st.binary(max_size=30))
def test_action_results(instance, name, function, stdout):
    get = re.GetActionResultRequest(instance_name=instance, action_digest=theirs(name), digest_function=function)
    assert messages.result_request(instance, name, function) == get.SerializeToString(deterministic=True)
    result = re.ActionResult(stdout_raw=stdout)
    update = re.UpdateActionResultRequest(
        instance_name=instance, action_digest=theirs(name), action_result=result, digest_function=function
    )
    ours = messages.update_result_request(instance, name, result.SerializeToString(), function)
    assert ours == update.SerializeToString(deterministic=True)


@given(st.text(), st.integers(0, 2**62), st.binary(), st.booleans())
def test_byte_streams(resource, offset, data, finish):
    assert messages.read_request(resource, offset) == bs.ReadRequest(resource_name=resource, read_offset=offset).SerializeToString()
    assert messages.parse_read(bs.ReadResponse(data=data).SerializeToString()) == data
    write = bs.WriteRequest(resource_name=resource, write_offset=offset, finish_write=finish, data=data)
    assert messages.write_request(resource, offset, data, finish=finish) == write.SerializeToString()


@given(st.integers(-1, 2**62))
def test_committed_sizes(size):
    assert messages.parse_committed(bs.WriteResponse(committed_size=size).SerializeToString()) == size


@given(st.sets(st.integers(0, 10)), st.booleans(), st.integers(0, 2**40), st.sets(st.integers(0, 3)), st.sets(st.integers(0, 3)))
def test_capabilities(functions, may_update, batch_bytes, compressors, batch_compressors):
    told = re.ServerCapabilities()
    told.cache_capabilities.digest_functions.extend(functions)
    told.cache_capabilities.action_cache_update_capabilities.update_enabled = may_update
    told.cache_capabilities.max_batch_total_size_bytes = batch_bytes
    told.cache_capabilities.supported_compressors.extend(compressors)
    told.cache_capabilities.supported_batch_update_compressors.extend(batch_compressors)
    assert messages.parse_capabilities(told.SerializeToString()) == messages.ServerCapabilities(
        functions=frozenset(functions),
        may_update=may_update,
        batch_bytes=batch_bytes,
        compressors=frozenset(compressors),
        batch_compressors=frozenset(batch_compressors),
    )


@given(st.integers(0, 99), st.integers(0, 99))
def test_the_version_of_a_server(major, minor):
    told = re.ServerCapabilities()
    assert messages.parse_capabilities(told.SerializeToString()).version is None
    told.high_api_version.major, told.high_api_version.minor, told.high_api_version.patch = major, minor, 1
    assert messages.parse_capabilities(told.SerializeToString()).version == (major, minor)


def test_request_metadata():
    expected = re.RequestMetadata(tool_details=re.ToolDetails(tool_name="lkbuild", tool_version="1"), tool_invocation_id="x")
    assert messages.request_metadata("lkbuild", "1", "x") == expected.SerializeToString()


@pytest.mark.parametrize(("seconds", "nanos"), [(0, 500_000_000), (3, 0), (2, 250_000_000)])
def test_a_server_says_how_long_to_wait(seconds, nanos):
    """google.rpc.RetryInfo{retry_delay=1 Duration{seconds=1, nanos=2}} as an Any among the details (3) of a google.rpc.Status."""
    delay = wire.message(1, wire.integer(1, seconds) + wire.integer(2, nanos))
    detail = wire.text(1, "type.googleapis.com/google.rpc.RetryInfo") + wire.message(2, delay)
    other = wire.text(1, "type.googleapis.com/google.rpc.DebugInfo") + wire.message(2, b"\x0a\x01x")
    assert messages.retry_delay(wire.integer(1, 14) + wire.message(3, other) + wire.message(3, detail)) == seconds + nanos / 1e9


@given(st.binary())
def test_noise_says_nothing_of_waiting(data):
    assert messages.retry_delay(data) >= 0
