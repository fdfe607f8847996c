"""Rebuild: writes the entries of all rows, then removes entries that no row implies.

Each row is read once. Its entries are written together with those of some hundred other rows, by
the script of all commits: as an update that writes no column, of a row that must be as it was read.
Rows that the script objects to are put off until all others are done. Their unique values may be
registered to wrong ids, which are removed by then.

Only indexes that existed before can have entries that no row implies. Those are compared with the
rows at the end (see comparison.py); the rows were weighed when they were built.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import repeat
from typing import Any

from rom._core.columns import ExpireAt
from rom._core.encoding.integers import read_digits
from rom._core.ops.commits.attempts import Attempt
from rom._core.ops.commits.commit_request import Batch
from rom._core.ops.load_rows import load
from rom._core.ops.maintenance.comparison import Comparison, blocks
from rom._core.ops.maintenance.digests import decoded, needed_by
from rom._core.ops.maintenance.keyspace import Maker, is_declared
from rom._core.ops.maintenance.repair import repair_ids
from rom._core.ops.maintenance.suspects import Settler
from rom._core.ops.requests import Operation
from rom._core.ops.rows import Row
from rom._core.schema import INDEX_DATA, Index, Schema, Unique, pure_of
from rom._core.writes.changes import NO_ENTRIES, Change, Write
from rom._core.writes.decoded_row import TrackingMapping
from rom._core.writes.unique_changes import claims_of
from rom.exceptions import CorruptRowError, InvalidColumnValue, ORMError

# Entries in one call of the script: some 15 milliseconds of the server's time.
_ENTRIES = 12_000
# Rows in the first call, when it is not known yet how many entries a row has.
_FIRST = 100
# Rows that the script may object to before the whole batch is put off.
_MOST_LOST = 20


class Builder:
    """Builds indexes of a model.

    Args:
        schema: the schema of the model.
        makers: the indexes and constraints to build.
        indexes: the existing keys, each with the index or constraint that makes its entries.
        compared: those of `makers` that had entries before.
        block_size: rows in a step, and ids whose suspects are read together.
        surplus: keys whose entries are all suspects; default: those in `indexes` that the model
            does not declare.

    Attributes:
        put_off: the ids of rows that are built at the end.
    """

    def __init__(
        self,
        schema: Schema,
        makers: Collection[Index | Unique],
        indexes: Mapping[bytes, Maker],
        compared: Collection[Index | Unique],
        block_size: int,
        surplus: Mapping[bytes, Maker] | None = None,
    ) -> None:
        self.put_off: list[int] = []
        self._schema, self._block_size = schema, block_size
        declared = [maker for maker in makers if not isinstance(maker, Unique)]
        self._pure = pure_of(declared)
        self._tracked = [index for index in declared if index.depends_on_others]
        self._uniques = [i for i in makers if isinstance(i, Unique)]
        self._names = needed_by(makers, schema)
        places = {*map(id, compared)}
        undeclared = {k: m for k, m in indexes.items() if not is_declared(m, k)}
        self._compared = Comparison(
            schema,
            {k: m for k, m in indexes.items() if id(m) in places and is_declared(m, k)},
            undeclared if surplus is None else surplus,
            compared,
            count=max(block_size, 1),
        )
        self._needs_weights = bool(places)
        self._at_once = _FIRST

    def build(self, ids: Sequence[int]) -> Operation[None]:
        """Read rows, and write their entries."""
        try:
            rows = yield from load(self._schema, ids, with_expired=True)
        except CorruptRowError as error:
            rows = error.entities
            there = {row.id for row in rows}
            self.put_off += [id for id in ids if id not in there]
        listed = [row.id for row in rows if self._is_listed(row)]
        self.put_off += listed
        waiting = [row for row in rows if not self._is_listed(row)] if listed else rows
        while waiting:
            some, waiting = waiting[: self._at_once], waiting[self._at_once :]
            yield from self._write(some)
        if self._needs_weights:
            self._compared.rows.add(rows)

    def weigh(self, ids: Sequence[int]) -> Operation[None]:
        """Read rows that were built earlier, and weigh them, if any index is to be compared."""
        if self._needs_weights:
            yield from self._compared.read(ids)

    def finish(self) -> Operation[list[ORMError]]:
        """Remove entries that no row implies, then build the rows that were put off.

        Returns:
            The errors of rows that could not be built.
        """
        failures: list[ORMError] = []
        settler = Settler(self._schema, repair=True)
        yield from self._compared.scan()
        yield from self._compared.locate()
        while self._compared.has_suspects:
            suspicious = yield from self._compared.suspects()
            # `whole`, because a score of these rows may be wrong as well, which is no suspect.
            yield from settler.settle(list(suspicious), suspicious, whole=True)
        for block in blocks(self.put_off, min(self._block_size, _FIRST)):
            failures += yield from repair_ids(self._schema, block, {})
        return failures

    def _is_listed(self, row: Row) -> bool:
        """Return whether a row has the list of entries of rom 1.x, or must get one."""
        return self._schema.keep_index_data or INDEX_DATA in row.stored

    def _write(self, rows: Sequence[Row]) -> Operation[None]:
        """Write the entries of rows; put off the rows that make the batch fail."""
        lost = 0
        waiting = {row.id: row for row in rows}
        while waiting:
            try:
                batch = self._batch(list(waiting.values()))
            except Exception:  # a column or a keygen of the program may raise any exception
                yield from self._write_halves(list(waiting.values()))
                return
            try:
                reply = yield from Attempt(self._schema.keys.attempts).carry_out(batch.call)
            except (CorruptRowError, InvalidColumnValue):
                yield from self._write_halves(list(waiting.values()))
                return
            if reply[0] == b'ok':
                self._learn(batch, len(waiting))
                return
            lost += 1
            culprit = self._culprit(reply)
            if culprit not in waiting or lost > _MOST_LOST:
                break
            del waiting[culprit]
            self.put_off.append(culprit)
        self.put_off += waiting

    def _write_halves(self, rows: Sequence[Row]) -> Operation[None]:
        if len(rows) == 1:
            self.put_off.append(rows[0].id)
            return
        middle = len(rows) // 2
        yield from self._write(rows[:middle])
        yield from self._write(rows[middle:])

    def _learn(self, batch: Batch, rows: int) -> None:
        """Choose the number of rows of the next call, so that it has about `_ENTRIES` entries."""
        entries = sum(map(len, batch.come.sets.values()))
        entries += sum(map(len, batch.come.zsets.values())) // 2
        self._at_once = max(1, _ENTRIES * rows // max(entries, rows))

    def _culprit(self, reply: Sequence[Any]) -> int | None:
        """Return the id of the row that the script objects to, if it names one."""
        if reply[0] == b'unique':
            return read_digits(reply[3])
        return read_digits(bytes(reply[1]).rpartition(b':')[2]) if len(reply) > 1 else None

    def _batch(self, rows: Sequence[Row]) -> Batch:
        """Return the writes of rows.

        Raises:
            Exception: a value does not decode, or a keygen fails.
        """
        batch = Batch()
        columns = decoded(self._schema, self._names, rows)
        values = zip(*columns.values(), strict=True) if columns else repeat((), len(rows))
        for row, of_row in zip(rows, values, strict=True):
            batch.add(self._write_of(row, dict(zip(self._names, of_row, strict=True))))
        return batch

    def _write_of(self, row: Row, values: Mapping[str, Any]) -> Write:
        schema = self._schema
        expiry = None if schema.expiry is None else schema.columns[schema.expiry]
        expired = isinstance(expiry, ExpireAt) and expiry.is_past(row.stored.get(expiry.name))
        come = NO_ENTRIES
        if self._tracked:
            come = {}
            for index in self._tracked:
                come.update(index.entries(TrackingMapping(values)))
        return Write(
            Change(schema, 'update', row.id, row.stored, {}, {}, full=True, expired=expired),
            expected={name: row.stored.get(name) for name in schema.names},
            new_values={},
            gone=NO_ENTRIES,
            come=come,
            released=(),
            claimed=() if expired else claims_of(self._uniques, row.stored, values),
            indexes=self._pure,
            before=None,
            after=values,
        )
