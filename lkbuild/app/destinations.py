"""Where results are signed anew: the remotes of a namespace, the key, and what is refused before anything is sent.

Shared by `lkbuild cache promote` and `sign`. Does not know what goes there.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from lkbuild.app.committed import uncommitted
from lkbuild.app.remotes import plan_of
from lkbuild.app.session import Session
from lkbuild.app.trust import signing_key
from lkbuild.base.errors import UsageError, nearest
from lkbuild.base.values import dataclass
from lkbuild.loading.cache_policy import POLICY_FILE, load_cache_policy
from lkbuild.model.cache_policy import ANYTHING, RemotePolicy, TrustedKey, key_text
from lkbuild.model.events import EventSink, Notice

if TYPE_CHECKING:
    from lkbuild.remote.peer import Peer
    from lkbuild.remote.signing import SigningKey
    from lkbuild.remote.trust import Signer, Trust


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where things go: a remote of the policy, and who says there that they are right."""

    policy: RemotePolicy
    key: SigningKey
    trusted: tuple[TrustedKey, ...]

    def signer(self) -> Signer:
        """Signs for the remote's namespace."""
        from lkbuild.remote.trust import Signer  # noqa: PLC0415 - most commands have no remote

        return Signer(self.key, self.policy.namespace)

    def trust(self) -> Trust:
        """Whose results count there."""
        from lkbuild.remote.trust import Trust  # noqa: PLC0415 - most commands have no remote

        return Trust(keys=self.trusted, namespace=self.policy.namespace)


def destinations(session: Session, namespace: str, rights: Sequence[str]) -> tuple[Destination, ...]:
    """The remotes of a namespace. Raises UsageError: there is none, none of these rights there, no key or one that does not count."""
    if session.options.offline:
        raise UsageError("--offline: nothing can be signed anew without the network")
    policy = load_cache_policy(session.root)
    known = tuple(dict.fromkeys(remote.namespace for remote in policy.remotes))
    chosen = tuple(remote for remote in policy.remotes if remote.namespace == namespace)
    if not chosen:
        hint = nearest(namespace, known) or (f"there are: {', '.join(known)}" if known else f"list remotes in {POLICY_FILE}")
        raise UsageError(f"no remote has the namespace '{namespace}'", hint=hint)
    for remote in chosen:
        if not remote.rights >= set(rights):
            raise UsageError(f"{remote.url} is not written to, by {POLICY_FILE}", hint=f"its `rights:` need {' and '.join(rights)}")
    key = signing_key(session.options)
    if key is None:
        raise UsageError("it takes a key to sign, and there is none", hint="--signing-key FILE; `lkbuild cache keygen FILE` makes one")
    own = next((item for item in policy.keys if item.public == key.public()), None)
    if own is not None and (reason := own.invalid(None, time.time())) is not None:
        raise UsageError(f"this is the key '{own.name}', which {reason}", hint="sign with another one")
    # A partner trusts it there, whatever counts for our own builds.
    ours = TrustedKey(name=own.name if own else key_text(key.public()), public=key.public(), namespaces=frozenset((namespace,)))
    trusted = (ours, *(item for item in policy.keys if item != own))
    return tuple(Destination(policy=remote, key=key, trusted=trusted) for remote in chosen)


def refuse_uncommitted(session: Session, chosen: Sequence[Destination]) -> None:
    """Return if what was read so far is what is committed, or may go there all the same. Raises UsageError."""
    if all(item.policy.publish == ANYTHING for item in chosen):
        return
    reason = uncommitted(session)
    if reason is not None:
        raise UsageError(f"nothing is signed: {reason}", hint=f"commit it; or write `publish: {ANYTHING}` at the remote in {POLICY_FILE}")


@contextlib.contextmanager
def opened(session: Session, destination: Destination, sink: EventSink, failures: list[str]) -> Iterator[Peer]:
    """A destination's remote; what goes wrong with it is added to `failures`."""
    from lkbuild.remote.opening import Guarding, Listeners, open_peer  # noqa: PLC0415 - most commands have no remote
    from lkbuild.remote.tally import Tally  # noqa: PLC0415 - the same

    policy = destination.policy
    plan = replace(plan_of(session, policy), signer=destination.signer(), trust=destination.trust())
    # Who is not trusted there is no failure: our result takes its place.
    listeners = Listeners(tell=failures.append, refuse=_once(sink), report=lambda text: sink.emit(Notice(text=text)))
    peer = open_peer(plan, session.store.blobs, Tally(policy.url), listeners, Guarding(cancelled=session.options.cancel))
    try:
        yield peer
    finally:
        peer.client.close()


def _once(sink: EventSink) -> Callable[[str], None]:
    told: set[str] = set()

    def tell(text: str) -> None:
        if not told:
            told.add(text)
            sink.emit(Notice(text=f"{text}; it is replaced"))

    return tell
