"""Replication: waiting until replicas have a commit.

WAIT counts the replicas that have all writes of its own connection, and a client has several. So a
write goes first, on the same connection: it renews the note of the commit. Replicas have that write
only if they have all earlier ones as well, whichever connection these came on. Commits over
partitions are on several servers, and each of them is asked, those of the directories as well.

The note is looked for behind WAIT, and not before. A node of Valkey that loses its place as the
master keeps its clients waiting. If it is the master again soon after, WAIT counts the replicas of
what it has by then, which may lack the commit. So if the note is gone, the commit is lost: a
replica without it took over.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import inf
from typing import Any, Final, TypeVar

from rom._core.encoding.text import as_text, show
from rom._core.ops.commits.receipts import Receipt, last_of_each_slot, noting
from rom._core.ops.requests import (
    Barrier,
    Command,
    Operation,
    Pipeline,
    Request,
    Unwritten,
    answered,
)
from rom._core.schema import Schema
from rom._core.support.clock import elapsed
from rom.exceptions import ArgumentError, NotReplicatedError, ORMError

T = TypeVar('T')

#: Milliseconds to wait for the replicas.
LONGEST: Final = 2000


def number_of_replicas(durable: Any) -> int:
    """Return how many replicas `durable=` asks for: 1 for True, 0 for False.

    Raises:
        ArgumentError: it is neither a boolean nor a number of replicas.
    """
    if not isinstance(durable, int) or durable < 0:
        raise ArgumentError(
            f'durable={show(durable)}: expected True, for one replica, or the number of replicas '
            'to wait for'
        )
    return int(durable)


class Replication:
    """The replicas that commits wait for: at each barrier that an operation sets, and at the end.

    A commit over partitions is written in several trips. A failover that loses the part of one
    partition must not leave the parts of others: so each trip waits until replicas have what it
    rests on.

    Args:
        schema: the schema of a model of the commits, for errors.
        wanted: the number of replicas.
    """

    def __init__(self, schema: Schema, wanted: int) -> None:
        self._schema, self._wanted = schema, wanted
        self._receipts: list[Receipt] = []
        self._error: NotReplicatedError | None = None

    def watch(self, operation: Operation[T]) -> Operation[T]:
        """Run an operation, and wait where it asks for that."""

        def answer(request: Request) -> Operation[Any]:
            if isinstance(request, Barrier):
                return (yield from self._stop_at(request))
            return (yield request)

        return answered(noting(operation, self._receipts), answer)

    def wait(self, is_decided: bool = True) -> Operation[None]:
        """Wait until replicas have all that was written.

        Args:
            is_decided: as for `wait_for_replicas`.

        Raises:
            NotReplicatedError: fewer have it after `LONGEST` milliseconds, or that is not known.
        """
        if self._error is not None:
            raise self._error
        if self._receipts:
            yield from wait_for_replicas(self._schema, self._receipts, self._wanted, is_decided)
            self._receipts.clear()

    def _stop_at(self, barrier: Barrier) -> Operation[bool]:
        if barrier.key is not None:
            # No note, so none is missed. A note of the same slot is looked for, if it comes later.
            self._receipts.insert(0, Receipt(barrier.key, at=-inf))
        try:
            yield from self.wait(barrier.is_decided)
            return True
        except NotReplicatedError as error:
            if barrier.is_decided:
                self._error = error  # the caller need not wait for it again
                raise
            raise Unwritten(
                f'{self._schema.name}: too few replicas have what this commit over partitions has '
                'prepared, so it was given up, and nothing was written. Try again once they '
                f'follow their masters, or commit without durable=. ({error.found} of '
                f'{self._wanted} replicas)'
            ) from error


class Replications:
    """The replicas that the commits of one operation of a session wait for.

    Args:
        wanted: their number, on each server.

    Attributes:
        by_model: by model, because each model may have a client of its own.
    """

    def __init__(self, wanted: int) -> None:
        self._wanted = wanted
        self.by_model: dict[Any, Replication] = {}

    def of(self, model: Any) -> Replication:
        """Return the replicas that commits of a model wait for."""
        found = self.by_model.get(model)
        if found is None:
            found = self.by_model[model] = Replication(model._schema, self._wanted)
        return found


def wait_for_replicas(
    schema: Schema, receipts: Iterable[Receipt], wanted: int, is_decided: bool = True
) -> Operation[None]:
    """Wait until this many replicas have commits and all before them, on each of their servers.

    Args:
        schema: the schema of a model of the commits, for the error.
        receipts: the receipts of the commits, in the order of the writes.
        wanted: the number of replicas.
        is_decided: the last commit is decided, so a row that lacks a claimed value has given it up.

    Raises:
        NotReplicatedError: fewer have them after `LONGEST` milliseconds, or that is not known.
    """
    left = last_of_each_slot(receipts)
    end, rest = elapsed() + LONGEST / 1000, float(LONGEST)
    while True:
        # A server waits for the slots that it has one after another: all together no longer.
        share = max(int(rest) // len(left), 1)
        counts = yield from _replicas_of(schema, left, wanted, share, is_decided)
        pairs = zip(left, counts, strict=True)
        short = [receipt for receipt, found in pairs if found < wanted]
        if not short:
            return
        rest = (end - elapsed()) * 1000
        if len(left) == 1 or rest < LONGEST / 20:
            found = min(counts)
            text = f'{found} of {wanted} replicas have it after {LONGEST / 1000:g} s'
            raise _error(schema, wanted, found, text)
        left = short


def _replicas_of(
    schema: Schema, receipts: Sequence[Receipt], wanted: int, milliseconds: int, is_decided: bool
) -> Operation[list[int]]:
    """Return how many replicas have each receipt, once they are enough or the time is over.

    All writes are before the first WAIT, so the servers wait at the same time, and the second WAIT
    of a server has nothing to wait for any more.
    """
    writes = [receipt.write for receipt in receipts]
    waits = [Command('WAIT', wanted, milliseconds, key=receipt.key) for receipt in receipts]
    looks = [receipt.look for receipt in receipts]
    try:
        replies = yield Pipeline((*writes, *waits, *looks), resends_all=True)
        count = len(receipts)
        for receipt, reply in zip(receipts, replies[2 * count :], strict=True):
            if receipt.is_in(reply):
                continue
            if not is_decided or not (yield from _is_given_up(schema, receipt)):
                raise _lost(schema, receipt, wanted)
    except NotReplicatedError:
        raise
    except ORMError as error:
        raise _error(schema, wanted, None, f'whether replicas have it is not known: {error}') from (
            error
        )
    return [int(reply) for reply in replies[count : 2 * count]]


def _is_given_up(schema: Schema, receipt: Receipt) -> Operation[bool]:
    """Return whether the row of a claim has given the value up since, and so its entry."""
    if receipt.value is None or schema.placement is None:
        return False
    from rom._core.ops.shards.partitions import partitions_of

    found = yield receipt.look_for_row(partitions_of(schema.placement.group))
    return found is None


def _lost(schema: Schema, receipt: Receipt, wanted: int) -> NotReplicatedError:
    if receipt.value is None:
        return _error(
            schema, wanted, None,
            'the server that is the master now does not have it: a replica without it took over, '
            'so read what is stored',
        )  # fmt: skip
    return _error(
        schema, wanted, None,
        f'the server that is the master of {as_text(receipt.key)} now lacks the entry of '
        f'{show(receipt.value)}: a replica without it took over. Run rom check --repair',
    )  # fmt: skip


def _error(schema: Schema, wanted: int, found: int | None, text: str) -> NotReplicatedError:
    return NotReplicatedError(
        f'{schema.name}: the master carried the commit out, and {text}. Do not repeat the commit: '
        'it is lost only if the master fails before a replica has it',
        wanted,
        found,
    )
