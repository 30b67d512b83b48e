"""An engine that runs actions: uploads what a worker needs, follows the execution, receives what came out.

An execution survives what happens to its connection: it is waited for again by its name, and begun again where the engine has forgotten it.
Inputs that the engine has lost go up again. Knows one server; does not know what a command is, nor where else it could run.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from lkbuild.base import wire
from lkbuild.base.digest import EMPTY, Digest
from lkbuild.base.errors import RemoteFailed
from lkbuild.base.values import dataclass
from lkbuild.model.action import EncodedAction, OutputFile, OutputTree
from lkbuild.model.ports import CANCELLED, BlobMissing, BlobStore, EngineResult, EngineRun, unheard
from lkbuild.model.tree import Directory, decode_digest
from lkbuild.remote import execution_messages as messages
from lkbuild.remote.channel import Channel
from lkbuild.remote.connection import Connection
from lkbuild.remote.execution_messages import Operation, Response, Status
from lkbuild.remote.faults import Fault, NotThere, Unavailable
from lkbuild.remote.gathering import Gathering
from lkbuild.remote.listening import SETTLED_S, Listening
from lkbuild.remote.names import Name
from lkbuild.remote.naming import Naming
from lkbuild.remote.receiving import Receiver
from lkbuild.remote.uploading import Uploader

#: How often a broken connection is mended before the engine is given up: seven tries are five seconds, as a scheduler takes to restart.
_TRIES: Final = 7
#: How often inputs that an engine has lost are uploaded, or outputs that it has lost are made again.
_ROUNDS: Final = 3
#: What an engine may take beyond the command's time limit, to upload what it made: then it has hung.
_SLACK_S: Final = 300.0
#: A connection that held for so long was one: some balancers cut every stream after a minute, and an action may take hours.
_LONG_S: Final = 10.0
_LOG_LIMIT: Final = 16 << 20
#: google.rpc.Code: CANCELLED, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, FAILEDABORTED, UNAVAILABLE.
_CANCELLED, _DEADLINE, _EXHAUSTED, _ABORTED, _UNAVAILABLE = 1, 4, 8, 10, 14


@dataclass(slots=True, eq=False)
class _Upload:
    """An action that is to be there with all that it takes; `name`: what it is called there."""

    action: EncodedAction
    name: Name = Name(EMPTY)


class RemoteEngine:
    """An Engine. Safe to use from many threads."""

    def __init__(
        self,
        connection: Connection,
        channel: Channel,
        instance: str,
        shown: str,
        redact: Callable[[str], str] = str,
        *,
        settled_s: float = SETTLED_S,
    ) -> None:
        """Nothing is asked before the first action.

        `connection` goes over `channel`; `shown`: how the engine is called in messages; `redact` takes secrets out of what it says;
        `settled_s`: what a command writes is listened to once it has run for so long.
        """
        self._settled = settled_s
        self._connection, self._channel, self._instance = connection, channel, instance
        self._shown, self._redact = shown, redact
        self._local: BlobStore = connection.local
        self._receiver = Receiver(connection)
        # One at a time: actions that need the same toolchain must not both upload it; what waits goes together.
        self.uploads = Gathering(self._upload)
        self._uploader = Uploader(connection.client, connection.local, self._insist)
        self._stop: Callable[[], bool] = bool  # whether who uploads now waits for it no more
        #: Directories that the engine has with everything below.
        self._whole: set[Digest] = set()

    def run(
        self, request: EngineRun, *, cancelled: Callable[[], bool], running: Callable[[], None], output: Callable[[bytes], None] = unheard
    ) -> EngineResult:
        """See Engine."""
        listening = Listening(self._channel, output, self._settled)
        try:
            return self._run(request, _Ears(cancelled, running, listening, output))
        except Fault as fault:
            raise RemoteFailed(
                f"remote {self._shown}: {self._redact(str(fault))}",
                hint="--strategy=sandbox runs commands here; docs/guide/remote-execution.md",
            ) from fault
        finally:
            listening.end()

    def close(self) -> None:
        """Give the connection up."""
        self._connection.client.close()

    def _run(self, request: EngineRun, ears: _Ears) -> EngineResult:
        naming = self._connection.naming()
        fresh = request.fresh
        lost: Fault | None = None
        for attempt in range(_ROUNDS):
            upload = _Upload(request.action)
            self.uploads.join(upload, ears.cancelled)
            message = messages.execute_request(self._instance, upload.name, naming.function.number, fresh=fresh)
            following = _Following(self._channel, message, request.timeout_s, ears)
            guard = self._connection.guard
            try:
                response = guard.ask(following.go_on, tries=max(_TRIES, guard.tries), advanced=following.advanced)
            except Refused as fault:
                if attempt:
                    raise
                lost = fault  # buildbox's workers say INTERNAL where an input is gone: look once
                self._forget()
                continue
            if response.status.missing:
                lost = Fault(f"inputs are missing there: {response.status.message}")
                self._forget()
                continue
            try:
                return self._result(response, ears)
            except NotThere as fault:
                lost, fresh = fault, True
        raise lost or Fault("nothing came of it")

    # --- up ---------------------------------------------------------------------------------------------------------------

    def _upload(self, uploads: Sequence[_Upload], ended: Callable[[], bool]) -> None:
        """Have everything there of some actions. Raises Fault, BlobMissing."""
        naming, self._stop = self._connection.naming(), ended
        found: dict[Name, Digest | bytes] = {}
        whole: set[Digest] = set()
        for upload in uploads:
            action = upload.action
            upload.name, own = naming.action(action)
            found.update(own)
            fields = {number: value for number, value in wire.fields(action.messages[action.key]) if isinstance(value, bytes)}
            self._collect(decode_digest(fields[2]), action.messages, naming, found, whole)
        wanted = {name: source for name, source in found.items() if name.size and name not in self._uploader.present}
        if wanted:
            missing = self._connection.guard.ask(lambda: self._connection.client.missing(tuple(wanted)))
            self._uploader.present.update(wanted.keys() - missing)
            self._uploader.send({name: wanted[name] for name in missing})
            for name in wanted.keys() - self._uploader.present:
                source = wanted[name]
                raise BlobMissing(source) if isinstance(source, Digest) else Fault(f"it does not take {name.short}")
        self._whole |= whole

    def _collect(
        self, root: Digest, own: Mapping[Digest, bytes], naming: Naming, found: dict[Name, Digest | bytes], seen: set[Digest]
    ) -> None:
        """Add to `found` all that is below a directory, but for what the engine has, and to `seen` the directories that were looked at."""
        todo = [root]
        while todo:
            digest = todo.pop()
            if digest in self._whole or digest in seen:
                continue
            seen.add(digest)
            data = own[digest] if digest in own else self._local.get_bytes(digest)
            directory = Directory.decode(data)
            found[naming.directory(digest, own)] = data if naming.native else naming.translated(directory, own)
            found.update({naming.blob(node.digest): node.digest for node in directory.files})
            todo.extend(node.digest for node in directory.directories)

    def _insist(self, act: Callable[[], None]) -> bool:
        if self._stop():
            raise Fault(CANCELLED)
        self._connection.guard.ask(act)
        return True

    def _forget(self) -> None:
        """It has lost something, and does not say what in a way that all servers share: look at everything again."""

        def forget() -> None:
            self._whole.clear()
            self._uploader.present.clear()

        self.uploads.alone(forget)

    # --- down -------------------------------------------------------------------------------------------------------------

    def _result(self, response: Response, ears: _Ears) -> EngineResult:
        status, made = response.status, response.result
        reason = _reason(status)
        log = self._log(made.logs, ears)
        if reason is not None or made.exit_code != 0:
            return EngineResult(exit_code=made.exit_code, reason=reason, log=log)
        names = self._receiver.files(name for _, name, _ in made.files)
        return EngineResult(
            exit_code=0,
            files=tuple(OutputFile(path, names[name], executable) for path, name, executable in made.files),
            trees=tuple(OutputTree(path, self._receiver.tree(name)) for path, name in made.directories),
            strays=made.links,
            log=log,
            seconds=made.seconds,
        )

    def _log(self, logs: tuple[Name | bytes, Name | bytes], ears: _Ears) -> bytes:
        """What the command wrote; who listens has heard all of it then."""
        out = self._receiver.log(logs[:1], _LOG_LIMIT)
        error = self._receiver.log(logs[1:], _LOG_LIMIT - len(out))
        ears.listening.end()
        rest = ears.listening.rest((out, error))
        if rest:
            ears.output(rest)
        return out + error


class Refused(Fault):
    """The engine was asked in the right way, and did not run it."""


@dataclass(frozen=True, slots=True)
class _Ears:
    """Who waits for an execution: whether still, and what is to be told meanwhile."""

    cancelled: Callable[[], bool]
    running: Callable[[], None]
    listening: Listening
    output: Callable[[bytes], None]


class _Following:
    """One execution, from the request to its answer, over as many connections as that takes."""

    def __init__(self, channel: Channel, request: bytes, timeout_s: float, ears: _Ears) -> None:
        self._channel, self._request, self._timeout = channel, request, timeout_s
        self._ears = ears
        self._name = ""
        self._due = math.inf
        self._executing = self._moved = False

    def go_on(self) -> Response:
        """Ask for it, or wait for it where it was asked for. Raises Fault; Unavailable where that may help once more."""
        try:
            return self._read(self._operations())
        except NotThere as fault:
            if not self._name:
                raise
            self._name, self._due = "", math.inf  # the engine has forgotten it: it is asked for again
            raise Unavailable(f"it has forgotten what it ran: {fault}") from fault
        except Unavailable as fault:
            if not self._ears.cancelled():
                raise
            if self._name:
                self._channel.last_word(messages.CANCEL, messages.wait_request(self._name))
            raise Fault(CANCELLED) from fault

    def advanced(self) -> bool:
        """Whether it got further since this was asked last. An answer alone says nothing: an engine may answer and break off for ever."""
        moved, self._moved = self._moved, False
        return moved

    def _operations(self) -> Iterator[bytes]:
        method, request = (messages.WAIT, messages.wait_request(self._name)) if self._name else (messages.EXECUTE, self._request)
        return self._channel.follow(method, request, due=lambda: self._due, cancelled=self._ears.cancelled)

    def _read(self, stream: Iterator[bytes]) -> Response:
        began = time.monotonic()
        try:
            for data in stream:
                operation = messages.parse_operation(data)
                self._take(operation)
                if operation.response is not None:
                    self._name, self._due = "", math.inf  # it is over: if it must be, it is asked for anew
                    return _judged(operation.response)
        finally:
            self._moved = self._moved or time.monotonic() - began > _LONG_S
        raise Unavailable("it ended without an answer")

    def _take(self, operation: Operation) -> None:
        self._name = operation.name
        if operation.executing:
            self._ears.listening.to(operation.streams)
        if operation.executing and self._due == math.inf:
            self._due = time.monotonic() + self._timeout + _SLACK_S
            if not self._executing:
                self._executing = self._moved = True
                self._ears.running()


def _judged(response: Response) -> Response:
    """The response, if the action was run. Raises Refused where the engine could not, Unavailable where it may another time."""
    status = response.status
    if status.code in (messages.OK, _DEADLINE) or status.missing:
        return response
    if status.code in (_UNAVAILABLE, _ABORTED, _EXHAUSTED, _CANCELLED):
        raise Unavailable(status.message or f"status {status.code}")
    raise Refused(f"it does not run this: {status.message or f'status {status.code}'}")


def _reason(status: Status) -> str | None:
    return None if status.code == messages.OK else "took longer than its time limit"
