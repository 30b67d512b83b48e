"""Whether what a build has read is committed: what is not is nobody else's business, and its results are not published.

Asks git about the files that were read, and about no others: an edited page of documentation holds nothing back. A workspace in no
checkout has nothing to commit. Does not know remotes.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Final

from lkbuild.app.session import Session
from lkbuild.base.errors import HostError
from lkbuild.loading.cache_policy import POLICY_FILE
from lkbuild.model.events import EventSink, Notice
from lkbuild.sandbox.host_output import host_output

#: Every file that differs from the last commit, is in none, or is kept out of all; a whole folder where all of it is kept out.
#: Nothing that a checkout configures is run for it.
_STATUS: Final = (
    *("git", "-c", "core.fsmonitor=false", "status", "--porcelain=v1", "-z", "--no-renames"),
    *("--untracked-files=all", "--ignored=matching", "--ignore-submodules=none", "--"),
)


class Withheld:
    """Answers, once, whether what this build makes is to be kept from others, and says why. Safe to call from any thread."""

    def __init__(self, session: Session, sink: EventSink) -> None:
        """Nothing is looked at before the first question, which comes when sources were read."""
        self._session, self._sink = session, sink
        self._lock = threading.Lock()
        self._answer: bool | None = None

    def __call__(self) -> bool:
        """Whether it is."""
        with self._lock:
            if self._answer is None:
                reason = uncommitted(self._session)
                self._answer = reason is not None
                if reason is not None:
                    self._sink.emit(Notice(text=f"nothing is published: {reason} (`publish: any` in {POLICY_FILE} publishes it)"))
            return self._answer


def uncommitted(session: Session) -> str | None:
    """Why what was read so far is not what is committed; None where it is, or where nothing is ever committed."""
    root = session.root.resolve()
    checkout = next((folder for folder in (root, *root.parents) if (folder / ".git").exists()), None)
    if checkout is None:
        return None
    environment = {**session.options.environment, "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"}
    try:
        answer = host_output((*_STATUS, str(root)), checkout, environment)
    except HostError as error:
        return f"it can't be told what is committed: {error.message}"
    if answer.code != 0:
        return f"it can't be told what is committed: {answer.complaint.splitlines()[0] if answer.complaint else 'git fails'}"
    read = set(_inside(session.looked_at(), session.root, checkout))
    found = next(_changed(answer.output, read, checkout), None)
    return None if found is None else f"{os.path.relpath(checkout / found, root)} is not committed"


def _inside(paths: Iterable[str], root: Path, checkout: Path) -> Iterator[str]:
    """Paths relative to the checkout, of those that are in it."""
    base = os.path.relpath(root.resolve(), checkout)
    for path in paths:
        # Strings, for there is one per file of the workspace.
        inside = os.path.relpath(path, checkout) if os.path.isabs(path) else os.path.normpath(f"{base}/{path}")  # noqa: PTH117
        if not inside.startswith(".."):
            yield inside


def _changed(status: bytes, read: Collection[str], checkout: Path) -> Iterator[str]:
    """Of git's list, what was read. A file that is gone was missed where its folder was looked at."""
    for entry in status.split(b"\0"):
        code, path = entry[:2], os.fsdecode(entry[3:])
        if path.endswith("/"):
            yield from (name for name in read if name.startswith(path) and (checkout / name).is_file())
        elif path in read or (b"D" in code and os.path.dirname(path) in read):  # noqa: PTH120 - as above
            yield path
