"""Runs jobs in parallel, those on the critical path first, within what the machine has.

A job is an opaque id with jobs that must be done before it, a cost and what it needs of the machine. The scheduler does not know
what a job does. States, one enum and one place that changes them:

    WAITING -> READY -> RUNNING -> DONE | FAILED
    WAITING -> SKIPPED   (something it needs failed, or the build was stopped)
"""

from __future__ import annotations

import contextlib
import heapq
import queue
import threading
from collections.abc import Callable, Hashable, Sequence
from dataclasses import field
from enum import Enum
from typing import Final, Generic, Self, TypeVar

from lkbuild.base.errors import HostError, LkbuildError
from lkbuild.base.values import dataclass
from lkbuild.model.action import Resources

J = TypeVar("J", bound=Hashable)

#: How many jobs that only wait (downloads) run beside those that compute.
LIGHT_SLOTS: Final = 8

#: Seconds after which the waiting thread looks whether a signal has come to another one.
_LOOK_UP_S: Final = 0.2


class State(Enum):
    """Where a job is in its life."""

    WAITING = "waiting"
    READY = "ready"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job(Generic[J]):
    """One thing to do.

    Attributes:
        id: its name.
        needs: jobs that must be DONE before; ids that the schedule does not hold count as done.
        seconds: expected cost, for the critical path.
        resources: what it occupies while it runs.
    """

    id: J
    needs: tuple[J, ...]
    seconds: float
    resources: Resources = field(default_factory=Resources)


@dataclass(slots=True)
class Outcome(Generic[J]):
    """How a schedule ended: the state of each job, and the errors by job in order of time."""

    states: dict[J, State]
    errors: dict[J, LkbuildError] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What there is to share out.

    Attributes:
        slots: how many jobs run at once, beside LIGHT_SLOTS that only wait.
        cpus: how many there are to occupy.
        memory_mib: how much; None: nobody knows, so it is not looked at.
        away: how many jobs run elsewhere at once, beside all those.
    """

    slots: int
    cpus: int
    memory_mib: int | None = None
    away: int = 0


def critical_path(jobs: Sequence[Job[J]]) -> dict[J, float]:
    """For each job the expected time from its start to the end of everything that waits for it.

    `jobs` stand in dependency order; one reverse pass.
    """
    below: dict[J, float] = {}
    longest: dict[J, float] = {}
    for job in reversed(jobs):
        total = job.seconds + longest.get(job.id, 0.0)
        below[job.id] = total
        for need in job.needs:
            longest[need] = max(longest.get(need, 0.0), total)
    return below


class Scheduler(Generic[J]):
    """Runs one schedule, once."""

    def __init__(self, jobs: Sequence[Job[J]], run: Callable[[J], None], machine: Machine) -> None:
        """Make a schedule.

        Args:
            jobs: in dependency order.
            run: does a job in a worker thread; raises LkbuildError where it fails.
            machine: what they share.
        """
        self._jobs = {job.id: job for job in jobs}
        self._run = run
        self._slots = machine.slots
        self._cpus = machine.cpus
        self._memory = machine.memory_mib
        self._priority = critical_path(jobs)
        self._open: dict[J, int] = {}
        self._waiters: dict[J, list[J]] = {}
        # By what they need, since all of one kind fit or none does: to find the next job costs the kinds, not the ready jobs.
        self._ready: dict[Resources, list[tuple[float, int, J]]] = {}
        self._sequence = 0
        self._free_cpus = machine.cpus
        self._free_memory = machine.memory_mib or 0
        self._heavy = 0
        self._light = 0
        self._free_away = machine.away
        self._locks: set[str] = set()
        self._running = 0
        self._stop = False
        self._bug: BaseException | None = None
        #: For all of the above; no job runs under it.
        self._guard = threading.Lock()
        self._workers = _Workers(self._work)
        self._over: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._outcome: Outcome[J] = Outcome(dict.fromkeys(self._jobs, State.WAITING))

    def execute(self, *, keep_going: bool, cancelled: Callable[[], bool]) -> Outcome[J]:
        """Run everything that can be run. After the first failure without `keep_going`, nothing new starts.

        A worker whose job is done takes the next one itself: to ask another thread for it would leave a processor idle for two switches.
        An exception that is no LkbuildError is a bug: it is raised again here once the running jobs have ended.
        """
        self._keep_going, self._cancelled = keep_going, cancelled
        self._prepare()
        with self._workers:
            with self._guard:
                self._hand_out()
            self._wait()
        if self._bug is not None:
            raise self._bug
        for job, state in self._outcome.states.items():
            if state in (State.WAITING, State.READY):
                self._outcome.states[job] = State.SKIPPED
        return self._outcome

    def _wait(self) -> None:
        """Until all is over.

        Python handles signals in the main thread, which this may be, and the kernel gives one to any thread (to which, when it came while
        the process was stopped, is chance): a wait without an end would not notice that Ctrl-C was pressed.
        """
        while True:
            with contextlib.suppress(queue.Empty):
                return self._over.get(timeout=_LOOK_UP_S)

    def _hand_out(self, *, to_caller: bool = False) -> J | None:
        """Start what fits now. The first of it is returned, where the caller is a worker; others are for workers that wait."""
        mine: J | None = None
        while not self._stopped() and (job := self._next()) is not None:
            self._outcome.states[job] = State.RUNNING
            self._running += 1
            if to_caller and mine is None:
                mine = job
            else:
                self._workers.start(job, self._running)
        if self._running == 0:
            self._over.put(None)
        return mine

    def _stopped(self) -> bool:
        self._stop = self._stop or self._cancelled()  # running actions look for themselves
        return self._stop

    def _settle(self, job: J, error: BaseException | None) -> None:
        self._running -= 1
        self._release(job)
        if error is None:
            self._done(job)
        elif isinstance(error, LkbuildError):
            self._outcome.states[job] = State.FAILED
            self._outcome.errors[job] = error
            self._stop = self._stop or not self._keep_going
        else:
            self._bug, self._stop = error, True

    def _prepare(self) -> None:
        for job in self._jobs.values():
            needs = [need for need in job.needs if need in self._jobs]
            self._open[job.id] = len(needs)
            for need in needs:
                self._waiters.setdefault(need, []).append(job.id)
            if not needs:
                self._push(job.id)

    def _push(self, job: J) -> None:
        self._outcome.states[job] = State.READY
        self._sequence += 1
        heapq.heappush(self._ready.setdefault(self._jobs[job].resources, []), (-self._priority[job], self._sequence, job))

    def _next(self) -> J | None:
        """The most urgent ready job that fits now; others keep their place."""
        fitting = [(heap[0], kind) for kind, heap in self._ready.items() if self._fits(kind)]
        if not fitting:
            return None
        (_, _, job), kind = min(fitting, key=lambda entry: entry[0][:2])
        heap = self._ready[kind]
        heapq.heappop(heap)
        if not heap:
            del self._ready[kind]
        self._occupy(kind)
        return job

    def _share(self, resources: Resources) -> int:
        if resources.light or resources.away:
            return 0
        return min(self._cpus, resources.cpus) if resources.cpus else max(1, self._cpus - 1)

    def _memory_share(self, resources: Resources) -> int:
        """What it takes of what there is: one that wants more than that runs all the same, alone among those that want any."""
        return 0 if self._memory is None or resources.away else min(self._memory, resources.memory_mib)

    def _fits(self, resources: Resources) -> bool:
        if resources.lock in self._locks or self._memory_share(resources) > self._free_memory:
            return False
        if resources.away:
            return self._free_away > 0
        if resources.light:
            return self._light < LIGHT_SLOTS
        return self._heavy < self._slots and self._share(resources) <= self._free_cpus

    def _occupy(self, resources: Resources) -> None:
        self._free_cpus -= self._share(resources)
        self._free_memory -= self._memory_share(resources)
        self._free_away -= resources.away
        self._heavy += not (resources.light or resources.away)
        self._light += resources.light
        if resources.lock is not None:
            self._locks.add(resources.lock)

    def _release(self, job: J) -> None:
        resources = self._jobs[job].resources
        self._free_cpus += self._share(resources)
        self._free_memory += self._memory_share(resources)
        self._free_away += resources.away
        self._heavy -= not (resources.light or resources.away)
        self._light -= resources.light
        if resources.lock is not None:
            self._locks.discard(resources.lock)

    def _done(self, job: J) -> None:
        self._outcome.states[job] = State.DONE
        for waiter in self._waiters.get(job, ()):
            self._open[waiter] -= 1
            if self._open[waiter] == 0:
                self._push(waiter)

    def _work(self, job: J) -> None:
        """A worker's: this job, and what there is to do after it."""
        following: J | None = job
        while following is not None:
            job, error = following, self._attempt(following)
            with self._guard:
                self._settle(job, error)
                following = self._hand_out(to_caller=True)

    def _attempt(self, job: J) -> BaseException | None:
        threading.current_thread().name = f"action {job}"
        try:
            self._run(job)
        except BaseException as error:  # noqa: BLE001 - a worker hands every outcome to who decides
            return error
        return None


class _Workers(Generic[J]):
    """As many threads as there ever were jobs at once. A concurrent.futures pool makes a Future with a lock of its own for each job."""

    def __init__(self, work: Callable[[J], None]) -> None:
        self._work = work
        self._jobs: queue.SimpleQueue[tuple[J] | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []

    def start(self, job: J, running: int) -> None:
        """Hand a job over; `running`: how many there are with it, each in a thread."""
        if running > len(self._threads):
            self._add()
        self._jobs.put((job,))

    def _add(self) -> None:
        thread = threading.Thread(target=self._run, daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # the machine, or a container's limit, has no more: who is there takes the job later
            if not self._threads:
                raise HostError("can't start a thread", hint="raise the limit of processes (ulimit -u, pids.max)") from error
        else:
            self._threads.append(thread)

    def _run(self) -> None:
        while (item := self._jobs.get()) is not None:
            self._work(item[0])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join()
