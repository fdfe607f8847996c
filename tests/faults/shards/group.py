"""The model of the model checker: accounts, users and trades, in four partitions."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import redis

import rom
from rom._core.ops.requests import Operation
from rom._core.ops.shards.leftovers import find_leftovers
from rom._core.ops.shards.partitions import Entry, partitions_of
from rom._core.ops.shards.transaction import Transaction
from rom._core.schema import Schema
from rom._core.writes.changes import Change, Kind

SIZE = 4
ACCOUNTS = 6
GOLD = 100
SHARDS = rom.Shards('checked', SIZE)
PARTITIONS = partitions_of(SHARDS)


class CheckedRow(rom.Model):
    """A row of any kind; new ones go where the schedule says."""

    _shards = SHARDS

    kind = rom.Text(index=True, keygen=rom.IDENTITY)
    email = rom.Text(unique=True)
    ref = rom.Text(unique=True)
    gold = rom.Integer(index=True)
    grants = rom.Integer()
    trades = rom.Text()
    one = rom.Integer()
    other = rom.Integer()
    delta = rom.Integer()


class CheckedList(rom.Model):
    """A row with links to rows of any partition."""

    _shards = SHARDS

    rows = rom.ManyToMany('CheckedRow')


SCHEMAS: list[Schema] = [CheckedRow._schema.at(number) for number in range(SIZE)]


def change(
    number: int, how: Kind, id: int | None, stored: dict[str, bytes], **wanted: Any
) -> Change:
    """A change of a row in a partition, as a session makes it."""
    schema = SCHEMAS[number]
    raw = {
        name: None if value is None else schema.columns[name].encode(value)
        for name, value in wanted.items()
    }
    return Change(schema, how, id, stored, raw, wanted)


def transaction_of(parts: Mapping[int, Sequence[Change]]) -> Transaction:
    """The transaction of the changes of each partition."""
    return Transaction.of([one for part in parts.values() for one in part])


def collect(number: int, name: bytes, may_fence: Callable[[Entry], bool]) -> Operation[int]:
    """Remove the leftovers of a directory, as the repair does; return their number."""
    removed = 0
    cursor: bytes | None = b'0'
    while cursor is not None:
        cursor, found = yield from find_leftovers(
            CheckedRow._schema, number, name, cursor, 100, may_fence, True
        )
        removed += len(found)
    return removed


def unique_key(number: int, column: str) -> bytes:
    """The hash of a unique column in a partition."""
    return SCHEMAS[number].keys.unique((column,))


def row_of(connection: redis.Redis, number: int, id: int) -> dict[str, bytes]:
    """A row as it is stored, without its id."""
    found: Any = connection.hgetall(SCHEMAS[number].keys.row(id))
    return {name.decode(): raw for name, raw in found.items() if name != b'id'}


def account(place: int) -> tuple[int, int]:
    """The partition and the id of an account."""
    return place % SIZE, 1 + place // SIZE
