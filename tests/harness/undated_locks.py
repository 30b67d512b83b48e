"""lkbuild, for which an archive's index is never too old: a mirror that stands still has one of a rolling suite that has expired.

Its signature counts all the same. For locks of what tests use, and of nothing that anybody ships.
"""

from __future__ import annotations

import re
import sys
from email.utils import parsedate_to_datetime

from lkbuild.cli.main import console_script
from lkbuild.locks import kinds
from lkbuild.locks.deb.request import DebRequest
from lkbuild.locks.deb.update import update
from lkbuild.locks.request import Download


class Undated(kinds.DebLockKind):
    """Resolves as on the day on which the index was signed."""

    def update(self, request: str, old_text: str, download: Download) -> str:
        wanted = DebRequest.parse(request)
        index = download((f"deb:dists/{wanted.suite}/InRelease",), sha256=None, size=None, limit=4 << 20)
        (date,) = re.findall(rb"^Date: (.+)$", index, re.MULTILINE)
        return update(wanted, "", download, now=parsedate_to_datetime(date.decode()))


kinds.KINDS = {**kinds.KINDS, "deb": Undated()}  # type: ignore[misc]
sys.exit(console_script())
