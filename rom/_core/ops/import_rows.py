"""Import of rows: writes rows from another source under the ids that they have there.

A batch is one commit, all or nothing, and importing it again changes nothing. The commit raises
the id counters above the ids that it writes, and a batch that is refused raises none. If a running
program was given one of the ids and wrote its row meanwhile, the batch is planned again.

Rows that have expired are written too, although queries do not find them. They claim no unique
values, because other rows may have taken those by now.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from rom._core.columns import ExpireAt
from rom._core.encoding.integers import read_digits
from rom._core.encoding.wire import pack
from rom._core.ops.index_fingerprint import to_begin
from rom._core.ops.load_rows import load
from rom._core.ops.requests import Operation, Pipeline, Script, send
from rom._core.ops.shards.declaration import compare
from rom._core.ops.shards.lockstep import lockstep
from rom._core.ops.shards.moved import explaining
from rom._core.ops.shards.writing import commit
from rom._core.schema import Schema
from rom._core.support.public_names import publish
from rom._core.writes.changes import Change
from rom._core.writes.planner import plan
from rom.exceptions import DataRaceError, InvalidColumnValue, MissingColumn, ORMError

#: Treatment of a row that exists already: 'update' writes the imported columns and leaves the other
#: columns as they are, 'replace' also removes those, 'skip' leaves the row as it is, 'fail' raises
#: an error.
OnConflict: TypeAlias = Literal['update', 'replace', 'skip', 'fail']
CHOICES: tuple[OnConflict, ...] = get_args(OnConflict)

# Outcomes for a row, in the order of the counts in `ImportCounts`.
_KINDS = ('insert', 'update', 'unchanged', 'skipped')
# Tries to write a batch: each means that another writer wrote one of its rows in between.
_MOST_TRIES = 20


@dataclass(frozen=True, slots=True)
class ImportRow:
    """A row to import.

    Attributes:
        schema: the schema of the model.
        id: the id of the row, in its source and in this database.
        wanted: the encoded values of the imported columns; None removes the value.
    """

    schema: Schema
    id: int
    wanted: Mapping[str, bytes | None]


@dataclass(frozen=True, slots=True)
class ImportCounts:
    """Number of rows of a batch by outcome.

    Attributes:
        inserted: rows that did not exist.
        updated: rows that existed and were written.
        unchanged: rows that existed with the same values.
        skipped: rows that existed and were left as they are.
    """

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    skipped: int = 0

    def __add__(self, other: ImportCounts) -> ImportCounts:
        return ImportCounts(
            self.inserted + other.inserted,
            self.updated + other.updated,
            self.unchanged + other.unchanged,
            self.skipped + other.skipped,
        )


class RowRejectedError(ORMError):
    """A row of a batch cannot be written, so nothing was written. Internal: callers catch it.

    Attributes:
        index: the position of the row in the batch.
        cause: the error of the row.
    """

    def __init__(self, index: int, cause: ORMError) -> None:
        super().__init__(str(cause))
        self.index = index
        self.cause = cause


def import_rows(
    rows: Sequence[ImportRow], on_conflict: OnConflict = 'update'
) -> Operation[ImportCounts]:
    """Write a batch of rows, all or nothing. Three round trips, plus one for each further model.

    With `_shards`, the rows of each partition are all or nothing.

    Args:
        rows: different rows of models on one connection.
        on_conflict: the treatment of rows that exist already.

    Raises:
        RowRejectedError: one of the rows cannot be written.
        ORMError: nothing was written, and no single row is known to be the cause.
    """
    if any(row.schema.placement is not None for row in rows):
        return (yield from _import_in_parts(rows, on_conflict))
    counters = yield from prepare_models(list(dict.fromkeys(row.schema for row in rows)))
    for attempt in range(_MOST_TRIES):
        existing = yield from _existing_rows(rows)
        yield from put_ahead(_lost_counters(counters, existing))
        planned = [change_of(a, existing.get((a.schema, a.id)), on_conflict) for a in rows]
        if on_conflict == 'fail':
            _refuse_existing(rows, existing)
        _refuse_incomplete(planned)
        changes = [(index, p) for index, p in enumerate(planned) if isinstance(p, Change)]
        try:
            yield from _committed(changes)
        except DataRaceError:
            # An insert met a row that another writer has written meanwhile.
            if attempt == _MOST_TRIES - 1:
                raise
        else:
            kinds: list[str] = [p.kind if isinstance(p, Change) else p for p in planned]
            return ImportCounts(*(kinds.count(kind) for kind in _KINDS))
    raise AssertionError('the last attempt returns or raises')


def _import_in_parts(rows: Sequence[ImportRow], on_conflict: OnConflict) -> Operation[ImportCounts]:
    """Write the rows of each partition as a batch of its own; those of all share the trips."""
    for schema in dict.fromkeys(row.schema for row in rows):
        if schema.placement is not None:
            yield from compare(schema.placement.group, [schema], is_write=True)
    groups: dict[tuple[bytes, int], list[int]] = {}
    for index, row in enumerate(rows):
        placement = row.schema.placement
        at = (b'', 0)
        if placement is not None:
            at = placement.group._key, placement.group.partition_of(row.id)
            _check_place(index, row)
        groups.setdefault(at, []).append(index)

    def imported(indexes: Sequence[int]) -> Operation[ImportCounts]:
        try:
            return (yield from import_rows([_in_part(rows[at]) for at in indexes], on_conflict))
        except RowRejectedError as error:
            raise RowRejectedError(indexes[error.index], error.cause) from None

    counts = yield from lockstep([imported(indexes) for indexes in groups.values()])
    return sum(counts, ImportCounts())


def _check_place(index: int, row: ImportRow) -> None:
    """Refuse a row whose id is that of another partition than its value is."""
    schema, placement = row.schema, row.schema.placement
    assert placement is not None
    number = placement.group.partition_of(row.id)
    for name in placement.deciders:
        raw = row.wanted.get(name)
        if raw is not None and placement.number_at(schema, name, raw) != number:
            raise RowRejectedError(
                index,
                InvalidColumnValue(
                    f'{schema.name}.{name}: the id {row.id} is in another partition than this '
                    'value; load it into a group that is declared as that of its source, or save '
                    'it as a new entity'
                ),
            )


def _in_part(row: ImportRow) -> ImportRow:
    if row.schema.placement is None:
        return row
    part = row.schema.at_id(row.id)
    return ImportRow(part, part.local_id(row.id), row.wanted)


def _committed(changes: Sequence[tuple[int, Change]]) -> Operation[None]:
    if not changes:
        return
    try:
        yield from commit([change for _, change in changes])
    except DataRaceError:
        raise
    except ORMError as error:
        raise _with_its_row(error, changes) from None


_ExistingRows: TypeAlias = dict[tuple[Schema, int], dict[str, bytes]]


def _existing_rows(rows: Sequence[ImportRow]) -> Operation[_ExistingRows]:
    """Return the rows that exist already, including expired ones."""
    found: _ExistingRows = {}
    for schema in dict.fromkeys(row.schema for row in rows):
        ids = [row.id for row in rows if row.schema is schema]
        for row in (yield from load(schema, ids, with_expired=True)):
            found[schema, row.id] = row.stored
    return found


def _lost_counters(counters: Mapping[Schema, int], existing: _ExistingRows) -> dict[Schema, int]:
    """Return the highest id of each model whose stored rows are above its counter.

    Its counter was lost, and is repaired on this occasion.
    """
    highest: dict[Schema, int] = {}
    for schema, id in existing:
        if id > max(counters[schema], highest.get(schema, 0)):
            highest[schema] = id
    return highest


def change_of(
    row: ImportRow, stored: dict[str, bytes] | None, on_conflict: OnConflict
) -> Change | Literal['unchanged', 'skipped']:
    """Return the change that writes a row, or the outcome if it is not written."""
    schema, wanted = row.schema, dict(row.wanted)
    if stored is None:
        kept = {name: raw for name, raw in wanted.items() if raw is not None}
        expired = _has_expired(schema, wanted)
        return Change(schema, 'insert', row.id, {}, kept, {}, expired=expired)
    if on_conflict == 'skip':
        return 'skipped'
    if on_conflict == 'replace':
        others = set(schema.stored) - {schema.primary}
        wanted = {**dict.fromkeys(others), **wanted}
    if all(stored.get(name) == raw for name, raw in wanted.items()):
        return 'unchanged'
    expired = _has_expired(schema, {**stored, **wanted})
    return Change(
        schema, 'update', row.id, stored, wanted, {}, full=True, forced=True, expired=expired
    )


def _has_expired(schema: Schema, row: Mapping[str, bytes | None]) -> bool:
    column = None if schema.expiry is None else schema.columns[schema.expiry]
    return isinstance(column, ExpireAt) and column.is_past(row.get(column.name))


def _refuse_existing(rows: Sequence[ImportRow], existing: _ExistingRows) -> None:
    for index, row in enumerate(rows):
        if (row.schema, row.id) in existing:
            schema, id = row.schema, row.schema.seen_id(row.id)
            raise RowRejectedError(
                index,
                DataRaceError(
                    f'{schema.name} {id}: expected an unused id, but the row exists; replace, '
                    'update or skip it, or give the new row another id',
                    schema.seen_namespace,
                    id,
                    [schema.primary],
                ),
            )


def _refuse_incomplete(planned: Sequence[Change | str]) -> None:
    """Refuse new rows that lack a required column; existing ones may predate the requirement."""
    for index, change in enumerate(planned):
        if not isinstance(change, Change) or change.kind == 'update':
            continue
        schema = change.schema
        for name in schema.stored:
            if schema.columns[name].required and change.wanted.get(name) is None:
                raise RowRejectedError(
                    index,
                    MissingColumn(
                        f'{schema.name}.{name}: expected a value for the new row '
                        f'{schema.seen_id(change.id or 0)}, '
                        'because the column is required; give it one'
                    ),
                )


def _with_its_row(error: ORMError, changes: Sequence[tuple[int, Change]]) -> ORMError:
    """Return the error with the position of its row; unchanged if it concerns no single row."""
    if isinstance(error, ConnectionError):
        return error
    index = next(_rows_of_error(error, changes), None)
    return error if index is None else RowRejectedError(index, error)


def _rows_of_error(error: ORMError, changes: Sequence[tuple[int, Change]]) -> Iterator[int]:
    namespace, id, key = (getattr(error, name, None) for name in ('namespace', 'id', 'key'))
    for index, change in changes:
        schema, own = change.schema, change.id
        seen = None if own is None else schema.seen_id(own)
        at = (schema.seen_namespace, seen)
        if (namespace, id) == at or key == f'{schema.keys.namespace}:{own}':
            yield index
    if namespace is not None or key is not None:
        return
    # A keygen failed, and its error does not name the row: plan each change again to find it.
    for index, change in changes:
        try:
            write = plan(change)
            _ = write.removed, write.added  # both are computed on first use
        except ORMError:
            yield index


def prepare_models(schemas: Collection[Schema]) -> Operation[dict[Schema, int]]:
    """Prepare models for rows that bring their ids; return their counters; one round trip.

    A model without an id gets what begins with the first one: a live bitmap and the fingerprint.
    """
    calls = Pipeline(tuple(_ahead(schema, 0) for schema in schemas))
    replies = yield from explaining(schemas, send(calls))
    return {schema: read_digits(raw) or 0 for schema, raw in zip(schemas, replies, strict=True)}


def put_ahead(highest: Mapping[Schema, int]) -> Operation[None]:
    """Raise the id counters to at least these ids; one round trip."""
    counters = [one for schema, id in highest.items() for one in _counters(schema, id)]
    if counters:
        calls = Pipeline(tuple(_ahead(schema, id) for schema, id in counters))
        yield from explaining([schema for schema, _ in counters], send(calls))


def _counters(schema: Schema, id: int) -> list[tuple[Schema, int]]:
    """Return the counters to raise for an id: one, or that of each partition."""
    if schema.placement is None:
        return [(schema, id)]
    return [(own, own.part.last_at(id)) for own in schema.parts if own.part is not None]


def _ahead(schema: Schema, id: int) -> Script:
    live = None if schema.keep_index_data else schema.keys.live
    request = {
        'counter': schema.keys.counter,
        'live': live,
        'id': b'%d' % id,
        'stamp': to_begin(schema),
        'epochs': schema.keys.epochs,
    }
    return Script('advance_counter', schema.keys.counter, pack(request))


publish('rom.jsonl', ImportCounts)
