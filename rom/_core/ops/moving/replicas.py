"""Replicas that a move waits for, so that a failover loses no row that was given up.

A row without partitions may be older than all replicas, and be lost with its only copy. So the
copies of a batch are looked at once more after the wait, before their rows are given up: a master
that took over meanwhile may lack some, and they are written again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rom._core.ops.commits.receipts import Receipt, noting
from rom._core.ops.commits.replication import wait_for_replicas
from rom._core.ops.moving.copies import Copies
from rom._core.ops.moving.record import Move
from rom._core.ops.requests import Command, Operation, Pipeline
from rom._core.ops.rows import Row
from rom._core.support.clock import elapsed
from rom.exceptions import NotReplicatedError

# Seconds until a key that was written to wait for its replicas expires.
_LIFE: Final = 10


class Replicas:
    """The replicas that a move waits for.

    Args:
        move: the move.
        wanted: their number on each server; 0: the move does not wait.
    """

    def __init__(self, move: Move, wanted: int) -> None:
        self._move, self._wanted = move, wanted
        self._parts = [move.head(number) + b'durable' for number in range(move.group.partitions)]

    def copied(self, copies: Copies, rows: Sequence[Row]) -> Operation[list[Row]]:
        """Make the copies of rows, as `Copies.copy` does; return once replicas have them."""
        rows = yield from copies.copy(rows)
        while self._wanted:
            yield from self._wait(self._parts)
            written: list[Receipt] = []
            rows = yield from noting(copies.copy(rows), written)
            if not written:
                break
        return list(rows)

    def have_rows_given_up(self) -> Operation[None]:
        """Wait until replicas have the marks of all rows, which refuse programs."""
        yield from self._wait([self._move.old.keys.attempts + b'move'])

    def have_declaration(self) -> Operation[None]:
        """Wait until replicas have what the group says of the move, and the fences."""
        yield from self._wait([*self._parts, self._move.group._key + b':durable'])

    def _wait(self, keys: Sequence[bytes]) -> Operation[None]:
        """Wait until replicas have all that was written to the slots of these keys.

        Raises:
            NotReplicatedError: too few of them have it, or that is not known.
        """
        if not self._wanted:
            return
        yield Pipeline(tuple(Command('SET', key, 'durable', 'EX', _LIFE) for key in keys))
        receipts = [Receipt(key, at=elapsed()) for key in keys]
        try:
            yield from wait_for_replicas(self._move.whole, receipts, self._wanted)
        except NotReplicatedError as error:
            raise NotReplicatedError(
                f'{self._move.whole.name}: too few replicas have the copies of rows so far, and no '
                'row is given up before they have; nothing is lost. Run rom shard again, which '
                f'continues there; or without --durable. ({error})',
                error.wanted,
                error.found,
            ) from error
