"""Use case: publish a target and all that it is made from in another namespace, signed anew with our key, and nothing else of ours.

What of it is neither here nor at our remotes is built first, as by any build. Does not know what a server speaks.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lkbuild.app.build import actions_of, closures_of
from lkbuild.app.committed import uncommitted
from lkbuild.app.engine import make_loop
from lkbuild.app.options import BuildOptions
from lkbuild.app.remotes import plan_of
from lkbuild.app.request import Requested, request
from lkbuild.app.selection import select
from lkbuild.app.session import Session, open_session
from lkbuild.app.settings import make_wish
from lkbuild.app.trust import signing_key
from lkbuild.base.errors import Interrupted, RemoteFailed, UsageError, nearest
from lkbuild.base.values import dataclass
from lkbuild.execution.bringing import Download
from lkbuild.execution.build import BuildLoop, Execution
from lkbuild.execution.plan import ActionGraph
from lkbuild.loading.cache_policy import POLICY_FILE, load_cache_policy
from lkbuild.model.action import PlannedAction
from lkbuild.model.artifact import ActionId
from lkbuild.model.cache_policy import ANYTHING, WRITE_BLOBS, WRITE_RESULTS, RemotePolicy, TrustedKey, key_text
from lkbuild.model.events import BuildFinished, BuildStarted, EventSink, Notice
from lkbuild.model.ports import Closure, Publication

if TYPE_CHECKING:
    from lkbuild.remote.publisher import Sent
    from lkbuild.remote.signing import SigningKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where things go: a remote of the policy, and who says there that they are right."""

    policy: RemotePolicy
    key: SigningKey
    trusted: tuple[TrustedKey, ...]


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
    started = time.monotonic()
    ok = False
    try:
        with open_session(options) as session:
            destinations = _destinations(session, namespace)
            analyses, requested = request(session, select(session, patterns))
            actions = actions_of(analyses)
            sink.emit(BuildStarted(targets=tuple(item.selected.text for item in requested), actions=len(actions)))
            with make_loop(session, sink) as loop:
                execution, missing = _closure(session, loop, requested, actions)
                _refuse_uncommitted(session, destinations)
                publications = tuple(loop.publications(execution))
            shared = _closures(session, requested, execution.graph)
            sent = {item.policy.url: _send(session, item, publications, shared, sink) for item in destinations}
            ok = True
            return Promoted(
                namespace=namespace,
                results=len(publications),
                to_build=tuple(f"{planned.info.label} {planned.info.mnemonic}" for planned in missing),
                sent=sent,
                dry_run=options.dry_run,
            )
    finally:
        sink.emit(BuildFinished(ok=ok, seconds=time.monotonic() - started))


def _destinations(session: Session, namespace: str) -> tuple[Destination, ...]:
    if session.options.offline:
        raise UsageError("--offline: nothing can be promoted without the network")
    policy = load_cache_policy(session.root)
    known = tuple(dict.fromkeys(remote.namespace for remote in policy.remotes))
    chosen = tuple(remote for remote in policy.remotes if remote.namespace == namespace)
    if not chosen:
        hint = nearest(namespace, known) or (f"there are: {', '.join(known)}" if known else f"list remotes in {POLICY_FILE}")
        raise UsageError(f"no remote has the namespace '{namespace}'", hint=hint)
    for remote in chosen:
        if not remote.rights >= {WRITE_BLOBS, WRITE_RESULTS}:
            raise UsageError(
                f"{remote.url} is not written to, by {POLICY_FILE}", hint=f"its `rights:` need {WRITE_BLOBS} and {WRITE_RESULTS}"
            )
    key = signing_key(session.options)
    if key is None:
        raise UsageError(
            "what is promoted is signed, and there is no key", hint="--signing-key FILE; `lkbuild cache keygen FILE` makes one"
        )
    own = next((item for item in policy.keys if item.public == key.public()), None)
    if own is not None and (reason := own.invalid(None, time.time())) is not None:
        raise UsageError(f"this is the key '{own.name}', which {reason}", hint="sign with another one")
    # A partner trusts it there, whatever counts for our own builds.
    ours = TrustedKey(name=own.name if own else key_text(key.public()), public=key.public(), namespaces=frozenset((namespace,)))
    trusted = (ours, *(item for item in policy.keys if item != own))
    return tuple(Destination(policy=remote, key=key, trusted=trusted) for remote in chosen)


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


def _refuse_uncommitted(session: Session, destinations: Sequence[Destination]) -> None:
    if all(item.policy.publish == ANYTHING for item in destinations):
        return
    reason = uncommitted(session)
    if reason is not None:
        raise UsageError(f"nothing is promoted: {reason}", hint=f"commit it; or write `publish: {ANYTHING}` at the remote in {POLICY_FILE}")


def _closures(session: Session, requested: Sequence[Requested], graph: ActionGraph) -> tuple[Closure, ...]:
    return tuple(Closure(key, graph.shareable(graph.below(tops))) for key, tops in closures_of(session, requested).items())


def _send(
    session: Session, destination: Destination, publications: Sequence[Publication], closures: Sequence[Closure], sink: EventSink
) -> Sent:
    from lkbuild.remote.opening import Guarding, Listeners, open_peer  # noqa: PLC0415 - most commands have no remote
    from lkbuild.remote.publisher import Publisher  # noqa: PLC0415 - the same
    from lkbuild.remote.tally import Tally  # noqa: PLC0415 - the same
    from lkbuild.remote.trust import Signer, Trust  # noqa: PLC0415 - the same

    policy, blobs, failures = destination.policy, session.store.blobs, list[str]()
    plan = replace(
        plan_of(session, policy),
        signer=Signer(destination.key, policy.namespace),
        trust=Trust(keys=destination.trusted, namespace=policy.namespace),
    )
    # Who is not trusted there is no failure: our result takes its place.
    listeners = Listeners(tell=failures.append, refuse=_once(sink), report=lambda text: sink.emit(Notice(text=text)))
    peer = open_peer(plan, blobs, Tally(), listeners, Guarding(cancelled=session.options.cancel))
    publisher = Publisher(peer, blobs, dry=session.options.dry_run)
    try:
        for publication in publications:
            publisher.put(publication)
        for closure in closures:
            publisher.put(closure)
        publisher.close(lambda: sink.emit(Notice(text=f"sending to {policy.url}")))
    finally:
        peer.client.close()
    if session.options.cancel():
        raise Interrupted("stopped; what is there already is not sent a second time")
    sent = publisher.sent
    if failures or (not session.options.dry_run and sent.results + sent.present + sent.different < len(publications)):
        text = failures[0] if failures else f"remote {policy.url}: not all of it could be read from the store"
        raise RemoteFailed(text, hint="promote it again: what is there already is not sent a second time")
    return sent


def _once(sink: EventSink) -> Callable[[str], None]:
    told: set[str] = set()

    def tell(text: str) -> None:
        if not told:
            told.add(text)
            sink.emit(Notice(text=f"{text}; it is replaced"))

    return tell
