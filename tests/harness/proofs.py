"""What has passed is not proven again while nothing that it depends on has changed: `lkbuild test` does so, and this for tests in Python.

A guest that is driven from outside, by sockets or by a watch, can be no boot_test. Its test depends on images, by their digests, and on the
sources of lkbuild, its rules, the harness and itself: a note beside the user's store tells of these by a digest. A new store has no notes.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from harness.workspace import REPOSITORY, user_store

_SOURCES = ("lkbuild", "rules", "tests/harness")


@contextlib.contextmanager
def proof(test: str, digests: Mapping[str, str], notes: Path | None = None) -> Iterator[None]:
    """Skip a test, by the path of its module, that has passed with the same images and sources; else note it, if the block passes."""
    notes = notes or user_store().with_name("lkbuild-tests") / "proofs"
    depends = json.dumps([test, dict(digests), *_machine(), _sources(Path(test))])
    note = notes / hashlib.sha256(depends.encode()).hexdigest()
    if note.exists():
        pytest.skip(f"passed before, with the same images and sources: {note}")
    yield
    notes.mkdir(parents=True, exist_ok=True)
    note.write_text(f"{Path(test).name} {sorted(digests)}\n", encoding="utf-8")


def _machine() -> tuple[str, ...]:
    return platform.machine(), sys.version, str(os.geteuid() == 0), str(Path("/dev/kvm").exists())


def _sources(test: Path) -> str:
    """A digest of all text that may matter to a test."""
    found = [path for folder in _SOURCES for path in (REPOSITORY / folder).rglob("*") if "__pycache__" not in path.parts and path.is_file()]
    told = hashlib.sha256()
    for path in sorted([*found, REPOSITORY / "pyproject.toml", test]):
        told.update(f"{os.path.relpath(path, REPOSITORY)}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return told.hexdigest()
