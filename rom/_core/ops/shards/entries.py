"""Entries of directories: read, and compared with the partition that they name."""

from typing import Any, NamedTuple

from rom._core.ops.requests import Command, Script
from rom._core.ops.shards.partitions import Entry, Partitions
from rom._core.schema import Schema


class Value(NamedTuple):
    """A unique value that a commit claims or gives up.

    Attributes:
        partition: the partition of the row.
        name: the name of the constraint in all partitions.
        value: the value.
    """

    partition: int
    name: bytes
    value: bytes


def read_entry(partitions: Partitions, value: Value) -> Command:
    """Return the command that reads the entry of a value."""
    return Command(b'HGET', partitions.directory(value.name, value.value), value.value)


def look_script(
    partitions: Partitions, claim: Value, entry: Entry, schema: Schema, **asked: Any
) -> Script:
    """Return the call that looks where an entry says whether a row has the value."""
    number = entry.partition
    request = {
        'unique': partitions.tag(number) + claim.name,
        'value': claim.value,
        'rows': partitions.tag(number) + partitions.name(claim.partition, schema.keys.head),
        'expiry': schema.expiry_field,
        **asked,
    }
    given = {name: value for name, value in request.items() if value is not None}
    return partitions.call('shard_look', number, entry.token, **given)
