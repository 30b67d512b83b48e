import json

import pytest

from lkbuild.fetch.simple_index import Link, normalized, parse_page

BASE = "https://i.example/simple/foo-bar/"


@pytest.mark.parametrize("name", ["Foo.Bar", "foo__bar", "FOO-bar"])
def test_names_are_normalized(name):
    assert normalized(name) == "foo-bar"


def test_an_html_page_gives_links_relative_to_itself():
    page = (
        b'<!doctype html><a href="../../f/foo_bar-1.0-py3-none-any.whl#sha256=00ff" data-x>w</a><a href="/f/foo%2B1.tar.gz">s</a><a>no</a>'
    )
    assert parse_page(page, "text/html", BASE) == (
        Link("foo_bar-1.0-py3-none-any.whl", "https://i.example/f/foo_bar-1.0-py3-none-any.whl", "00ff"),
        Link("foo+1.tar.gz", "https://i.example/f/foo%2B1.tar.gz", None),
    )


def test_a_json_page_gives_the_same():
    page = {"files": [{"filename": "a.whl", "url": "https://f.example/a.whl", "hashes": {"sha256": "00"}}]}
    assert parse_page(json.dumps(page).encode(), "application/vnd.pypi.simple.v1+json", BASE) == (
        Link("a.whl", "https://f.example/a.whl", "00"),
    )


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"files": [{}]}', b'{"files": 3}'])
def test_a_json_page_of_another_form_is_refused(body):
    with pytest.raises(ValueError):  # noqa: PT011 - any text
        parse_page(body, "application/json", BASE)
