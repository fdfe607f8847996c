"""Recover: finish the commits over partitions that programs have left behind.

Nothing needs this to be correct: a client that meets such a rest finishes it. But rows that are
not read keep their intents, and the coordinator keeps the list of what is not finished.
"""

from typing import NamedTuple

from rom._core.ops.requests import Operation, Pipeline, Script
from rom._core.ops.shards.partitions import Entry, Partitions, partitions_of
from rom._core.ops.shards.patience import GRACE
from rom._core.ops.shards.resolve import check_applied, resolve
from rom._core.ops.shards.transaction import finished
from rom._core.schema import Schema
from rom._core.support.public_names import publish


class Recovered(NamedTuple):
    """Numbers of commits over partitions that a recovery has finished.

    Attributes:
        carried_out: the number of commits that were decided, and are carried out everywhere now.
        undone: the number of prepared parts of commits that were not decided, and never will be.
        under_way: the number of prepared parts of commits that are too young to be given up; they
            were left alone.
    """

    carried_out: int = 0
    undone: int = 0
    under_way: int = 0


class Left(NamedTuple):
    """Rests of transactions in one partition.

    Attributes:
        number: the partition.
        now: the time of its server, in seconds since 1970.
        prepared: the intents of transactions that are prepared here.
        unfinished: the tokens of those that are committed here, to the numbers of the others.
    """

    number: int
    now: int
    prepared: list[Entry]
    unfinished: dict[bytes, list[int]]


def recovery(schema: Schema) -> Operation[Recovered]:
    """Finish what was left behind in the group of a model; nothing for one without a group."""
    if schema.placement is None:
        return Recovered()
    return (yield from recover(partitions_of(schema.placement.group)))


def left_behind(partitions: Partitions) -> Operation[list[Left]]:
    """Return what transactions have left in each partition, also those under way; one trip."""
    numbers = range(partitions.size)
    calls = [partitions.call('shard_left', number, b'') for number in numbers]
    replies = yield Pipeline(tuple(calls))
    return [
        _left(partitions, number, *reply) for number, reply in zip(numbers, replies, strict=True)
    ]


def _left(
    partitions: Partitions,
    number: int,
    now: bytes,
    prepared: list[bytes],
    unfinished: list[bytes],
) -> Left:
    key = partitions.head(number) + b'prepared'
    pairs = zip(unfinished[::2], unfinished[1::2], strict=True)
    others = {token: [int(other) for other in raw.split()] for token, raw in pairs}
    return Left(number, int(now), [partitions.entry(raw, key) for raw in prepared[1::2]], others)


def recover(partitions: Partitions, older: int = GRACE) -> Operation[Recovered]:
    """Finish what was left behind. It may run at any time, and in several processes.

    Args:
        partitions: the partitions of the group.
        older: age in seconds from which a transaction that is not decided is aborted.

    Raises:
        CorruptRowError: a key holds another type, so that a transaction cannot be carried out.
    """
    carried_out, undone, under_way = set[bytes](), 0, 0
    found = yield from left_behind(partitions)
    for left in found:
        for intent in left.prepared:
            fence = left.now - intent.second >= older
            is_committed = intent.token in found[intent.partition].unfinished
            if not (yield from resolve(partitions, left.number, intent, fence)):
                under_way += 1
            elif is_committed:
                carried_out.add(intent.token)
            else:
                undone += 1
    for left in found:
        for token, others in left.unfinished.items():
            yield from _finish(partitions, left.number, token, others)
            carried_out.add(token)
    return Recovered(len(carried_out), undone, under_way)


def _finish(
    partitions: Partitions, number: int, token: bytes, others: list[int]
) -> Operation[None]:
    calls: list[Script] = [partitions.call('shard_apply', other, token) for other in others]
    for reply in (yield Pipeline(tuple(calls))):
        check_applied(reply)
    yield finished(partitions, number, token)


publish('rom.maintenance', Recovered)
