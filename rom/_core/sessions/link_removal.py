"""The links of deleted rows: which of them forbid a delete, and which are removed with it.

A delete removes the links to a row in its own commit, which also checks that there are no others.
Where very many rows have links to it, they are unlinked before, in blocks, so that no commit is too
large. If that is interrupted, the row still exists, with fewer links.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from rom._core.columns.reverse_links import ManyToManyReverse
from rom._core.model import Model
from rom._core.model_registry import links_to
from rom._core.ops import load_rows
from rom._core.ops.commits.commit import Guard
from rom._core.ops.rows import Row
from rom._core.ops.search import queries
from rom._core.ops.shards import writing
from rom._core.ops.shards.placing import located
from rom._core.sessions.deletion_plan import DeletionCollector, RowRef, expiry_of, on_delete_of
from rom._core.sessions.parts import RunOn, Work
from rom.exceptions import DataRaceError, EntityDeletedError

#: The maximum number of rows that a delete unlinks in its own commit.
BLOCK: Final = 1000


def collect_links(
    model: type[Model], ids: list[int], found: DeletionCollector, is_forced: bool = False
) -> Work[None]:
    """Add the consequences that links have for the delete of these ids.

    Args:
        model: the model of the rows to delete.
        ids: their ids.
        found: gets the consequences.
        is_forced: no link forbids the delete.
    """
    for linking, name in links_to(model):
        query = linking.query.with_expired().with_deleted().filter(**{name: ids})
        is_restrict = on_delete_of(linking, name) == 'restrict' and not is_forced
        if not is_restrict:
            query = query.at_most(BLOCK + 1)
        rows: list[Row] = yield RunOn(linking, queries.search(query))
        if len(rows) > BLOCK and not is_restrict:
            found.crowded.append((linking, name, ids))
            continue
        found.expired |= yield from expired_among(linking, rows)
        members: dict[int, list[int]] = {id: [] for id in ids}
        marker = linking._schema.soft_delete if found.marker_of(model) is not None else None
        for row in rows:
            is_gone = marker is not None and marker in row.stored
            for id in found.add_links(linking, name, row, members, is_forced or is_gone):
                members[id].append(row.id)
        keys = linking._schema.keys
        found.guards += [
            (
                linking,
                Guard(
                    keys.word(name, b'%d' % id), id, keys.head, keys.stored_name(name),
                    tuple(those), is_links=True,
                ),
            )
            for id, those in members.items()
        ]  # fmt: skip
    for name, target in () if is_forced else _kept_links(model):
        yield from _collect_own(model, ids, name, target, found)


def _kept_links(model: type[Model]) -> Iterator[tuple[str, type[Model]]]:
    """Yield the columns whose reverse forbids to delete an entity with links, and their target."""
    for name in model._schema.links:
        column: Any = model._columns[name]
        target: type[Model] = column.get_related_model()
        for one in target._schema.lists.values():
            is_reverse = isinstance(one, ManyToManyReverse) and one.get_related_model() is model
            if is_reverse and one.column == name and one.on_delete == 'restrict':  # type: ignore[attr-defined]
                yield name, target


def _collect_own(
    model: type[Model], ids: list[int], name: str, target: type[Model], found: DeletionCollector
) -> Work[None]:
    """Add the links of rows to delete; the commit checks that they have not changed since."""
    operation = load_rows.load(model._schema, ids, with_expired=True)
    rows: list[Row] = yield RunOn(model, operation)
    expired = yield from expired_among(model, rows)
    for row in rows:
        ref = (model, row.id)
        if ref not in expired:
            found.keep_links(ref, name, target, row)


def expired_among(model: type[Model], rows: Iterable[Row]) -> Work[set[RowRef]]:
    """Return the expired rows; ask the server only about rows with an expiry."""
    ids = [row.id for row in rows if row.stored.keys() & expiry_of(model)]
    if not ids:
        return set()
    living = yield RunOn(model, load_rows.load(model._schema, ids))
    return {(model, id) for id in ids} - {(model, row.id) for row in living}


def unlink_crowd(crowd: Sequence[tuple[type[Model], str, list[int]]]) -> Work[None]:
    """Remove the links to some ids in blocks, as far as no other writer changes the same rows."""
    for linking, name, ids in crowd:
        query = linking.query.with_expired().with_deleted().filter(**{name: ids})
        cursor = None
        while True:
            rows, cursor = yield RunOn(linking, queries.block(query, cursor, BLOCK))
            try:
                yield from _unlink(linking, name, rows, ids)
            except (DataRaceError, EntityDeletedError):
                return  # the delete searches again
            if cursor is None:
                break


def _unlink(linking: type[Model], name: str, rows: list[Row], ids: list[int]) -> Work[None]:
    found = DeletionCollector({}, {}, is_hard=True)
    found.expired = yield from expired_among(linking, rows)
    for row in rows:
        found.add_links(linking, name, row, ids, is_forced=True)
    changes = [change for _, change in found.changes()]
    if changes:
        yield RunOn(linking, writing.commit(located(changes)))
