"""Use case: who signed what the remotes hold of targets and of all that they are made from, and what of it would be refused."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lkbuild.app.executing import actions_of
from lkbuild.app.options import BuildOptions
from lkbuild.app.remotes import chosen, plan_of
from lkbuild.app.request import request
from lkbuild.app.selection import select
from lkbuild.app.session import Session, open_session
from lkbuild.app.trust import day_text, trusting
from lkbuild.base.digest import Digest
from lkbuild.base.errors import RemoteFailed, Untrusted, UsageError
from lkbuild.execution.plan import build_graph
from lkbuild.loading.cache_policy import POLICY_FILE
from lkbuild.model.action import PlannedAction
from lkbuild.model.cache_policy import RemotePolicy, TrustedKey, key_text

if TYPE_CHECKING:
    from lkbuild.remote.auditing import Finding

_UNSIGNED = "unsigned"


def audit(options: BuildOptions, patterns: Sequence[str]) -> dict[str, Any]:
    """What each remote has of the closure of what the patterns select, by who signed it. Builds nothing, and keeps nothing.

    Raises:
        UsageError: there is no remote to look at.
        RemoteFailed: one can't be asked.
        Untrusted: under --trust=strict, something would be refused.
    """
    with open_session(options) as session:
        remotes, keys = chosen(session)
        if not remotes:
            raise UsageError("there is no remote to look at", hint=f"list some in {POLICY_FILE}, or give --remote URL")
        analyses, requested = request(session, select(session, patterns))
        file = session.sources.file
        tops = dict.fromkeys(action for item in requested for action in item.actions())
        graph = build_graph(tops, actions_of(analyses), lambda source: file(source).digest, lambda source: file(source).executable)
        wanted = {graph.recipes[action]: graph.actions[action] for action in graph.order if graph.actions[action].spec.cacheable}
        shown = [_shown(policy, keys, wanted, _examined(session, policy, keys, tuple(wanted))) for policy in remotes]
    if options.strict_trust and (count := sum(len(item["refused"]) for item in shown)):
        first = next(item for remote in shown for item in remote["refused"])
        raise Untrusted(
            f"{count} results would be refused: {first['action']}: {first['reason']}", hint="without --trust=strict they are listed"
        )
    return {"version": 1, "ok": True, "results": len(wanted), "remotes": shown}


def _examined(session: Session, policy: RemotePolicy, keys: tuple[TrustedKey, ...], recipes: Sequence[Digest]) -> tuple[Finding, ...]:
    from lkbuild.remote.auditing import examine  # noqa: PLC0415 - most commands have no remote
    from lkbuild.remote.opening import Guarding, Listeners, open_peer  # noqa: PLC0415 - the same
    from lkbuild.remote.peer import Rights  # noqa: PLC0415 - the same
    from lkbuild.remote.tally import Tally  # noqa: PLC0415 - the same

    failures: list[str] = []
    # Looked at, whatever builds may do there.
    plan = replace(trusting(plan_of(session, policy), policy, keys, None), rights=Rights(write_results=False, write_blobs=False))
    peer = open_peer(plan, session.store.blobs, Tally(), Listeners(tell=failures.append), Guarding(cancelled=session.options.cancel))
    try:
        found = examine(peer, recipes)
    finally:
        peer.client.close()
    if failures:
        raise RemoteFailed(failures[0])
    return found


def _shown(
    policy: RemotePolicy, keys: tuple[TrustedKey, ...], wanted: Mapping[Digest, PlannedAction], findings: Sequence[Finding]
) -> dict[str, Any]:
    """One remote, as `lkbuild cache audit --json` has it."""
    known = {key_text(key.public): key for key in keys}
    now = time.time()
    signers = []
    for public, count in Counter(item.signer or _UNSIGNED for item in findings).most_common():
        key = known.get(public)
        invalid = (None if public == _UNSIGNED else f"is not in {POLICY_FILE}") if key is None else key.invalid(policy.namespace, now)
        signers.append(
            {
                "name": key.name if key else None,
                "public": public,
                "results": count,
                "until": day_text(key.until) if key else None,
                "invalid": invalid,
            }
        )
    refused = [
        {"action": f"{wanted[item.recipe].info.label} {wanted[item.recipe].info.mnemonic}", "reason": item.refused}
        for item in findings
        if item.refused is not None
    ]
    return {
        "url": policy.url,
        "namespace": policy.namespace,
        "signed": policy.signed,
        "found": len(findings),
        "missing": len(wanted) - len(findings),
        "signers": signers,
        "refused": sorted(refused, key=lambda item: (item["action"], item["reason"])),
    }
