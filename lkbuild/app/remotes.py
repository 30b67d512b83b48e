"""From options and policy to the remotes of a build. Does not know what is asked of them."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lkbuild import __version__
from lkbuild.app.committed import Withheld
from lkbuild.app.session import Session
from lkbuild.app.trust import signing_key, trusting
from lkbuild.base.errors import UsageError
from lkbuild.base.values import dataclass
from lkbuild.loading.cache_policy import POLICY_FILE, load_cache_policy
from lkbuild.model.cache_policy import (
    ANYTHING,
    EXECUTE,
    PROMOTED,
    READ_BLOBS,
    READ_RESULTS,
    RIGHTS,
    WRITE_BLOBS,
    WRITE_RESULTS,
    RemotePolicy,
    TrustedKey,
)
from lkbuild.model.events import EventSink, Notice
from lkbuild.model.ports import BlobStore, Engine, RemoteCache
from lkbuild.sandbox.credential_helper import run_helper

if TYPE_CHECKING:
    from lkbuild.remote.engine import RemoteEngine
    from lkbuild.remote.opening import Guarding, Plan
    from lkbuild.remote.tally import Tally

_OFF = "off"


@dataclass(frozen=True, slots=True)
class Opened:
    """A store with what stands behind it: remote caches, if there are any, and the one that executes, if commands are to run there."""

    blobs: BlobStore
    remote: RemoteCache | None = None
    engine: Engine | None = None


@contextlib.contextmanager
def open_remotes(session: Session, sink: EventSink) -> Iterator[Opened]:
    """The store of a session, with its remotes behind it; at the end, uploads are waited for. Raises UsageError."""
    local = session.store.blobs
    policies, keys = chosen(session)
    policies = tuple(used for policy in policies if (used := _for_builds(policy)).rights)
    if not policies:
        if session.options.away:
            engine_policy(session)  # raises
        yield Opened(local)
        return
    from lkbuild.remote.blobs import RemoteBlobs  # noqa: PLC0415 - most builds have no remote
    from lkbuild.remote.cache import Complaints, Remotes  # noqa: PLC0415 - the same
    from lkbuild.remote.opening import Guarding, Listeners, open_peer  # noqa: PLC0415 - the same
    from lkbuild.remote.tally import Tally  # noqa: PLC0415 - the same

    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # gRPC's C core writes to stderr what we say in one line
    tallies = {policy.url: Tally(policy.url) for policy in policies}
    complaints = Complaints()

    def tell(text: str) -> None:
        if session.options.remote_required:
            complaints.add(text)
        else:
            sink.emit(Notice(text=f"{text}; the build goes on without it"))

    guarding = Guarding(cancelled=session.options.cancel)
    listeners = Listeners(
        tell=tell,
        refuse=complaints.refuse if session.options.strict_trust else None,
        report=lambda text: sink.emit(Notice(text=text)),
    )
    signing = signing_key(session.options) if any(WRITE_RESULTS in policy.rights for policy in policies) else None
    plans = [trusting(plan_of(session, policy), policy, keys, signing) for policy in policies]
    peers = [open_peer(plan, local, tallies[policy.url], listeners, guarding) for policy, plan in zip(policies, plans, strict=True)]
    remotes = Remotes(peers, local, [tallies[policy.url] for policy in policies], complaints, Withheld(session, sink))
    blobs = RemoteBlobs(local, remotes)
    executing = engine_policy(session) if session.options.away else None
    engine = None if executing is None else _engine(session, executing, blobs, tallies[executing.url], guarding)
    try:
        yield Opened(blobs, remotes, engine)
    except BaseException:
        with contextlib.suppress(Exception):
            remotes.close()  # what was built before goes up all the same; the error that is on its way is the one to be told
        raise
    finally:
        if engine is not None:
            engine.close()
    remotes.close(lambda: sink.emit(Notice(text="uploading what was built; Ctrl-C ends that")))


def _engine(session: Session, policy: RemotePolicy, blobs: BlobStore, tally: Tally, guarding: Guarding) -> RemoteEngine:
    from lkbuild.remote.opening import open_engine  # noqa: PLC0415 - most builds have none

    return open_engine(plan_of(session, policy), blobs, tally, guarding, patient=session.options.remote_required)


def chosen(session: Session) -> tuple[tuple[RemotePolicy, ...], tuple[TrustedKey, ...]]:
    """The remotes to use, in order, and the keys of those whose results count.

    First the remotes of the command line, then the policy's; a URL that stands in both keeps its policy. Raises UsageError, LoadError.
    """
    options = session.options
    if options.offline or _OFF in options.remotes or not session.store.writable:
        return (), ()
    policy = load_cache_policy(session.root)
    declared = {remote.url: remote for remote in policy.remotes}
    signed = bool(policy.keys)  # who has keys means them, also of a remote that no policy knows
    given = [declared.pop(url, RemotePolicy(url=url, rights=frozenset(RIGHTS), signed=signed)) for url in options.remotes]
    remotes = (*given, *declared.values())
    if options.strict_trust:
        if remotes and not policy.keys:
            raise UsageError("--trust=strict, and nobody is trusted", hint=f"list builders' public keys in {POLICY_FILE}, below `keys:`")
        remotes = tuple(replace(remote, signed=True) for remote in remotes)
    return remotes, policy.keys


def _for_builds(policy: RemotePolicy) -> RemotePolicy:
    """A remote as builds use it: what is promoted to it is none of their business."""
    return replace(policy, rights=policy.rights - {WRITE_BLOBS, WRITE_RESULTS}) if policy.publish == PROMOTED else policy


def engine_policy(session: Session) -> RemotePolicy:
    """The remote whose workers run commands: the first that may. Raises UsageError, LoadError."""
    found = next((policy for policy in chosen(session)[0] if EXECUTE in policy.rights and not policy.url.startswith("http")), None)
    if found is None:
        raise UsageError(
            f"--strategy={session.options.strategy}, and no remote executes",
            hint=f"--remote grpc://HOST:PORT, or a remote in {POLICY_FILE} that has `execute` among its rights",
        )
    return found


def plan_of(session: Session, policy: RemotePolicy) -> Plan:
    """How a remote of the policy is to be used. Raises UsageError."""
    from lkbuild.remote.address import parse_address  # noqa: PLC0415 - most builds have no remote
    from lkbuild.remote.credentials import Credentials, TlsFiles  # noqa: PLC0415 - the same
    from lkbuild.remote.opening import Plan  # noqa: PLC0415 - the same
    from lkbuild.remote.peer import Rights  # noqa: PLC0415 - the same

    rights = Rights(
        read_results=READ_RESULTS in policy.rights,
        read_blobs=READ_BLOBS in policy.rights,
        write_results=WRITE_RESULTS in policy.rights,
        write_blobs=WRITE_BLOBS in policy.rights,
        anything=policy.publish == ANYTHING,
    )
    environment = session.options.environment
    values = {name: environment[variable] for name, variable in policy.headers if environment.get(variable)}

    def place(text: str | None) -> Path | None:
        if text is None:
            return None
        return session.root / (environment.get("HOME", "") + text[1:] if text.startswith("~/") else text)

    address = parse_address(policy.url)
    program = place(policy.credential_helper)

    def helped(program: Path) -> bytes:
        request = json.dumps({"uri": address.uri}).encode()
        return run_helper(program, request, session.root, environment)

    return Plan(
        address=address,
        credentials=Credentials(values, place(policy.token_file), partial(helped, program) if program else None),
        tls=TlsFiles(ca=place(policy.ca), certificate=place(policy.certificate), key=place(policy.key)),
        rights=rights,
        quiet_s=policy.timeout_s,
        http_blake3=policy.http_digests == "blake3",
        version=__version__,
        invocation=session.options.invocation,
    )
