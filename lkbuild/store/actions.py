"""The action cache on disk: results by action key and by recipe key, times of earlier runs. Knows no executor.

Every row carries a checksum, since SQLite has none: a flipped bit in a result would else be a wrong output.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from blake3 import blake3

from lkbuild.base.digest import Digest
from lkbuild.model.action import ActionResult
from lkbuild.model.ports import CachedResult
from lkbuild.model.results import decode_result, encode_result
from lkbuild.store.blobs import Blobs
from lkbuild.store.claims import claimed
from lkbuild.store.trees import Trees
from lkbuild.store.writer import Write

_CHECKSUM: Final = 8


def checksum(*parts: bytes) -> bytes:
    """Guards a row of the database."""
    return blake3(b"\0".join(parts)).digest(_CHECKSUM)


def result_of(key: bytes, data: bytes, check: bytes) -> ActionResult | None:
    """A result as a row holds it, or None where the row is damaged."""
    if checksum(key, data) != check:
        return None
    try:
        return decode_result(data)
    except (ValueError, KeyError):
        return None


class Actions:
    """The action cache of one opened store."""

    def __init__(self, blobs: Blobs, trees: Trees) -> None:
        self._blobs, self._trees = blobs, trees

    def get(self, key: Digest) -> ActionResult | None:
        """The result, or None where there is none, it is damaged, or an output is gone."""
        return self._several([key]).get(key)

    def _several(self, keys: list[Digest]) -> dict[Digest, ActionResult]:
        found: dict[Digest, ActionResult] = {}
        wanted, stale = {}, []
        for key in keys:
            queued = self._blobs.peek("actions", key)
            if isinstance(queued, bytes):
                found[key] = decode_result(queued)
            else:
                wanted[bytes.fromhex(key.hash)] = key
        sql = "SELECT key, size, result, checksum, used FROM actions WHERE key IN (?)"
        for raw, size, data, check, used in self._blobs.database.rows_in(sql, list(wanted)):
            result = result_of(raw, data, check)
            if result is None:
                self._drop(raw)
            elif size == wanted[raw].size:
                found[wanted[raw]] = result
                if self._blobs.uses.stale(used):
                    stale.append(raw)
        if stale:
            for raw in self._blobs.uses.mark("actions", "key", stale):
                del found[wanted[raw]]
        return self._whole(found) if found else found

    def _whole(self, found: dict[Digest, ActionResult]) -> dict[Digest, ActionResult]:
        named = {digest for result in found.values() for digest in outputs_of(result)}
        missing = self._blobs.missing(named)
        roots = {tree.root for result in found.values() for tree in result.trees}
        missing |= {root for root in roots if root not in missing and not self._trees.is_complete(root)}
        return {key: result for key, result in found.items() if missing.isdisjoint(outputs_of(result))}

    def _drop(self, raw: bytes) -> None:
        if self._blobs.database.writable:
            with self._blobs.database.transaction() as connection:
                connection.execute("DELETE FROM actions WHERE key = ?", (raw,))

    def put(self, key: Digest, result: ActionResult) -> None:
        """Record a result; the first writer wins, unless an output of the first one's result is gone."""
        replace = self.get(key) is None
        raw, data = bytes.fromhex(key.hash), encode_result(result)
        row = (raw, key.size, data, checksum(raw, data), self._blobs.uses.now())
        verb = "REPLACE" if replace else "IGNORE"

        def apply(connection: sqlite3.Connection) -> None:
            connection.execute(f"INSERT OR {verb} INTO actions VALUES (?, ?, ?, ?, ?)", row)  # noqa: S608 - one of two words

        if replace:
            self._blobs.writer.submit(Write(("actions", key), data, apply, 200 + len(data)))

    @contextlib.contextmanager
    def claim(self, key: Digest, cancelled: Callable[[], bool]) -> Iterator[bool]:
        """The right to run an action; whoever comes second waits, in this process or another."""
        if not self._blobs.database.writable:  # nothing can be run
            yield False
            return
        with claimed(self._blobs.layout, key, cancelled) as waited:
            yield waited
            self._blobs.writer.flush()  # who waits looks into the database

    def get_recipes(self, recipes: Iterable[Digest]) -> dict[Digest, CachedResult]:
        """Results by recipe key."""
        keys: dict[Digest, Digest] = {}
        wanted = {}
        for recipe in recipes:
            queued = self._blobs.peek("recipes", recipe)
            if isinstance(queued, Digest):
                keys[recipe] = queued
            else:
                wanted[bytes.fromhex(recipe.hash)] = recipe
        sql = "SELECT recipe, key, size, checksum FROM recipes WHERE recipe IN (?)"
        for raw, key, size, check in self._blobs.database.rows_in(sql, list(wanted)):
            if checksum(raw, key, str(size).encode()) == check:
                keys[wanted[raw]] = Digest(key.hex(), size)
        results = self._several(list(set(keys.values())))
        return {recipe: CachedResult(key, results[key]) for recipe, key in keys.items() if key in results}

    def put_recipe(self, recipe: Digest, key: Digest) -> None:
        """Record which action key a recipe key came to."""
        raw, target = bytes.fromhex(recipe.hash), bytes.fromhex(key.hash)
        row = (raw, target, key.size, checksum(raw, target, str(key.size).encode()))
        sql = "INSERT OR REPLACE INTO recipes VALUES (?, ?, ?, ?)"
        self._blobs.writer.submit(Write(("recipes", recipe), key, lambda connection: connection.execute(sql, row)))

    def seconds(self, names: Iterable[str]) -> dict[str, float]:
        """How long the last runs took."""
        found: dict[str, float] = {}
        wanted = []
        for name in names:
            queued = self._blobs.peek("seconds", name)
            if isinstance(queued, float):
                found[name] = queued
            else:
                wanted.append(name)
        found.update(self._blobs.database.rows_in("SELECT name, seconds FROM seconds WHERE name IN (?)", wanted))
        return found

    def record_seconds(self, mnemonic_and_label: str, seconds: float) -> None:
        """Remember how long it took."""
        row = (mnemonic_and_label, float(seconds))
        sql = "INSERT OR REPLACE INTO seconds VALUES (?, ?)"
        self._blobs.writer.submit(Write(("seconds", mnemonic_and_label), row[1], lambda connection: connection.execute(sql, row)))


def outputs_of(result: ActionResult) -> set[Digest]:
    """The digests that a result names: files, roots of trees, its log."""
    named = {file.digest for file in result.files} | {tree.root for tree in result.trees}
    return named if result.log is None else named | {result.log}
