"""Leftovers: entries of directories that no row needs. Commits that died, or were late, left them.

An entry may be removed once two things are known, in this order: the transaction that made it is
decided, so it writes no row any more; and no partition has the value among those of its rows. Each
later transaction that writes the value makes another entry first. So the entry is removed only if
it is still the same: see `lua/shard_release.lua`.
"""

from collections.abc import Callable
from itertools import compress
from typing import Final, NamedTuple

from rom._core.ops.hash_replies import fields_in
from rom._core.ops.requests import Command, Operation, Pipeline
from rom._core.ops.shards.directory import release_entry
from rom._core.ops.shards.entries import Value, look_script
from rom._core.ops.shards.lockstep import lockstep
from rom._core.ops.shards.partitions import Entry, Partitions, partitions_of
from rom._core.schema import Schema
from rom.exceptions import CorruptRowError

# Commands in one pipeline, which asks every partition for the row of each entry.
_MOST_ASKED: Final = 2000


class DirectoryEntry(NamedTuple):
    """An entry of a directory, with the value that it is of.

    Attributes:
        value: the value, in the partition that the entry names.
        entry: the entry; without a token, if it is malformed.
    """

    value: Value
    entry: Entry


def find_leftovers(
    whole: Schema,
    number: int,
    name: bytes,
    cursor: bytes,
    size: int,
    may_fence: Callable[[Entry], bool],
    repair: bool,
) -> Operation[tuple[bytes | None, list[DirectoryEntry]]]:
    """Return leftovers of a directory, some entries at a time.

    Args:
        whole: the schema of the model over all partitions.
        number: the partition of the directory.
        name: the name of the constraint in all partitions.
        cursor: where to go on; b'0' to begin.
        size: entries in one step.
        may_fence: tells whether the transaction of an entry may be aborted if it is not decided.
        repair: remove the leftovers.

    Returns:
        The cursor of the next ones, None at the end, and the leftovers.
    """
    assert whole.placement is not None
    partitions = partitions_of(whole.placement.group)
    after, some = yield from _entries_without_rows(partitions, number, name, cursor, size)
    found: list[DirectoryEntry] = []
    at_once = max(_MOST_ASKED // partitions.size, 1)
    for begin in range(0, len(some), at_once):
        each = some[begin : begin + at_once]
        are_leftovers = yield from lockstep(
            [_collect(partitions, whole, one, may_fence(one.entry), repair) for one in each]
        )
        found += compress(each, are_leftovers)
    return after, found


def _collect(
    partitions: Partitions, whole: Schema, one: DirectoryEntry, may_fence: bool, repair: bool
) -> Operation[bool]:
    """Return whether an entry is a leftover, and remove it then; `_is_leftover` has the arguments.

    Three round trips at most.
    """
    is_leftover = yield from _is_leftover(partitions, whole, one, may_fence, repair)
    if is_leftover and repair:
        yield release_entry(partitions, one.value, one.entry.raw)
    return is_leftover


def _entries_without_rows(
    partitions: Partitions, number: int, name: bytes, cursor: bytes, size: int
) -> Operation[tuple[bytes | None, list[DirectoryEntry]]]:
    """Return entries of a directory whose partition does not have the value now; two trips."""
    key = partitions.directory_in(number, name)
    after, some = yield Command(b'HSCAN', key, cursor, b'COUNT', size)
    found: list[DirectoryEntry] = []
    for value, raw in fields_in(some).items():
        try:
            entry = partitions.entry(raw, key)
        except CorruptRowError:
            entry = Entry(number, b'', 0, raw)
        found.append(DirectoryEntry(Value(entry.partition, name, value), entry))
    if found:
        holders = yield Pipeline(tuple(_holder(partitions, *one.value) for one in found))
        found = [one for one, id in zip(found, holders, strict=True) if id is None]
    return (b'%d' % int(after) if int(after) else None), found


def _holder(partitions: Partitions, number: int, name: bytes, value: bytes) -> Command:
    """Return the command that reads which row of a partition has a value."""
    return Command(b'HGET', partitions.tag(number) + name, value)


def _is_leftover(
    partitions: Partitions, whole: Schema, one: DirectoryEntry, may_fence: bool, repair: bool
) -> Operation[bool]:
    """Return whether no row needs an entry, and none will; two round trips.

    Args:
        partitions: the partitions of the group.
        whole: the schema of the model.
        one: the entry.
        may_fence: a transaction that is not decided may be aborted.
        repair: abort it; otherwise nothing is written, and the entry counts as if it were aborted.
    """
    value, entry = one
    if entry.token:
        schema, fence = whole.at(entry.partition), may_fence and repair
        status, _, decided = (yield look_script(partitions, value, entry, schema, fence=fence))[:3]
        if status != b'free' or not (decided or may_fence):
            return False
    # A row that has expired still has its value; and a wrong entry is no leftover.
    everywhere = range(partitions.size)
    asked = tuple(_holder(partitions, number, *value[1:]) for number in everywhere)
    return not any((yield Pipeline(asked)))
