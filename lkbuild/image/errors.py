"""What can be wrong with an archive."""

from __future__ import annotations

from lkbuild.base.errors import BuildFailed


class ArchiveError(BuildFailed):
    """An archive that is damaged, hostile, or holds what its place can't hold.

    Attributes:
        member: the path in the archive that it is about, or None.
    """

    def __init__(self, message: str, *, member: str | None = None, hint: str | None = None) -> None:
        super().__init__(f"{message}: {member}" if member is not None else message, hint=hint)
        self.member = member
