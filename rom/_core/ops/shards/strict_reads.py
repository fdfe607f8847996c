"""Strict reads: rows as they are when everything that is decided has been carried out.

A transaction over partitions is visible partition by partition, some milliseconds apart. A read of
rows by id, or by a unique value, closes that gap: its script looks at the intents on the rows
first. If one belongs to a transaction that is committed, it is carried out first, and the rows are
read again. One that is not decided changes nothing: the row before it is the row.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from rom._core.encoding.wire import pack, unpack
from rom._core.ops.requests import Operation, Script, Unwritten
from rom._core.ops.shards.entries import Value, look_script, read_entry
from rom._core.ops.shards.partitions import Entry, Partitions
from rom._core.ops.shards.resolve import resolve
from rom._core.schema import Schema
from rom.exceptions import ServerError

#: How often a read meets another transaction that has been committed since, at most.
_MOST_TRIES = 100


class Found(NamedTuple):
    """The row with a unique value.

    Attributes:
        partition: the number of its partition.
        id: its id there.
        stored: its encoded values.
    """

    partition: int
    id: int
    stored: dict[str, bytes]


def read_again(partitions: Partitions, number: int, script: Script, reply: Any) -> Operation[Any]:
    """Return the reply to a read of rows once all that is committed is carried out.

    Args:
        partitions: the partitions of the group.
        number: the partition of the rows.
        script: a call of `lua/shard_load.lua`.
        reply: the reply to it, which says that rows are locked.

    Raises:
        ServerError: each try met a transaction that had been committed since.
    """
    for _ in range(_MOST_TRIES):
        key = partitions.intents(number)
        intents = [partitions.entry(raw, key) for raw in reply[1]]
        if not (yield from _carried_out(partitions, number, intents)):
            request = {**unpack(script.request), 'anyway': True}
            return (yield script._replace(request=pack(request)))
        reply = yield script
        if reply[0] != b'locked':
            return reply
    raise _busy_error(number)


def _carried_out(partitions: Partitions, number: int, intents: Iterable[Entry]) -> Operation[bool]:
    """Carry out what is decided; return whether that was anything."""
    is_any = False
    for intent in {intent.token: intent for intent in intents}.values():
        is_any |= yield from _resolved(partitions, number, intent)
    return is_any


def _resolved(partitions: Partitions, number: int, intent: Entry) -> Operation[bool]:
    """Carry out a transaction that is decided; return False if it is not, or could still be lost.

    A session that waits for replicas reads the row before a decision that too few of them have.
    """
    try:
        return (yield from resolve(partitions, number, intent, fence=False))
    except Unwritten:
        return False


def _busy_error(number: int) -> ServerError:
    return ServerError(
        f'{_MOST_TRIES} tries to read rows of partition {number} each met another commit over '
        'several partitions; find out which program writes them without pause'
    )


def find_unique(
    partitions: Partitions, number: int, schema: Schema, key: bytes, value: bytes
) -> Operation[Found | None]:
    """Return the row with a unique value, in whatever partition it is; two round trips.

    Args:
        partitions: the partitions of the group.
        number: the partition that `schema` and `key` belong to; any of them will do.
        schema: the schema of the model.
        key: the key of the hash of the unique constraint.
        value: the encoded value.

    Raises:
        ServerError: as for `read_again`.
    """
    wanted = Value(number, partitions.name(number, key), value)
    anyway = False
    for _ in range(_MOST_TRIES):
        raw = yield read_entry(partitions, wanted)
        if raw is None:
            return None
        entry = partitions.entry(raw, partitions.directory(wanted.name, value))
        more = {'fields': list(schema.fields), 'anyway': anyway}
        status, *details = yield look_script(partitions, wanted, entry, schema, **more)
        if status == b'prepared':
            intent = partitions.entry(details[0], partitions.intents(entry.partition))
            anyway = not (yield from _resolved(partitions, entry.partition, intent))
            continue
        if status != b'held':
            return None
        pairs = zip(schema.names, details[2], strict=True)
        stored = {name: raw for name, raw in pairs if raw is not None}
        return Found(entry.partition, int(details[0]), stored)
    raise _busy_error(number)
