"""Use case of `--check`: run what was built once more, and compare. Says which output differs, and from where on.

Checks the actions of the targets that were asked for, not of all that they need: what they need is checked when it is asked for.
Fetches are left out: their digests are in the lock.
"""

from __future__ import annotations

from collections.abc import Sequence

from lkbuild.analysis.analyzer import Analyses
from lkbuild.app.engine import make_loop
from lkbuild.app.session import Session
from lkbuild.app.settings import make_wish
from lkbuild.base.digest import Digest
from lkbuild.base.errors import LkbuildError, NotReproducible
from lkbuild.execution.build import Execution
from lkbuild.model.action import ActionResult, PlannedAction
from lkbuild.model.artifact import ActionId
from lkbuild.model.configuration import NodeKey
from lkbuild.model.events import EventSink
from lkbuild.model.ports import BlobStore
from lkbuild.model.tree import Directory, DirectoryNode, FileNode, SymlinkNode

_CHUNK = 1 << 20


def check(
    session: Session, analyses: Analyses, nodes: Sequence[NodeKey], first: Execution, sink: EventSink
) -> dict[ActionId, LkbuildError]:
    """Run the actions of some nodes again; an error for each that made something else."""
    owned = {planned.info.id: planned for node in nodes for planned in analyses.by_node[node].actions if not planned.info.sources}
    reached = tuple(action for action in owned if action in first.graph.recipes)
    with make_loop(session, sink) as loop:
        second = loop.execute(make_wish(session, reached, first.graph.actions, forced=frozenset(reached)))
    errors: dict[ActionId, LkbuildError] = dict(second.errors)
    for action in reached:
        recipe = first.graph.recipes[action]
        before, after = first.results.get(recipe) or _built_first(session, recipe), second.results.get(recipe)
        if before is not None and after is not None and (error := _compare(owned[action], before, after, session.store.blobs)):
            errors[action] = error
    return errors


def _built_first(session: Session, recipe: Digest) -> ActionResult | None:
    """The result of an action that the first run did not have to look at."""
    known = session.store.actions.get_recipes([recipe]).get(recipe)
    return known.result if known else None


def _compare(planned: PlannedAction, before: ActionResult, after: ActionResult, blobs: BlobStore) -> NotReproducible | None:
    for output in planned.spec.outputs:
        old, new = before.output(output.path), after.output(output.path)
        if old == new:
            continue
        where = _difference(before, after, output.path, blobs)
        return NotReproducible(
            f"{planned.info.mnemonic} made another {output.path} when it ran again",
            label=planned.info.label,
            position=planned.info.position,
            detail=where,
            hint="look for times, random numbers, directory order or addresses in what the command writes",
        )
    return None


def _difference(before: ActionResult, after: ActionResult, path: str, blobs: BlobStore) -> str:
    files = [next((item for item in result.files if item.path == path), None) for result in (before, after)]
    if files[0] is not None and files[1] is not None:
        return f"  {path}: {files[0].digest} and {files[1].digest}; {_offset(files[0].digest, files[1].digest, blobs)}"
    trees = [next((item for item in result.trees if item.path == path), None) for result in (before, after)]
    if trees[0] is not None and trees[1] is not None:
        return f"  {_first_member(trees[0].root, trees[1].root, path, blobs)}"
    return f"  {path} is a file once and a directory once"


def _offset(old: Digest, new: Digest, blobs: BlobStore) -> str:
    position = 0
    with blobs.open(old) as left, blobs.open(new) as right:
        while True:
            one, other = left.read(_CHUNK), right.read(_CHUNK)
            if one != other:
                pairs = zip(one, other, strict=False)
                return (
                    f"they differ from byte {position + next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))}"
                )
            if not one:
                return "they differ in the executable bit"
            position += len(one)


def _first_member(old: Digest, new: Digest, path: str, blobs: BlobStore) -> str:
    """The first path below two trees at which they differ."""
    left, right = Directory.decode(blobs.get_bytes(old)), Directory.decode(blobs.get_bytes(new))
    mine, other = _members(left), _members(right)
    for name in sorted({*mine, *other}):
        one, two = mine.get(name), other.get(name)
        if one == two:
            continue
        here = f"{path}/{name}"
        if one is None or two is None:
            return f"{here} is in one of them only"
        if isinstance(one, DirectoryNode) and isinstance(two, DirectoryNode):
            return _first_member(one.digest, two.digest, here, blobs)
        return f"{here} differs"
    return f"{path} differs"


def _members(directory: Directory) -> dict[str, FileNode | DirectoryNode | SymlinkNode]:
    every: tuple[FileNode | DirectoryNode | SymlinkNode, ...] = (*directory.files, *directory.directories, *directory.symlinks)
    return {node.name: node for node in every}
