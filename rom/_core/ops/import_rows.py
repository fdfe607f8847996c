"""Arriving: rows that come from elsewhere, with the ids that they have there.

A batch is one commit, written whole or not at all, and sent again it changes nothing. Before it,
the counters are put ahead of its ids, so that no running program is given one of them.

What has expired on the way arrives too, and is found by nobody; it claims no unique values, which
others may have taken by now.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from rom._core.columns import ExpireAt
from rom._core.ops.commits.commit import commit
from rom._core.ops.id_counters import highest_of, put_ahead
from rom._core.ops.load_rows import load
from rom._core.ops.requests import Operation
from rom._core.schema import Schema
from rom._core.support.public_names import publish
from rom._core.writes.changes import Change
from rom._core.writes.planner import plan
from rom.exceptions import DataRaceError, MissingColumn, ORMError

#: What becomes of a row that is there already: 'update' writes what the newcomer says and leaves
#: other columns as they are, 'replace' also removes those, 'skip' leaves the row alone, 'fail'
#: refuses the newcomer.
OnConflict: TypeAlias = Literal['update', 'replace', 'skip', 'fail']
WAYS: tuple[OnConflict, ...] = get_args(OnConflict)

# What becomes of a row, in the order of the counts in `Arrived`.
_KINDS = ('insert', 'update', 'unchanged', 'skipped')
# Who loses a race for a row looks again. So often, it is no accident.
_MOST_TRIES = 20


@dataclass(frozen=True, slots=True)
class Arrival:
    """A row that comes from elsewhere.

    Attributes:
        schema: the model's.
        id: its id, there and here.
        wanted: the columns that it says something of, encoded; None: it has none of that.
    """

    schema: Schema
    id: int
    wanted: Mapping[str, bytes | None]


@dataclass(frozen=True, slots=True)
class Arrived:
    """What became of a batch; so many rows each.

    Attributes:
        inserted: were not there.
        updated: were there, and were written.
        unchanged: were there, and are as they were.
        skipped: were there, and are left alone.
    """

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    skipped: int = 0

    def __add__(self, other: Arrived) -> Arrived:
        return Arrived(
            self.inserted + other.inserted,
            self.updated + other.updated,
            self.unchanged + other.unchanged,
            self.skipped + other.skipped,
        )


class RefusedError(ORMError):
    """One row of a batch cannot arrive; nothing of the batch was written. For the front's ears.

    Attributes:
        place: of the row, in the batch.
        cause: why.
    """

    def __init__(self, place: int, cause: ORMError) -> None:
        super().__init__(str(cause))
        self.place = place
        self.cause = cause


def arrive(arrivals: Sequence[Arrival], on_conflict: OnConflict = 'update') -> Operation[Arrived]:
    """Write a batch of rows, all or nothing. Three trips, plus one for each further model.

    Args:
        arrivals: of different rows, on one connection.
        on_conflict: what becomes of rows that are there already.

    Raises:
        RefusedError: one of them cannot be written.
        ORMError: none of them can, whichever is to blame.
    """
    yield from put_ahead(highest_of((arrival.schema, arrival.id) for arrival in arrivals))
    for attempt in range(_MOST_TRIES):
        there = yield from _there(arrivals)
        planned = [_change(a, there.get((a.schema, a.id)), on_conflict) for a in arrivals]
        if on_conflict == 'fail':
            _refuse_those_there(arrivals, there)
        _refuse_the_incomplete(planned)
        changes = [(place, p) for place, p in enumerate(planned) if isinstance(p, Change)]
        try:
            yield from _committed(changes)
        except DataRaceError:
            # Of an insert that is not forced: somebody else has written that row meanwhile.
            if attempt == _MOST_TRIES - 1:
                raise
        else:
            kinds: list[str] = [p.kind if isinstance(p, Change) else p for p in planned]
            return Arrived(*(kinds.count(kind) for kind in _KINDS))
    raise AssertionError('the last attempt returns or raises')


def _committed(changes: Sequence[tuple[int, Change]]) -> Operation[None]:
    if not changes:
        return
    try:
        yield from commit([change for _, change in changes])
    except DataRaceError:
        raise
    except ORMError as error:
        raise _blamed(error, changes) from None


_There: TypeAlias = dict[tuple[Schema, int], dict[str, bytes]]


def _there(arrivals: Sequence[Arrival]) -> Operation[_There]:
    """The rows that are there already, expired ones too."""
    found: _There = {}
    for schema in dict.fromkeys(arrival.schema for arrival in arrivals):
        ids = [arrival.id for arrival in arrivals if arrival.schema is schema]
        for row in (yield from load(schema, ids, with_expired=True)):
            found[schema, row.id] = row.stored
    return found


def _change(
    arrival: Arrival, stored: dict[str, bytes] | None, on_conflict: OnConflict
) -> Change | Literal['unchanged', 'skipped']:
    """How a row is to be written; or why it is not."""
    schema, wanted = arrival.schema, dict(arrival.wanted)
    # Whoever wants what is there left alone must not be forced past it.
    is_forced = on_conflict in ('update', 'replace')
    if stored is None:
        kept = {name: raw for name, raw in wanted.items() if raw is not None or is_forced}
        return Change(
            schema,
            'insert',
            arrival.id,
            {},
            kept,
            {},
            forced=is_forced,
            expired=_has_expired(schema, wanted),
        )
    if on_conflict == 'skip':
        return 'skipped'
    if on_conflict == 'replace':
        others = set(schema.stored) - {schema.primary}
        wanted = {**dict.fromkeys(others), **wanted}
    if all(stored.get(name) == raw for name, raw in wanted.items()):
        return 'unchanged'
    expired = _has_expired(schema, {**stored, **wanted})
    return Change(
        schema, 'update', arrival.id, stored, wanted, {}, full=True, forced=True, expired=expired
    )


def _has_expired(schema: Schema, row: Mapping[str, bytes | None]) -> bool:
    column = None if schema.expiry is None else schema.columns[schema.expiry]
    return isinstance(column, ExpireAt) and column.is_past(row.get(column.name))


def _refuse_those_there(arrivals: Sequence[Arrival], there: _There) -> None:
    for place, arrival in enumerate(arrivals):
        if (arrival.schema, arrival.id) in there:
            keys, name = arrival.schema.keys, arrival.schema.name
            raise RefusedError(
                place,
                DataRaceError(
                    f'{name} {arrival.id} is there already; replace, update or skip what is there, '
                    'or give it another id',
                    keys.namespace,
                    arrival.id,
                    [keys.primary],
                ),
            )


def _refuse_the_incomplete(planned: Sequence[Change | str]) -> None:
    """A row that is there may lack what has become required since; a new one may not."""
    for place, change in enumerate(planned):
        if not isinstance(change, Change) or change.kind == 'update':
            continue
        schema = change.schema
        for name in schema.stored:
            if schema.columns[name].required and change.wanted.get(name) is None:
                raise RefusedError(
                    place,
                    MissingColumn(
                        f'{schema.name} {change.id} is not there yet, and {name} is required: give '
                        'it a value'
                    ),
                )


def _blamed(error: ORMError, changes: Sequence[tuple[int, Change]]) -> ORMError:
    """The error with the place of the row that it is about; as it is, if it is about none."""
    if isinstance(error, ConnectionError):
        return error
    place = next(_culprits(error, changes), None)
    return error if place is None else RefusedError(place, error)


def _culprits(error: ORMError, changes: Sequence[tuple[int, Change]]) -> Iterator[int]:
    namespace, id, key = (getattr(error, name, None) for name in ('namespace', 'id', 'key'))
    for place, change in changes:
        keys = change.schema.keys
        if (namespace, id) == (keys.namespace, change.id) or key == f'{keys.namespace}:{change.id}':
            yield place
    if namespace is not None or key is not None:
        return
    # A keygen failed, and does not know for whom.
    for place, change in changes:
        try:
            write = plan(change)
            _ = write.removed, write.added  # worked out when they are asked for
        except ORMError:
            yield place


publish('rom.jsonl', Arrived)
