"""serve.yaml is read as strictly as BUILD.yaml."""

import pytest

from lkbuild.base.errors import LoadError, UsageError
from lkbuild.loading.serve_policy import load_serve_policy
from lkbuild.model.serve_policy import Served

HEAD = "names: [a.example]\nnamespaces:\n"
MAIN = "  main:\n    port: 8980\n    clients: {ci: [read-blobs]}\n"


def load(folder, text):
    (folder / "serve.yaml").write_text(text, encoding="utf-8")
    return load_serve_policy(folder)


def test_a_policy_says_where_what_is_served_and_to_whom(tmp_path):
    found = load(tmp_path, f"listen: '::1'\n{HEAD}{MAIN}  a/b:\n    port: 1024\n    size: 2G\n    clients: {{x: [], y: [write-results]}}\n")
    assert (found.listen, found.names) == ("::1", ("a.example",))
    assert found.namespaces[1] == Served(
        name="a/b", port=1024, size=2 << 30, clients=(("x", frozenset()), ("y", frozenset(["write-results"])))
    )
    assert found.clients() == ("ci", "x", "y")
    assert found.namespaces[1].who("write-results") == ("y",)
    assert found.namespaces[1].url("h") == "grpcs://h:1024/a/b"


def test_no_policy_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError):
        load_serve_policy(tmp_path)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", (1, 1)),
        ("- x\n", (1, 1)),
        ("names: []\nnamespaces: {}\n", (1, 8)),
        (f"{HEAD}  main: {{port: 80, clients: {{}}}}\n", (3, 16)),
        (f"{HEAD}  main: {{port: 8980}}\n", (3, 9)),
        (f"{HEAD}{MAIN}  other:\n    port: 8980\n    clients: {{}}\n", (7, 11)),
        (f"{HEAD}  main: {{port: 8980, clients: {{ci: [read-blob]}}}}\n", (3, 37)),
        (f"{HEAD}  main: {{port: 8980, clients: {{'ci\"': [read-blobs]}}}}\n", (3, 32)),
        (f"{HEAD}  main: {{port: 8980, clients: {{CI: [read-blobs]}}}}\n", (3, 32)),
        (f"{HEAD}  main/blobs: {{port: 8980, clients: {{}}}}\n", (3, 15)),
        (f"{HEAD}  main//x: {{port: 8980, clients: {{}}}}\n", (3, 12)),
        (f"{HEAD}  main: {{port: 8980, protocol: http, size: 1G, clients: {{}}}}\n", (3, 44)),
        (f"{HEAD}  main: {{port: 8980, protocol: http, server: 'h:1', clients: {{}}}}\n", (3, 46)),
        (f"{HEAD}  main: {{port: 8980, server: 'h:1', size: 1G, clients: {{}}}}\n", (3, 43)),
        (f"{HEAD}  main: {{port: 8980, server: 'h:1; evil', clients: {{}}}}\n", (3, 30)),
        ("names: ['a b']\nnamespaces: {}\n", (1, 9)),
    ],
)
def test_a_mistake_is_an_error_at_its_place(tmp_path, text, place):
    with pytest.raises(LoadError) as caught:
        load(tmp_path, text)
    position = caught.value.position
    assert (position.file, position.line, position.column) == ("serve.yaml", *place)
