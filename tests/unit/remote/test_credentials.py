"""Tokens are read anew, and redacted."""

import pytest

from lkbuild.remote.credentials import Credentials
from lkbuild.remote.faults import Denied


def test_a_token_is_read_again_when_its_file_has_changed(tmp_path):
    file = tmp_path / "token"
    file.write_text("first\n", encoding="ascii")
    credentials = Credentials(token_file=file)
    assert credentials.headers() == (("authorization", "Bearer first"),)
    new = tmp_path / "new"
    new.write_text("second\n", encoding="ascii")
    new.replace(file)
    assert credentials.headers() == (("authorization", "Bearer second"),)
    assert credentials.redact("not first but second") == "not *** but ***"


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_token_that_can_not_be_read_is_a_refusal(tmp_path, content):
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(Denied):
        Credentials(token_file=file).headers()


def test_a_helper_is_asked_again_when_its_answer_has_expired():
    now = 1_000_000.0
    answers = [
        b'{"headers": {"Authorization": ["Bearer one"]}, "expires": "1970-01-12T13:46:50Z"}',
        b'{"headers": {"Authorization": ["Bearer two"]}}',
        b'{"headers": {"Authorization": ["Bearer three"]}}',
    ]
    credentials = Credentials(helper=lambda: answers.pop(0), now=lambda: now)
    assert credentials.headers() == (("authorization", "Bearer one"),)
    now += 9
    assert credentials.headers() == (("authorization", "Bearer one"),)
    now += 1
    assert credentials.headers() == (("authorization", "Bearer two"),)
    now += 1799
    assert credentials.headers() == (("authorization", "Bearer two"),)
    now += 1
    assert credentials.headers() == (("authorization", "Bearer three"),)
    assert credentials.redact("one Bearer two three") == "*** *** ***"


@pytest.mark.parametrize("answer", [b"", b"[]", b"null", b'{"headers": 1}', b'{"expires": "soon"}', b'{"headers": {"a": 1}}'])
def test_a_helper_that_answers_nonsense_is_a_refusal(answer):
    with pytest.raises(Denied):
        Credentials(helper=lambda: answer).headers()
