"""Strict reads: rows as they are when everything that is decided has been carried out.

A transaction over partitions is visible partition by partition, some milliseconds apart. A read of
rows by id, or by a unique value, closes that gap: it asks for the intents on the rows in the same
trip. If one belongs to a transaction that is committed, it is carried out first, and the rows are
read again. One that is not decided changes nothing: the row before it is the row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, TypeVar

from rom._core.ops.requests import Command, Operation
from rom._core.ops.shards.entries import Value, look_script, read_entry
from rom._core.ops.shards.partitions import Entry, Partitions
from rom._core.ops.shards.resolve import resolve
from rom._core.ops.shared_trips import Aside, alongside
from rom._core.schema import Schema
from rom.exceptions import ServerError

T = TypeVar('T')

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


def strictly(
    partitions: Partitions,
    number: int,
    rows: Sequence[bytes],
    read: Callable[[], Operation[T]],
) -> Operation[T]:
    """Read rows of one partition; no trip more, unless one of them has an intent.

    Args:
        partitions: the partitions of the group.
        number: the partition.
        rows: the keys of the rows.
        read: makes the operation that reads them.

    Raises:
        ServerError: each try met a transaction that had been committed since; or as `read`.
    """
    for _ in range(_MOST_TRIES):
        intents: list[bytes | None] = []
        aside = Aside(Command(b'HMGET', partitions.intents(number), *rows), _into(intents))
        # The intents are read first, and again if the rows are: a transaction that is not there yet
        # is not committed before this read begins.
        result: T = yield from alongside(read(), (aside,), resends_all=True)
        if not (yield from _carried_out(partitions, number, intents)):
            return result
    raise _busy_error(number)


def _into(intents: list[bytes | None]) -> Callable[[Any], None]:
    return lambda reply: intents.extend(reply or ())


def _carried_out(
    partitions: Partitions, number: int, intents: Iterable[bytes | None]
) -> Operation[bool]:
    """Carry out what is decided; return whether that was anything."""
    is_any = False
    for raw in dict.fromkeys(intents):
        if raw is not None:
            is_any |= yield from resolve(partitions, number, Entry.parse(raw), fence=False)
    return is_any


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
        ServerError: as for `strictly`.
    """
    wanted = Value(number, partitions.name(number, key), value)
    anyway = False
    for _ in range(_MOST_TRIES):
        raw = yield read_entry(partitions, wanted)
        if raw is None:
            return None
        entry = Entry.parse(raw)
        more = {'fields': list(schema.fields), 'anyway': anyway}
        status, *details = yield look_script(partitions, wanted, entry, schema, **more)
        if status == b'prepared':
            intent = Entry.parse(details[0])
            anyway = not (yield from resolve(partitions, entry.partition, intent, fence=False))
            continue
        if status != b'held':
            return None
        pairs = zip(schema.names, details[2], strict=True)
        stored = {name: raw for name, raw in pairs if raw is not None}
        return Found(entry.partition, int(details[0]), stored)
    raise _busy_error(number)
