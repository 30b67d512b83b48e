"""From what a policy says of a remote to the remote itself: address, protocol, credentials, guard. Opens no connection."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field

from lkbuild.base.errors import UsageError
from lkbuild.base.values import dataclass
from lkbuild.model.ports import BlobStore
from lkbuild.remote import messages
from lkbuild.remote.address import Address
from lkbuild.remote.bazel_http import HttpClient
from lkbuild.remote.channel import Channel, ChannelSettings
from lkbuild.remote.client import Client
from lkbuild.remote.connection import Connection
from lkbuild.remote.credentials import Credentials, TlsFiles
from lkbuild.remote.engine import RemoteEngine
from lkbuild.remote.guard import PATIENT_TRIES, TRIES, Guard, Time
from lkbuild.remote.listening import SETTLED_S
from lkbuild.remote.names import BLAKE3, SHA256
from lkbuild.remote.peer import Ears, Peer, Rights, nobody
from lkbuild.remote.reapi import ANSWER_S, ReapiClient
from lkbuild.remote.tally import Tally
from lkbuild.remote.trust import Signer, Trust


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How one remote is to be used.

    Attributes:
        address: where it is.
        rights: what for.
        quiet_s: a call that makes no progress for so long is given up.
        answer_s: so is a question, other than one for bytes, that is not answered for so long.
        http_blake3: over HTTP, which has no negotiation: name blobs by BLAKE3, for servers that do not look.
        credentials, tls: who we are.
        trust: whose results count; None: anybody's.
        signer: signs what we publish.
        tool, version, invocation: what the server is told about who asks.
    """

    address: Address
    rights: Rights = field(default_factory=Rights)
    quiet_s: float = 30.0
    answer_s: float = ANSWER_S
    http_blake3: bool = False
    credentials: Credentials = field(default_factory=Credentials)
    tls: TlsFiles = field(default_factory=TlsFiles)
    trust: Trust | None = None
    signer: Signer | None = None
    tool: str = "lkbuild"
    version: str = ""
    invocation: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarding:
    """What a guard goes by: whether the user has had enough, and the time."""

    cancelled: Callable[[], bool] = lambda: False
    time: Time = field(default_factory=Time)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listeners:
    """Who gets what lines: `tell` one for each way in which a remote fails, `refuse` those about trust, `report` those about results."""

    tell: Callable[[str], None]
    refuse: Callable[[str], None] | None = None
    report: Callable[[str], None] = nobody


def open_peer(plan: Plan, local: BlobStore, tally: Tally, listeners: Listeners, guarding: Guarding) -> Peer:
    """The remote of a plan. Raises UsageError."""
    _check(plan)
    shown = plan.address.shown
    redact = plan.credentials.redact
    guard = Guard(lambda text: listeners.tell(f"remote {shown}: {redact(text)}"), guarding.cancelled, guarding.time)
    refuse = listeners.refuse
    ears = Ears(
        refused=None if refuse is None else lambda fault: refuse(f"remote {shown}: {fault}"),
        report=lambda text: listeners.report(f"remote {shown}: {text}"),
    )
    return Peer(_client(plan, tally, guarding), guard, local, plan.rights, trust=plan.trust, signer=plan.signer, ears=ears)


def open_engine(
    plan: Plan, local: BlobStore, tally: Tally, guarding: Guarding, *, patient: bool = False, settled_s: float = SETTLED_S
) -> RemoteEngine:
    """The engine of a plan, over a connection of its own. What goes wrong with it is told by its errors. Raises UsageError.

    `patient`: commands can run nowhere else, so one that has answered once is waited for for minutes.
    """
    _check(plan)
    channel = _channel(plan, tally, guarding)
    guard = Guard(_nobody, guarding.cancelled, guarding.time, PATIENT_TRIES if patient else TRIES)
    connection = Connection(ReapiClient(channel, plan.address.instance, answer_s=plan.answer_s, executes=True), guard, local)
    address = plan.address
    return RemoteEngine(connection, channel, address.instance, address.shown, plan.credentials.redact, settled_s=settled_s)


def _nobody(_text: str) -> None:
    """Is told nothing."""


def _check(plan: Plan) -> None:
    if plan.credentials.present and plan.address.is_open:
        raise UsageError(
            f"credentials for {plan.address.shown} could be read by anyone on the way", hint="use grpcs:// or https://, or leave them out"
        )


def _client(plan: Plan, tally: Tally, guarding: Guarding) -> Client:
    if plan.address.is_http:
        function = BLAKE3 if plan.http_blake3 else SHA256
        return HttpClient(plan.address.target, function, tally, quiet_s=plan.quiet_s, credentials=plan.credentials, tls=plan.tls)
    return ReapiClient(_channel(plan, tally, guarding), plan.address.instance, answer_s=plan.answer_s)


def _channel(plan: Plan, tally: Tally, guarding: Guarding) -> Channel:
    metadata = messages.request_metadata(plan.tool, plan.version, plan.invocation)
    headers = ((messages.METADATA_HEADER, metadata),)
    settings = ChannelSettings(quiet_s=plan.quiet_s, headers=headers, credentials=plan.credentials, tls=plan.tls)
    return Channel(plan.address, settings, tally, guarding.cancelled)
