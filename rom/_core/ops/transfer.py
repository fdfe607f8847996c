"""Transfer: moves an amount from one row to another, and marks a third row as done.

The rows are read, the new values are computed in this process, and a commit writes them if the rows
have not changed meanwhile; else all begins again. So the numbers are exact, whatever their size,
and indexes are updated as with every write. The commit leaves a note: sent twice by the client
library, it is carried out once, even if other writers have changed the rows meanwhile.
"""

from __future__ import annotations

import decimal
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rom._core.columns import Boolean, Decimal, Float, Integer
from rom._core.encoding.integers import check_count
from rom._core.encoding.text import shorten, show
from rom._core.ops.commits.attempts import Attempt
from rom._core.ops.commits.commit import MOST_TRIES
from rom._core.ops.load_rows import load_one
from rom._core.ops.requests import Operation
from rom._core.ops.rows import Row
from rom._core.ops.shards.placing import located, seen_after
from rom._core.ops.shards.writing import commit
from rom._core.schema import Schema
from rom._core.writes.changes import Change, Instant
from rom.exceptions import (
    DataRaceError,
    EntityDeletedError,
    InvalidColumnValue,
    ServerError,
    TransferError,
)

NUMBERS = (Integer, Float, Decimal)

# More digits than a transfer ever needs: a Float may have three hundred before the point, and as
# many behind it.
_EXACT = decimal.Context(prec=5000)
# Texts that mean 0, because a column of text may be the mark as well.
_ZERO = re.compile(rb'[+-]?0+(\.0*)?')


@dataclass(frozen=True, slots=True)
class Party:
    """One of the three entities, and the column to write.

    Attributes:
        schema: the schema of the model.
        id: the id of the entity.
        name: the name of the column.
        seen_at: when the entity was read, in seconds; None if that is not known.
    """

    schema: Schema
    id: int
    name: str
    seen_at: float | None = None

    @property
    def column(self) -> Any:
        """The column to write."""
        return self.schema.columns[self.name]


def amount_of(value: Any, decimal_places: int) -> decimal.Decimal:
    """Return the amount to move, rounded half up to a number of decimal places.

    Raises:
        TransferError: `value` is not a number greater than 0, or `decimal_places` is below 0.

    >>> amount_of(2.675, 2), amount_of('3', 0)
    (Decimal('2.68'), Decimal('3'))
    """
    check_count('transfer(decimal_places=...)', decimal_places, 0, error=TransferError)
    try:
        exact = decimal.Decimal(repr(value) if isinstance(value, float) else value)
        if exact.is_nan():
            raise TypeError
        places = decimal.Decimal(1).scaleb(-decimal_places)
        rounded = exact.quantize(places, decimal.ROUND_HALF_UP, _EXACT)
    except (decimal.InvalidOperation, TypeError, ValueError, OverflowError):
        raise TransferError(f'the value to transfer must be a number, not {show(value)}') from None
    if not rounded > 0:
        raise TransferError(
            f'the value to transfer must be greater than 0, not {show(value)}'
            f'{" (with decimal_places=" + show(decimal_places) + ")" if exact > 0 else ""}'
        )
    return rounded


def transfer(
    source: Party, target: Party, note: Party, amount: decimal.Decimal, attempt: Attempt
) -> Operation[list[dict[str, bytes]]]:
    """Move an amount; return the new values of the three rows.

    Raises:
        TransferError: the source has less than the amount, the transfer was done already, or a
            column cannot hold the new value.
        EntityDeletedError: one of the rows does not exist, or has expired.
        ServerError: other writers were faster at every try; nothing was written.
    """
    parties = (source, target, note)
    for _ in range(MOST_TRIES):
        rows = []
        for party in parties:
            rows.append((yield from _row_of(party)))
        changes = attempt.changes = located(_changes(parties, rows, amount))
        try:
            done = yield from commit(attempt.changes, attempt)
        except DataRaceError:
            continue  # another writer has changed a row since it was read
        pairs = zip(changes, done.rows, strict=True)
        return [seen_after(change, change.id or 0, stored)[1] for change, stored in pairs]
    raise ServerError(
        f'{MOST_TRIES} tries to transfer {source.name} from {source.schema.name} {source.id} to '
        f'{target.schema.name} {target.id} each met new changes of these rows; find out which '
        'program writes them without pause'
    )


def _row_of(party: Party) -> Operation[Row]:
    row = yield from load_one(party.schema, party.id)
    if row is None:
        raise EntityDeletedError(
            f'{party.schema.name} {party.id} is gone: another writer deleted it, or it has '
            'expired; nothing was transferred',
            party.schema.keys.namespace,
            party.id,
        )
    return row


def _changes(
    parties: Sequence[Party], rows: Sequence[Row], amount: decimal.Decimal
) -> list[Change]:
    source, target, note = parties
    if _is_marked(note, rows[2]):
        raise TransferError(
            f'already sent: {note.schema.name} {note.id} says so in its column {note.name!r}'
        )
    held = _number(source, rows[0])
    if held < amount:
        raise TransferError(
            f'not enough credit: {source.schema.name} {source.id} has '
            f'{shorten(str(held), 100)} in {source.name!r}, '
            f'and {amount} is to be transferred'
        )
    now = Instant()
    left, got = _EXACT.subtract(held, amount), _EXACT.add(_number(target, rows[1]), amount)
    return [
        _change(source, rows[0], _written(source, left), now),
        _change(target, rows[1], _written(target, got), now),
        _change(note, rows[2], _mark(note), now),
    ]


def _is_marked(note: Party, row: Row) -> bool:
    """Return whether the note is marked as done; as in 1.x, a 0 by default is not a mark."""
    raw = row.stored.get(note.name)
    if not raw:
        return False
    value = note.column.read_stored(raw, f'{note.schema.keys.namespace}:{note.id}')
    if isinstance(value, (str, bytes)):
        return not _ZERO.fullmatch(raw)
    return bool(value)


def _number(party: Party, row: Row) -> decimal.Decimal:
    raw = row.stored.get(party.name)
    if raw is None:
        return decimal.Decimal(0)
    value = party.column.read_stored(raw, f'{party.schema.keys.namespace}:{party.id}')
    number = decimal.Decimal(repr(value) if isinstance(value, float) else value)
    if not number.is_finite():
        raise TransferError(f'{party.schema.name} {party.id} has {show(value)} in {party.name!r}')
    return number


def _written(party: Party, number: decimal.Decimal) -> Any:
    """Return a number as a value of the column."""
    if isinstance(party.column, Integer):
        if number != number.to_integral_value(context=_EXACT):
            raise TransferError(
                f'{party.schema.name}.{party.name}: expected an integer, got '
                f'{shorten(str(number), 100)}. Transfer with decimal_places=0, or declare the '
                'column as a Decimal'
            )
        return int(number)
    return float(number) if isinstance(party.column, Float) else number


def _mark(note: Party) -> Any:
    """Return the value that marks a transfer as done, which is the one that 1.x wrote."""
    if isinstance(note.column, Boolean):
        return True
    try:
        return note.column.check(note.column.decode(b'1'))
    except (InvalidColumnValue, ValueError, TypeError):
        raise TransferError(
            f'{note.schema.name}.{note.name} cannot say that something was done: use a Boolean'
        ) from None


def _change(party: Party, row: Row, value: Any, now: Instant) -> Change:
    schema = party.schema
    try:
        values = {party.name: party.column.take(value)}
    except InvalidColumnValue as error:
        raise TransferError(f'{schema.name} {party.id}: {error}; nothing was transferred') from None
    stamps = [name for name in schema.update_stamps if name != party.name]
    values |= {name: schema.columns[name].at(now.utc) for name in stamps}
    encoded = {name: schema.columns[name].encode(value) for name, value in values.items()}
    return Change(
        schema, 'update', party.id, row.stored, encoded, values,
        seen_at=party.seen_at,
    )  # fmt: skip
