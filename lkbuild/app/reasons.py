"""Why each action of a running build runs, in a few words, as it is told in events. Asked from several threads."""

from __future__ import annotations

import threading

from lkbuild.analysis.analyzer import Analyses
from lkbuild.app.explanation import Explainer
from lkbuild.app.history import History
from lkbuild.app.recording import LiveKeys
from lkbuild.app.session import Session
from lkbuild.execution.plan import ActionGraph
from lkbuild.model.artifact import ActionId


class Reasons:
    """Compares the actions of one build with the builds before it."""

    def __init__(self, session: Session, analyses: Analyses) -> None:
        """Make one; nothing is read before it is asked."""
        self._session = session
        self._analyses = analyses
        self._made: tuple[LiveKeys, Explainer] | None = None
        self._lock = threading.Lock()

    def __call__(self, graph: ActionGraph, action: ActionId) -> str:
        """`first`, `not_cached`, `failed`, or `changed: ` and what."""
        with self._lock:
            if self._made is None:
                live = LiveKeys(self._session, self._analyses, graph)
                self._made = live, Explainer(History(self._session.state), live, lambda _: None)
            live, explainer = self._made
            return explainer.explain(live.named(action)).brief()
