"""Resolving: the outcome of a transaction that another one, or a reader, has met.

A transaction is decided in the partition of its coordinator and nowhere else. A client that meets
one of its intents asks there, and then carries out the outcome where the intent was found. So a
program that dies leaves nothing that holds others up.
"""

from __future__ import annotations

from rom._core.encoding.text import as_text
from rom._core.ops.requests import Barrier, Operation
from rom._core.ops.shards.partitions import Entry, Partitions
from rom.exceptions import CorruptRowError

#: The script that carries out each outcome.
_SCRIPTS = {b'committed': 'shard_apply', b'aborted': 'shard_abort'}


def resolve(partitions: Partitions, number: int, intent: Entry, fence: bool) -> Operation[bool]:
    """Carry out, in one partition, the outcome of a transaction; two round trips.

    Args:
        partitions: the partitions of the group.
        number: the partition with the intent.
        intent: the intent.
        fence: abort the transaction if it is not decided.

    Returns:
        False if it is not decided.

    Raises:
        CorruptRowError: a key holds another type; nothing was written.
    """
    decide = partitions.call('shard_decide', intent.partition, intent.token, fence=fence)
    outcome = (yield decide)[0]
    if outcome == b'undecided':
        return False
    # Replicas of the coordinator must have the outcome before it is carried out anywhere. A replica
    # that took over during the wait may lack it, so it is asked for once more.
    is_kept = yield Barrier(key=partitions.head(intent.partition) + b'durable')
    if is_kept and (yield decide)[0] != outcome:
        return False
    reply = yield partitions.call(_SCRIPTS[outcome], number, intent.token)
    check_applied(reply)
    return True


def check_applied(reply: list[bytes]) -> None:
    """Raise CorruptRowError if a transaction could not be carried out in a partition."""
    if reply[0] == b'unreadable':
        key = as_text(reply[1])
        raise CorruptRowError(
            f'the key {key} holds another type than rom keeps there, so a commit over several '
            f'partitions waits to be finished; look at it with TYPE {key}, rename or delete it, '
            'and run: rom recover',
            key=key,
        )
