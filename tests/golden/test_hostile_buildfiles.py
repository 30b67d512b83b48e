"""BUILD.yaml files that no text file can hold, and those that a file system makes: one clear error each, never a traceback."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from lkbuild.base.errors import LoadError
from lkbuild.base.label import Label, Pattern
from lkbuild.cli.main import main
from lkbuild.loading.root import find_workspace
from lkbuild.loading.workspace import WorkspaceLoader
from lkbuild.syntax.complaints import MAX_DEPTH
from lkbuild.syntax.nodes import MAX_BYTES


def loader(root: Path) -> WorkspaceLoader:
    (root / "BUILD.yaml").exists() or (root / "BUILD.yaml").write_text("workspace: {name: hostile}\n")
    return WorkspaceLoader(root, lambda _: None, lambda: ())


def bomb() -> bytes:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    return "\n".join(lines).encode()


HOSTILE = [
    pytest.param(b"", 1, 1, id="empty"),
    pytest.param(b"# only a comment\n", 1, 1, id="only a comment"),
    pytest.param(b"---\n", 1, 1, id="an empty document"),
    pytest.param(b"doc: caf\xe9\n", 1, 9, id="Latin-1"),
    pytest.param("doc: é\n# €\ndoc: ".encode() + b"\xff\n", 3, 6, id="not UTF-8 after characters of several bytes"),
    pytest.param("doc: x\n".encode("utf-16"), 1, 1, id="UTF-16"),
    pytest.param(b"\xef\xbb\xbfdoc: x\n", 1, 1, id="byte order mark"),
    pytest.param(b"doc: a\0b\n", 1, 7, id="a NUL"),
    pytest.param(b"doc: \x1b[31mred\n", 1, 6, id="a terminal escape"),
    pytest.param("doc: a\u2028b\n".encode(), 1, 7, id="a line separator that only YAML 1.1 knows"),
    pytest.param(b"doc: x\n" + b"#" * MAX_BYTES, 1, 1, id="huge"),
    pytest.param(b"targets:\n\ta: {rule: x}\n", 2, 1, id="a tab as indentation"),
    pytest.param(b"targets:\n  a:\n  \trule: x\n", 3, 3, id="a tab after spaces"),
    pytest.param(b"doc: x\n---\ndoc: y\n", 2, 1, id="two documents"),
    pytest.param(b"%YAML 1.1\n---\ndoc: x\n%YAML 1.2\n", 4, None, id="a directive inside"),
    pytest.param(b"%YAML 3.0\n---\ndoc: x\n", 1, 1, id="a YAML that does not exist"),
    pytest.param(bomb(), 1, 5, id="an alias bomb"),
    pytest.param(b"doc: " + b"[" * 200_000, 1, None, id="200,000 brackets"),  # libyaml scans ahead: its own limit may come first
    pytest.param(b"doc: " + b"{a: " * 500, 1, None, id="500 braces"),
    pytest.param(b"- " * 300 + b"x", 1, 2 * MAX_DEPTH + 1, id="300 lists in block style"),
    pytest.param(b"? " * 300 + b"x", 1, 3, id="300 keys in keys"),
    pytest.param(b'doc: "' + b"x" * 100_000, 1, 6, id="a quote open over 100,000 characters"),
    pytest.param(b"doc: 'a\r\nb\r\n\r\n  c: d\r\n", 1, 6, id="line ends of Windows"),
]


@pytest.mark.parametrize(("content", "line", "column"), HOSTILE)
def test_bytes_that_are_no_build_file_fail_at_their_place(content: bytes, line: int, column: int | None, tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "BUILD.yaml").write_bytes(content)
    with pytest.raises(LoadError) as caught:
        loader(tmp_path).package("p")
    position = caught.value.position
    assert position is not None
    assert (position.file, position.line) == ("p/BUILD.yaml", line), caught.value.message
    assert column in (None, position.column), caught.value.message
    assert caught.value.hint
    assert len(caught.value.message) < 200


@pytest.mark.parametrize(("content", "line", "column"), HOSTILE)
def test_the_command_survives_them(
    content: bytes, line: int, column: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "workspace"
    (root / "p").mkdir(parents=True)
    loader(root)
    (root / "p" / "BUILD.yaml").write_bytes(content)
    monkeypatch.chdir(root)
    environment = {"LKBUILD_CACHE": str(tmp_path / "cache"), "HOME": str(tmp_path), "PATH": os.defpath}
    exit_code = main(["build", "--json", "--offline", "--arch=amd64", "//..."], environment)
    report = json.loads(capfd.readouterr().out)
    (error,) = report["errors"]
    assert (exit_code, error["class"], error["file"], error["line"]) == (LoadError.exit_code, "LoadError", "p/BUILD.yaml", line)


def a_directory(path: Path) -> None:
    path.mkdir()


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def a_socket(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # the path of a socket has at most 107 bytes
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
    finally:
        os.chdir(here)


def a_link_to_itself(path: Path) -> None:
    path.symlink_to(path.name)


@pytest.mark.parametrize("make", [a_directory, a_pipe, a_socket, a_link_to_itself])
def test_a_build_file_that_is_no_file_is_an_error(make: Callable[[Path], None], tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    make(tmp_path / "p" / "BUILD.yaml")
    with pytest.raises(LoadError) as caught:
        loader(tmp_path).package("p")
    assert caught.value.position is not None
    assert caught.value.position.file == "p/BUILD.yaml"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
@pytest.mark.parametrize("what", ["p/BUILD.yaml", "p"])
def test_what_may_not_be_read_is_an_error(what: str, tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "BUILD.yaml").write_text("targets: {}\n")
    (tmp_path / what).chmod(0)
    try:
        with pytest.raises(LoadError):
            loader(tmp_path).package("p")
    finally:
        (tmp_path / what).chmod(0o755)


def test_a_name_that_is_no_utf8_does_not_stop_the_loader(tmp_path: Path) -> None:
    os.mkdir(os.fsencode(tmp_path) + b"/caf\xe9")  # noqa: PTH102 - a name of bytes
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "BUILD.yaml").write_text("targets: {}\n")
    assert list(loader(tmp_path).packages()) == ["", "p"]


def test_directories_linked_in_a_circle_end(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "up").symlink_to("..")
    (tmp_path / "p" / "BUILD.yaml").write_text("targets: {}\n")
    assert list(loader(tmp_path).packages()) == ["", "p"]
    with pytest.raises(LoadError):
        loader(tmp_path).package("p/up/p")


def test_there_is_no_workspace_above(tmp_path: Path) -> None:
    (tmp_path / "BUILD.yaml").write_text("targets: {}\n")
    with pytest.raises(LoadError) as caught:
        find_workspace(tmp_path)
    assert caught.value.hint
    with pytest.raises(LoadError) as caught:
        _ = loader(tmp_path).workspace
    assert str(caught.value.position) == "BUILD.yaml:1:1"


@pytest.mark.parametrize("content", [b"", b"targets: {}\n", "workspace: {name: w}\n".encode("utf-16")])
def test_where_there_is_no_workspace_the_uppermost_build_file_is_named_which_may_be_meant(content: bytes, tmp_path: Path) -> None:
    for directory in (tmp_path / "root", tmp_path / "root" / "p"):
        directory.mkdir()
        (directory / "BUILD.yaml").write_bytes(content)
    with pytest.raises(LoadError) as caught:
        find_workspace(tmp_path / "root" / "p")
    assert f"{tmp_path}/root/BUILD.yaml" in (caught.value.hint or "")
    assert ("UTF-8" in (caught.value.hint or "")) == content.startswith((b"\xff\xfe", b"\xfe\xff"))


@pytest.mark.parametrize("text", ["//p:x", "//p:all", "//p/..."])
def test_a_broken_package_breaks_only_what_asks_for_it(text: str, tmp_path: Path) -> None:
    for name, content in (("p", "targets: [\n"), ("q", "targets: {}\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "BUILD.yaml").write_text(content)
    found = loader(tmp_path)
    assert found.package("q").name == "q"
    for _ in range(2):  # the second time from memory
        with pytest.raises(LoadError) as caught:
            found.expand([Pattern.parse(text)])
        assert str(caught.value.position) == "p/BUILD.yaml:1:10"
    with pytest.raises(LoadError):
        found.target(Label.parse("//q:x"))
