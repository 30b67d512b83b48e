"""Signing: one statement has one encoding, what is signed is believed, and nothing else is."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lkbuild.base.digest import Digest
from lkbuild.model.action import ActionResult, OutputFile, OutputTree
from lkbuild.model.cache_policy import TrustedKey, key_text, parse_key
from lkbuild.remote.faults import Untrusted
from lkbuild.remote.results import RemoteResult, decode_remote, encode_remote
from lkbuild.remote.signing import Envelope, SigningKey, authenticated, decode_envelope, encode_envelope, is_signed
from lkbuild.remote.trust import Signer, Trust

KEY = SigningKey(b"k" * 32)
TRUST = Trust(keys=(TrustedKey(name="ci", public=KEY.public()),), namespace="main", now=lambda: 0.0)

digests = st.binary(max_size=4).map(Digest.of)
paths = st.text(alphabet="abc/é", min_size=1, max_size=8)
results = st.builds(
    ActionResult,
    files=st.lists(st.builds(OutputFile, paths, digests, st.booleans()), max_size=3, unique_by=lambda item: item.path).map(tuple),
    trees=st.lists(st.builds(OutputTree, paths, digests), max_size=2, unique_by=lambda item: item.path).map(tuple),
    log=st.none() | digests,
    seconds=st.integers(0, 1000).map(float),
)
recipes = st.none() | digests


def remote(key, result):
    return RemoteResult(key=key, result=result, names={}, trees={})


def signed(found, recipe, signer=Signer(KEY, "main")):  # noqa: B008 - a value
    return replace(found, envelope=signer.envelope(found, recipe))


@given(digests, results, recipes)
def test_what_is_signed_is_believed_where_it_was_signed_for(key, result, recipe):
    TRUST.check(signed(remote(key, result), recipe), recipe)


@given(digests, results, recipes, digests, results, recipes)
def test_a_signature_counts_for_nothing_else(key, result, recipe, other_key, other, other_recipe):
    found = signed(remote(key, result), recipe)
    moved = replace(found, key=other_key, result=other)
    if (key, recipe) == (other_key, other_recipe) and same(result, other):
        TRUST.check(moved, other_recipe)
    else:
        with pytest.raises(Untrusted):
            TRUST.check(moved, other_recipe)


@given(results, st.data())
def test_an_envelope_of_which_one_bit_is_other_is_not_believed(result, data):
    found = signed(remote(Digest.of(b"key"), result), None)
    at = data.draw(st.integers(0, len(found.envelope) * 8 - 1))
    damaged = bytearray(found.envelope)
    damaged[at // 8] ^= 1 << at % 8
    with pytest.raises(Untrusted):
        TRUST.check(replace(found, envelope=bytes(damaged)), None)


@given(st.binary(min_size=1))
def test_noise_is_not_believed(noise):
    with pytest.raises(Untrusted):
        TRUST.check(replace(remote(Digest.of(b"key"), ActionResult()), envelope=noise), None)


@given(st.binary(), st.text(max_size=20), st.binary(max_size=64), st.text(max_size=20))
def test_an_envelope_comes_back_as_it_went(payload, kind, signature, keyid):
    envelope = Envelope(payload=payload, payload_type=kind, signature=signature, keyid=keyid)
    data = encode_envelope(envelope)
    if kind and keyid:
        assert decode_envelope(data) == envelope
    else:
        with pytest.raises(Untrusted):
            decode_envelope(data)


@given(st.text(), st.binary(), st.text(), st.binary())
def test_what_is_signed_tells_type_and_payload_apart(kind, payload, other_kind, other):
    assert (authenticated(kind, payload) == authenticated(other_kind, other)) == ((kind, payload) == (other_kind, other))


@given(st.binary(min_size=32, max_size=32))
def test_a_public_key_comes_back_as_it_went(public):
    assert parse_key(key_text(public)) == public


@given(st.text() | st.binary().map(key_text))
def test_what_is_no_public_key_is_an_error_of_value(text):
    try:
        public = parse_key(text)
    except ValueError:
        return
    assert key_text(public) == text


def test_the_encoding_before_signing_is_that_of_the_specification():
    """The example of DSSE's protocol.md."""
    assert authenticated("http://example.com/HelloWorld", b"hello world") == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"


def test_a_signature_is_that_of_the_standard():
    """RFC 8032, 7.1, test 1: the key; and another key's signature is none."""
    key = SigningKey(bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"))
    assert key.public().hex() == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    envelope = key.sign(b"payload")
    assert is_signed(envelope, key.public())
    assert not is_signed(envelope, KEY.public())
    assert "9d61" not in repr(key)


def test_an_envelope_travels_with_its_result():
    found = signed(remote(Digest.of(b"key"), ActionResult()), None)
    assert decode_remote(encode_remote(found)) == found


def same(one, other):
    return (
        one.log == other.log and one.seconds == other.seconds and set(one.files) == set(other.files) and set(one.trees) == set(other.trees)
    )
