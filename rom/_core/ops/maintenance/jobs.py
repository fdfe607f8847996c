"""Jobs: the steps of a refresh and of the cleanups, in their order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

from rom._core.ops.compound_state import write_fingerprint
from rom._core.ops.index_fingerprint import counted_in, look_up, read_stamp
from rom._core.ops.maintenance.comparison import blocks
from rom._core.ops.maintenance.keyspace import find, named
from rom._core.ops.maintenance.partitions import in_each_partition
from rom._core.ops.maintenance.progress import Job, Progress
from rom._core.ops.maintenance.rebuild import Builder
from rom._core.ops.maintenance.repair import relive, repair_listed, sweep
from rom._core.ops.requests import Command
from rom._core.ops.shards.moved import check_mark
from rom._core.schema import Schema
from rom.exceptions import BulkError, ORMError

T = TypeVar('T')


def refresh(schema: Schema, block_size: int, scan: bool) -> Job[None]:
    """Write all entries of all rows again, and remove those that no row implies.

    Raises:
        BulkError: some rows could not be repaired. It is raised at the end; all others are.
    """
    if schema.placement is not None:
        yield from in_each_partition(schema, lambda part: refresh(part, block_size, scan))
        return
    stamped = yield from look_up(schema)
    check_mark(schema, stamped.mark)
    counted = counted_in(schema, (yield Command('GET', schema.keys.counter)))
    failures = yield from repair_listed(schema, block_size)
    ids: Sequence[int] = range(1, counted + 1)
    every = (*schema.every_index, *schema.uniques)
    if scan:
        found = yield from find(schema, read_stamp(stamped.raw))
        ids = sorted(found.ids)
        counted = max(counted, max(ids, default=0))
        builder = Builder(schema, every, found.indexes, every, block_size)
    else:
        # Without a scan the keys of words are not known, and the digests of other indexes prove
        # nothing: so every entry of the known keys is a suspect.
        builder = Builder(schema, every, {}, (), block_size, surplus=named(schema))
    done, total = 0, len(ids)
    for block in blocks(ids, block_size):
        yield from builder.build(block)
        done += len(block)
        yield Progress(done, total)
    failures += yield from builder.finish()
    yield from relive(schema, total, counted, done, total)
    if scan and counted:
        yield from write_fingerprint(schema)
    yield Progress(total, total)
    _raise(schema, failures)


def clean(schema: Schema, block_size: int) -> Job[None]:
    """Remove the entries that no row implies, and repair the live bitmap.

    Raises:
        BulkError: some rows could not be repaired. It is raised at the end; all others are.
    """
    if schema.placement is not None:
        yield from in_each_partition(schema, lambda part: clean(part, block_size))
        return
    check_mark(schema, (yield from look_up(schema)).mark)
    failures = yield from repair_listed(schema, block_size)
    found = yield from find(schema)
    ids = sorted(found.ids)
    every = (*schema.every_index, *schema.uniques)
    builder = Builder(schema, every, found.indexes, every, block_size)
    done, total = 0, len(ids)
    for block in blocks(ids, block_size):
        yield from builder.weigh(block)
        done += len(block)
        yield Progress(done, total)
    failures += yield from builder.finish()
    counted = counted_in(schema, (yield Command('GET', schema.keys.counter)))
    yield from relive(schema, total, max(counted, max(ids, default=0)), done, total)
    yield Progress(total, total)
    _raise(schema, failures)


def clean_unsafe(schema: Schema, block_size: int) -> Job[tuple[int, int]]:
    """Remove keys of UnsafeColumns without an entity; return how many there were, and went."""
    if schema.placement is not None:
        counts = [(0, 0)]

        def counted(part: Schema) -> Job[None]:
            counts.append((yield from clean_unsafe(part, block_size)))

        yield from in_each_partition(schema, counted)
        return sum(found for found, _ in counts), sum(deleted for _, deleted in counts)
    found = yield from find(schema)
    deleted = done = 0
    for block in _blocks(found.unsafe.items(), block_size):
        deleted += yield from sweep(schema, (), block)
        done += len(block)
        yield Progress(done, len(found.unsafe))
    return len(found.unsafe), deleted


def _blocks(items: Iterable[T], size: int) -> Iterator[Sequence[T]]:
    iterator = iter(items)
    while block := list(islice(iterator, size)):
        yield block


def _raise(schema: Schema, failures: Sequence[ORMError]) -> None:
    if failures:
        raise BulkError(
            f'{len(failures)} rows of {schema.name} could not be repaired, all others are; the '
            f'first of them: {failures[0]}. `errors` has all; repair or delete those rows, and '
            'run it again',
            failures,
        )
