"""Collection: takes what was unused for longest until the store fits its policy, and never what a running build uses.

What is safe to take: while no other process has the store open, everything (new ones wait at the open lock); else only what was
last used before the oldest of them began, less the hour by which last uses are coarse. A process that is about to use something
older marks it first, in the database, where a collector looks again before it deletes. Knows no targets.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Final

from lkbuild.base.digest import Digest
from lkbuild.base.values import dataclass
from lkbuild.model.action import ActionResult
from lkbuild.model.ports import BlobMissing
from lkbuild.store import leases
from lkbuild.store.actions import outputs_of
from lkbuild.store.blobs import PARTS
from lkbuild.store.disk import DiskStore
from lkbuild.store.due import GcPolicy, free_bytes
from lkbuild.store.failures import StoreReadOnly
from lkbuild.store.inventory import ROW_BYTES, Blob, FileOnDisk, Inventory, Tree, file_name, has_file, take_inventory
from lkbuild.store.removal import Changed, Plan, remove
from lkbuild.store.uses import COARSE_S

_ROUNDS: Final = 10
_NEVER: Final = 1 << 62


@dataclass(frozen=True, slots=True, kw_only=True)
class GcReport:
    """What was collected, or would be.

    Attributes:
        bytes_before: what the store took.
        bytes_freed: how much of it went.
        blobs: how many blobs; likewise trees, expanded files (copies that are made again on demand), and action results.
        trees: materialised trees.
        expanded: expanded files.
        actions: results.
        in_use: other processes that had the store open.
        satisfied: whether the store now fits the policy.
    """

    bytes_before: int
    bytes_freed: int
    blobs: int
    trees: int
    expanded: int
    actions: int
    in_use: int
    satisfied: bool


def collect(
    store: DiskStore, policy: GcPolicy, *, dry_run: bool = False, spare_s: int | None = None, clock: Callable[[], float] = time.time
) -> GcReport:
    """Take what the policy says. This process must not be building with the store meanwhile.

    Args:
        store: to be collected.
        policy: what it may take.
        dry_run: only say what would go.
        spare_s: what was used in the last so many seconds stays, whatever the policy says.
        clock: tells the time.

    Raises:
        StoreError: the store is read-only.
    """
    lease = store.lease
    if lease is None:
        raise StoreReadOnly(f"the store at {store.layout.root} is read-only", hint="collect as its owner")
    with contextlib.ExitStack() as stack:
        stack.enter_context(leases.locked(store.layout.open_lock, exclusive=True))
        others = leases.live(store.layout, apart_from=lease.name)
        now = clock()
        bound = min([now, *others]) - COARSE_S if others else float("inf")
        if spare_s is not None:
            bound = min(bound, now - spare_s)
        if bound < float("inf"):
            stack.pop_all().close()  # others may come and go; what is before the bound stays unused by them, or is marked
        stack.enter_context(store.bytes.uses.unnoted())
        return _collect(store, policy, now=now, bound=bound, in_use=len(others), dry_run=dry_run)


def _collect(store: DiskStore, policy: GcPolicy, *, now: float, bound: float, in_use: int, dry_run: bool) -> GcReport:
    first: int | None = None
    freed = 0
    counts = [0, 0, 0, 0]
    for _ in range(_ROUNDS):
        inventory = take_inventory(store)
        plan = make_plan(store, inventory, policy, now=now, bound=bound)
        first = inventory.bytes_on_disk() if first is None else first
        try:
            if not dry_run:
                remove(store, plan, inventory.marks)
        except Changed:
            continue
        counts = [len(plan.blobs), len(plan.trees), len(plan.expanded), len(plan.actions)]
        freed = plan.freed if dry_run else max(0, first - take_inventory(store).bytes_on_disk())
        break
    return GcReport(
        bytes_before=first or 0,
        bytes_freed=freed,
        blobs=counts[0],
        trees=counts[1],
        expanded=counts[2],
        actions=counts[3],
        in_use=in_use,
        satisfied=plan.satisfied,
    )


def make_plan(store: DiskStore, inventory: Inventory, policy: GcPolicy, *, now: float, bound: float) -> Plan:
    """Choose, least recently used first; of equals what is made again most cheaply."""
    excess = _excess(store, inventory, policy)
    oldest = -1.0 if policy.max_age_s is None else now - policy.max_age_s
    plan = Plan([], [], [], [], [], 0, satisfied=True)
    links = {file.inode: file.links for file in inventory.files()}
    for last_use, item in _candidates(inventory, alone=bound == float("inf")):
        orphaned = last_use < 0
        if not orphaned and (last_use >= bound or (plan.freed >= excess and last_use >= oldest)):
            break
        _take(plan, item, inventory, links)
    plan.actions = _doomed_actions(store, inventory, plan, min(oldest, bound))
    plan.satisfied = plan.freed >= excess
    return plan


def _excess(store: DiskStore, inventory: Inventory, policy: GcPolicy) -> int:
    excess = 0
    if policy.max_bytes is not None:
        excess = inventory.bytes_on_disk() - policy.max_bytes
    if policy.min_free_bytes is not None:
        excess = max(excess, policy.min_free_bytes - free_bytes(store))
    return max(excess, 0)


_Item = Blob | Tree | FileOnDisk


def _candidates(inventory: Inventory, *, alone: bool) -> list[tuple[int, _Item]]:
    ranked: list[tuple[int, int, str, _Item]] = []
    for hash_, several in inventory.expanded.items():
        blob = inventory.blobs.get(hash_)
        # Without a row: left over, or of a blob that a running process has put and not committed yet.
        unknown = -1 if alone else _NEVER
        ranked += [(unknown if blob is None else blob.last_use, 0, hash_, file) for file in several]
    ranked += [(tree.last_use, 1, hash_, tree) for hash_, tree in inventory.trees.items()]
    ranked += [(blob.last_use, 1 if blob.kind == PARTS else 2, hash_, blob) for hash_, blob in inventory.blobs.items()]
    known = {file_name(blob) for blob in inventory.blobs.values() if has_file(blob)}
    ranked += [(-1, 3, name, file) for name, file in inventory.blob_files.items() if name not in known]
    return [(last_use, item) for last_use, _, _, item in sorted(ranked, key=lambda entry: entry[:3])]


def _take(plan: Plan, item: _Item, inventory: Inventory, links: dict[int, int]) -> None:
    files: Sequence[FileOnDisk] = ()
    if isinstance(item, Tree):
        plan.trees.append(item)
        files = item.files
    elif isinstance(item, Blob):
        plan.blobs.append(item)
        if has_file(item):
            file = inventory.blob_files.get(file_name(item))
            files = () if file is None else (file,)
        else:
            plan.freed += item.stored + ROW_BYTES
    else:
        (plan.orphans if item.path.name in inventory.blob_files else plan.expanded).append(item)
        files = (item,)
    for file in files:
        links[file.inode] -= 1
        if links[file.inode] <= 0:
            plan.freed += file.bytes


def _doomed_actions(store: DiskStore, inventory: Inventory, plan: Plan, before: float) -> list[tuple[bytes, int]]:
    gone = {blob.digest for blob in plan.blobs}
    latest = max((blob.last_use for blob in plan.blobs), default=-1)
    closures: dict[Digest, bool] = {}

    def broken(result: ActionResult) -> bool:
        if not gone.isdisjoint(outputs_of(result)):
            return True
        for tree in result.trees:
            if tree.root not in closures:
                try:
                    closures[tree.root] = not gone.isdisjoint(store.trees.closure(tree.root))
                except BlobMissing:
                    closures[tree.root] = True
            if closures[tree.root]:
                return True
        return False

    return [
        (key, used) for key, used, result in inventory.actions if result is None or used < before or (used <= latest and broken(result))
    ]
