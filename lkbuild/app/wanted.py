"""What patterns select, analysed. Builds nothing."""

from __future__ import annotations

from collections.abc import Sequence

from lkbuild.analysis.analyzer import Analyses
from lkbuild.app.request import Requested, request
from lkbuild.app.selection import Selected, select
from lkbuild.app.session import Session
from lkbuild.base.values import dataclass


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was selected, as artifacts, and all that was analysed for it: as good as the loaded workspace that it was made from."""

    selected: tuple[Selected, ...]
    requested: tuple[Requested, ...]
    analyses: Analyses


def want(session: Session, patterns: Sequence[str]) -> Wanted:
    """What some patterns select. Raises LkbuildError for what is wrong with them, or with what they select."""
    return wanted(session, select(session, patterns))


def wanted(session: Session, selected: Sequence[Selected]) -> Wanted:
    """The same of what is selected already."""
    analyses, requested = request(session, selected)
    return Wanted(tuple(selected), requested, analyses)
