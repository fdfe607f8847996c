"""Copies: the rows of a model without partitions, as the partitions of its group have them.

A row keeps its id, which names its partition. As long as a row is not closed, its copy may be
behind it, or be left over; no program reads it. So a copy that has a unique value which another row
has by now is removed, and made again later.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Final

from rom._core.encoding.text import as_text
from rom._core.encoding.wire import pack
from rom._core.ops.commits.raw_commands import Differs
from rom._core.ops.import_rows import ImportRow, change_of
from rom._core.ops.load_rows import load
from rom._core.ops.moving.record import Move
from rom._core.ops.requests import Operation, Script
from rom._core.ops.rows import Row
from rom._core.ops.shards.lockstep import lockstep
from rom._core.ops.shards.placing import by_number
from rom._core.ops.shards.transact import transact
from rom._core.ops.shards.transaction import Transaction
from rom._core.schema import Schema
from rom._core.writes.changes import Change
from rom.exceptions import CorruptRowError, DataRaceError, InvalidOperation, UniqueKeyViolation

# Tries to copy rows that each met a unique value of another copy, which was behind its row.
_MOST_TRIES: Final = 100


class Copies:
    """Copies of rows in the partitions.

    Args:
        move: the move.
    """

    def __init__(self, move: Move) -> None:
        self._move = move

    def copy(self, rows: Sequence[Row]) -> Operation[list[Row]]:
        """Make the copies of rows as the rows are; return the rows as they were copied.

        A row that is gone by then is left out.

        Raises:
            InvalidOperation: another run has taken over.
            UniqueKeyViolation: two rows have one unique value.
            CorruptRowError, InvalidColumnValue: a row does not decode.
        """
        for _ in range(_MOST_TRIES):
            violation = yield from self._copy(rows)
            if violation is None:
                return list(rows)
            if violation.holder is not None:
                yield from self._give_up(violation)
            rows = yield from load(self._move.old, [row.id for row in rows], with_expired=True)
        assert violation is not None
        raise violation

    def _copy(self, rows: Sequence[Row]) -> Operation[UniqueKeyViolation | None]:
        """Copy rows, those of each partition in a commit; return one that was refused."""
        parts = by_number(self._move.group, rows, attrgetter('id'))
        found: list[UniqueKeyViolation | None] = yield from lockstep(
            [self._copy_into(number, own) for number, own in parts.items()]
        )
        return next((violation for violation in found if violation is not None), None)

    def _copy_into(self, number: int, rows: Sequence[Row]) -> Operation[UniqueKeyViolation | None]:
        part = self._move.whole.at(number)
        by_id = {part.local_id(row.id): row for row in rows}
        copies = {one.id: one for one in (yield from load(part, [*by_id], with_expired=True))}
        planned = [_change(part, id, row, copies.get(id)) for id, row in by_id.items()]
        try:
            yield from self._commit(number, [one for one in planned if one is not None])
        except UniqueKeyViolation as violation:
            return violation
        except DataRaceError as error:
            # A copy was written by a request of an earlier run that arrived only now.
            return UniqueKeyViolation(str(error), holder=None)
        return None

    def _commit(self, number: int, changes: Sequence[Change]) -> Operation[None]:
        if not changes:
            return
        also = self._move.only_this_run(number)
        try:
            yield from transact(Transaction.of(changes), also=also)
        except Differs:
            raise self._move.taken_over() from None

    def _give_up(self, violation: UniqueKeyViolation) -> Operation[None]:
        """Remove the copy that has a unique value which another row has now.

        Raises:
            UniqueKeyViolation: the row of the copy is closed, so it has the value, too.
        """
        id = violation.holder
        assert id is not None
        try:
            yield from load(self._move.old, [id], with_expired=True)
        except CorruptRowError:
            raise violation from None
        yield from self.remove([id])

    def remove(self, ids: Sequence[int]) -> Operation[None]:
        """Remove copies."""
        parts = by_number(self._move.group, ids, int)
        yield from lockstep([self._remove_from(number, own) for number, own in parts.items()])

    def _remove_from(self, number: int, ids: Sequence[int]) -> Operation[None]:
        part = self._move.whole.at(number)
        rows = yield from load(part, [part.local_id(id) for id in ids], with_expired=True)
        deletes = [Change(part, 'delete', row.id, row.stored, {}, {}) for row in rows]
        yield from self._commit(number, deletes)

    def close(
        self, rows: Sequence[Row], done: Sequence[bytes] = (), is_last: bool = False
    ) -> Operation[list[int]]:
        """Look at rows that were copied; return the ids of those that have changed since.

        Args:
            rows: the rows as they were copied.
            done: fields and values for the record.
            is_last: replace the rows that have not changed by the mark. Then the record gets `done`
                only if none has changed.

        Raises:
            InvalidOperation: another run has taken over, or a failover has, or a row has fields
                without a column.
        """
        move, schema = self._move, self._move.old
        fields = schema.fields
        names = [schema.keys.attribute(as_text(field)) for field in fields]
        listed = [
            [schema.keys.row(row.id), [row.stored.get(name, False) for name in names]]
            for row in rows
        ]
        request = {
            'record': move.key, 'token': move.token, 'phase': move.state.phase,
            'after': b'%d' % move.state.after, 'fields': fields, 'rows': listed,
        }  # fmt: skip
        if is_last:
            request['mark'] = move.mark
        if done:
            request['done'] = done
        status, detail = ((yield Script('move_rows', move.key, pack(request))) + [None])[:2]
        if status == b'taken':
            raise move.taken_over()
        if status == b'behind':
            raise move.behind()
        if status == b'more':
            raise _more_error(schema, detail)
        return [rows[int(number) - 1].id for number in detail]


def _change(part: Schema, id: int, row: Row, copy: Row | None) -> Change | None:
    """Return the change that makes a copy as its row is; None if it is.

    Args:
        part: the schema of the partition.
        id: the id of the copy there.
        row: the row.
        copy: the copy, or None.
    """
    primary = part.primary
    if copy is not None and {**copy.stored, primary: b''} == {**row.stored, primary: b''}:
        return None  # the usual case when rows are closed
    stored = None if copy is None else _values(part, copy)
    change = change_of(ImportRow(part, id, _values(part, row)), stored, 'replace')
    return change if isinstance(change, Change) else None


def _values(schema: Schema, row: Row) -> dict[str, bytes]:
    """Return the values of a row without its id, which its copy has in another form."""
    return {name: raw for name, raw in row.stored.items() if name != schema.primary}


def _more_error(schema: Schema, key: bytes) -> InvalidOperation:
    return InvalidOperation(
        f'{as_text(key)}: the row has fields that {schema.name} does not declare, and they would '
        'be lost; nothing of it was moved. Declare these columns, or remove them by a migration '
        '(or, for -index-data- of rom 1.x, by rom reindex), and run rom shard again'
    )
