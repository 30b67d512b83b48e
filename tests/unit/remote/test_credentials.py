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
