"""The keeper of a migration: writes rows together with its record, while it holds the lock.

A batch writes its rows and its place in the record in one commit. So after a crash, the place is
exactly the rows that are migrated. The commit expects the record as this migrator wrote it last,
and its lock. So a migrator whose lock expired, and was taken by another one, can write nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from rom._core.encoding.text import as_bytes
from rom._core.ops.commits.attempts import Attempt
from rom._core.ops.commits.commit_request import Batch
from rom._core.ops.commits.raw_commands import Check, as_map
from rom._core.ops.locks import lock_step
from rom._core.ops.migrations.record import Record
from rom._core.ops.requests import Operation
from rom._core.ops.shards.transact import transact_with
from rom._core.ops.shards.transaction import Transaction
from rom._core.schema import Schema
from rom._core.writes.changes import Write
from rom.exceptions import MigrationError


class Fence(NamedTuple):
    """Lock of a migrator.

    Attributes:
        key: the key of the lock.
        token: its value, as long as this migrator has it.
        seconds: the time for which each commit extends it.
    """

    key: bytes
    token: bytes
    seconds: float


class Keeper:
    """Writes rows together with the record of their migration.

    Args:
        schema: the schema of the model.
        name: the name of the migration.
        raw: the record as it was read; None before the migration is begun.
        fence: the lock of this migrator.
    """

    def __init__(self, schema: Schema, name: str, raw: bytes | None, fence: Fence) -> None:
        self._schema, self._name, self._raw, self._fence = schema, name, raw, fence
        #: Rows, index entries and unique values of the last call.
        self.size = 0

    def write(self, writes: Sequence[Write], record: Record) -> Operation[list[Any]]:
        """Write rows and the record in one commit; return the reply of the script.

        Raises:
            MigrationError: another migrator has taken over; nothing was written.
            CorruptRowError, InvalidColumnValue: index entries of a row cannot be made.
        """
        packed = record.packed()
        while True:
            reply, batch = yield from self._written(writes, self._steps(packed))
            rows, members = batch.sizes()
            self.size = rows + sum(count for _, count in members)
            if reply[0] == b'ok':
                self._raw = packed
            if reply[0] != b'differs':
                return reply
            if reply[1] != b'2' or not (yield from self._acquire()):
                raise self._taken_over()

    def _written(
        self, writes: Sequence[Write], also: Mapping[str, Any]
    ) -> Operation[tuple[list[Any], Batch]]:
        """Write rows and take further steps; return the reply of the script, and the writes."""
        if self._schema.part is not None and writes:
            transaction = Transaction.of([write.change for write in writes])
            return (yield from transact_with(transaction, also))
        batch = Batch()
        for write in writes:
            batch.add(write)
        # The attempt may call this again, with another key.
        reply = yield from Attempt(self._schema.keys.attempts).carry_out(
            lambda attempt: batch.call(attempt, also)
        )
        return reply, batch

    def _steps(self, packed: bytes) -> dict[str, Any]:
        key, name, fence = self._schema.keys.migrations, as_bytes(self._name), self._fence
        milliseconds = b'%d' % max(1, round(fence.seconds * 1000))
        return as_map(
            [(b'HSET', key, name, packed), (b'EXPIRE', milliseconds, fence.key)],
            [
                Check((b'HMGET', key, name), (self._raw,)),
                Check((b'MGET', fence.key), (fence.token,)),
            ],
        )

    def _acquire(self) -> Operation[bool]:
        """Acquire the lock again: it expired while the steps of a batch ran."""
        fence = self._fence
        return (yield from lock_step('acquire', fence.key, fence.token, fence.seconds))

    def _taken_over(self) -> MigrationError:
        return MigrationError(
            f'migration {self._name!r}: another migrator of {self._schema.name} has taken over; '
            'nothing of this batch was written. Let that one finish',
            self._name,
            self._schema.name,
        )
