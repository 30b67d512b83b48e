"""Use case: sign results of targets that lie in a namespace and count for nobody there: those that this store has come to as well.

Nothing is built, and no bytes are sent: who signs says what it knows. What others have built and we have not is not ours to vouch for:
`lkbuild cache promote` takes it in first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from lkbuild.app.destinations import destinations, opened, refuse_uncommitted
from lkbuild.app.engine import make_loop
from lkbuild.app.executing import actions_of
from lkbuild.app.options import BuildOptions
from lkbuild.app.phase import building
from lkbuild.app.request import request
from lkbuild.app.selection import select
from lkbuild.app.session import open_session
from lkbuild.app.settings import make_wish
from lkbuild.base.errors import Interrupted, RemoteFailed, UsageError
from lkbuild.execution.build import Execution
from lkbuild.model.cache_policy import WRITE_RESULTS
from lkbuild.model.events import BuildStarted, EventSink

_OFF = "off"


def sign(options: BuildOptions, patterns: Sequence[str], namespace: str, sink: EventSink) -> dict[str, Any]:
    """Sign what the patterns select, and all that it is made from, at each remote of a namespace; what came of it, as `--json` has it.

    Raises:
        UsageError: no such namespace, no right to write there, no key, or something was read that is not committed.
        RemoteFailed: a remote can't be asked, or refuses.
    """
    if not patterns:
        raise UsageError("sign what?", hint="name targets: whoever signs says which results are right")
    with building(sink), open_session(replace(options, remotes=(_OFF,), strict_trust=False)) as session:
        chosen = destinations(session, namespace, (WRITE_RESULTS,))
        analyses, requested = request(session, select(session, patterns))
        actions = actions_of(analyses)
        sink.emit(BuildStarted(targets=tuple(item.selected.text for item in requested), actions=len(actions)))
        with make_loop(session, sink) as loop:
            wish = make_wish(session, tuple(dict.fromkeys(action for item in requested for action in item.actions())), actions)
            graph = loop.graph(wish)
            every = tuple(action for action in graph.order if actions[action].spec.cacheable)
            _, known = loop.plan(replace(wish, wanted=every))
            refuse_uncommitted(session, chosen)
            ours = tuple(loop.publications(Execution(graph, results=known.results)))
        remotes = []
        for item in chosen:
            from lkbuild.remote.countersigning import countersign  # noqa: PLC0415 - most commands have no remote

            failures = list[str]()
            with opened(session, item, sink, failures) as peer:
                done = countersign(peer, item.trust(), item.signer(), ours, dry=options.dry_run)
            if options.cancel():
                raise Interrupted("stopped; what was signed stays so")
            if failures:
                raise RemoteFailed(failures[0], hint="sign again: what was signed stays so")
            remotes.append({"url": item.policy.url, **asdict(done)})
        unknown = len({graph.recipes[action] for action in every}) - len(ours)
        return {
            "version": 1,
            "ok": True,
            "dry_run": options.dry_run,
            "namespace": namespace,
            "results": len(ours),
            "unknown": unknown,
            "remotes": remotes,
        }
