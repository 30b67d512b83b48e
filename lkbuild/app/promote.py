"""Use case: publish a target and all that it is made from in another namespace, signed anew with our key, and nothing else of ours.

What of it is neither here nor at our remotes is built first, as by any build. Does not know what a server speaks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lkbuild.app.destinations import Destination, destinations, opened, refuse_uncommitted
from lkbuild.app.engine import make_loop
from lkbuild.app.executing import actions_of, closures_of
from lkbuild.app.options import BuildOptions
from lkbuild.app.phase import building
from lkbuild.app.request import Requested, request
from lkbuild.app.selection import select
from lkbuild.app.session import Session, open_session
from lkbuild.app.settings import make_wish
from lkbuild.base.errors import Interrupted, RemoteFailed
from lkbuild.base.values import dataclass
from lkbuild.execution.bringing import Download
from lkbuild.execution.build import BuildLoop, Execution
from lkbuild.execution.plan import ActionGraph
from lkbuild.model.action import PlannedAction
from lkbuild.model.artifact import ActionId
from lkbuild.model.cache_policy import WRITE_BLOBS, WRITE_RESULTS
from lkbuild.model.events import BuildStarted, EventSink, Notice
from lkbuild.model.ports import Closure, Publication

if TYPE_CHECKING:
    from lkbuild.remote.publisher import Sent


@dataclass(frozen=True, slots=True, kw_only=True)
class Promoted:
    """What a promotion came to, or would.

    Attributes:
        namespace: where it went.
        results: how many results of actions there are to share.
        to_build: actions that would have to run first; in a dry run only.
        sent: what went to each remote, by URL.
    """

    namespace: str
    results: int
    to_build: tuple[str, ...]
    sent: Mapping[str, Sent]
    dry_run: bool

    def to_json(self) -> dict[str, Any]:
        """The form of `lkbuild cache promote --json`."""
        return {
            "version": 1,
            "ok": True,
            "dry_run": self.dry_run,
            "namespace": self.namespace,
            "results": self.results,
            "to_build": list(self.to_build),
            "remotes": [
                {
                    "url": url,
                    "sent": sent.results,
                    "present": sent.present,
                    "different": sent.different,
                    "unreadable": sent.gone,
                    "blobs": sent.blobs,
                    "bytes": sent.size,
                }
                for url, sent in self.sent.items()
            ],
        }


def promote(options: BuildOptions, patterns: Sequence[str], namespace: str, sink: EventSink) -> Promoted:
    """Publish what the patterns select, with its closure, at each remote of a namespace.

    Raises:
        UsageError: no such namespace, no right to write there, no key, or something was read that is not committed.
        RemoteFailed: a remote did not take all of it.
        LkbuildError: something could not be built.
    """
    with building(sink), open_session(options) as session:
        chosen = destinations(session, namespace, (WRITE_BLOBS, WRITE_RESULTS))
        analyses, requested = request(session, select(session, patterns))
        actions = actions_of(analyses)
        sink.emit(BuildStarted(targets=tuple(item.selected.text for item in requested), actions=len(actions)))
        with make_loop(session, sink) as loop:
            execution, missing = _closure(session, loop, requested, actions)
            refuse_uncommitted(session, chosen)
            publications = tuple(loop.publications(execution))
        shared = _closures(session, requested, execution.graph)
        sent = {item.policy.url: _send(session, item, publications, shared, sink) for item in chosen}
        return Promoted(
            namespace=namespace,
            results=len(publications),
            to_build=tuple(f"{planned.info.label} {planned.info.mnemonic}" for planned in missing),
            sent=sent,
            dry_run=options.dry_run,
        )


def _closure(
    session: Session, loop: BuildLoop, requested: Sequence[Requested], actions: Mapping[ActionId, PlannedAction]
) -> tuple[Execution, tuple[PlannedAction, ...]]:
    """Every result of the closure, brought about where it is nowhere; in a dry run those that are somewhere, and what would run."""
    tops = tuple(dict.fromkeys(action for item in requested for action in item.actions()))
    wish = make_wish(session, tops, actions)
    graph = loop.graph(wish)
    every = tuple(action for action in graph.order if actions[action].spec.cacheable)
    wish = replace(wish, wanted=every, closures=tuple(closures_of(session, requested)), download=Download.ALL)
    if session.options.dry_run:
        _, demand = loop.plan(wish)
        return Execution(graph, results=demand.results), tuple(actions[action] for action in demand.needed)
    execution = loop.execute(wish)
    for error in execution.errors.values():
        raise error
    return execution, ()


def _closures(session: Session, requested: Sequence[Requested], graph: ActionGraph) -> tuple[Closure, ...]:
    return tuple(Closure(key, graph.shareable(graph.below(tops))) for key, tops in closures_of(session, requested).items())


def _send(
    session: Session, destination: Destination, publications: Sequence[Publication], closures: Sequence[Closure], sink: EventSink
) -> Sent:
    from lkbuild.remote.publisher import Publisher  # noqa: PLC0415 - most commands have no remote

    failures = list[str]()
    with opened(session, destination, sink, failures) as peer:
        publisher = Publisher(peer, session.store.blobs, dry=session.options.dry_run)
        for publication in publications:
            publisher.put(publication)
        for closure in closures:
            publisher.put(closure)
        publisher.close(lambda: sink.emit(Notice(text=f"sending to {destination.policy.url}")))
    if session.options.cancel():
        raise Interrupted("stopped; what is there already is not sent a second time")
    sent = publisher.sent
    if failures or (not session.options.dry_run and sent.results + sent.present + sent.different < len(publications)):
        text = failures[0] if failures else f"remote {destination.policy.url}: not all of it could be read from the store"
        raise RemoteFailed(text, hint="promote it again: what is there already is not sent a second time")
    return sent
