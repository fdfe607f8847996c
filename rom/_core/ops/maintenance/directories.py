"""Directories: compared with the unique values that rows of all partitions have.

Each partition has a hash of unique values, which the check of the partition compares with its rows.
Here each of those values is looked up in its directory. Then each directory is read: an entry that
no row needs takes memory, and another trip of the next commit that wants the value.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

from rom._core.encoding.text import as_text, show
from rom._core.ops.commits.attempts import new_token
from rom._core.ops.hash_replies import fields_in
from rom._core.ops.load_rows import load
from rom._core.ops.maintenance.findings import Checked, Finding
from rom._core.ops.maintenance.progress import Job
from rom._core.ops.requests import Command, Operation, Pipeline
from rom._core.ops.shards.directory import Claim, claim_script
from rom._core.ops.shards.entries import Value, look_script, read_entry
from rom._core.ops.shards.leftovers import find_leftovers
from rom._core.ops.shards.partitions import Entry, Partitions, local_keys, partitions_of
from rom._core.ops.shards.patience import GRACE
from rom._core.ops.shards.recover import Left, left_behind, recover
from rom._core.ops.shards.writing import commit
from rom._core.schema import Schema
from rom._core.writes.changes import Change
from rom.exceptions import CorruptRowError, ORMError


def check_directories(schema: Schema, repair: bool, block_size: int, total: int) -> Job[None]:
    """Check the directories of a model, and what commits have left behind in its group.

    Args:
        schema: the schema of the model over all partitions.
        repair: repair findings.
        block_size: values in one step.
        total: the number of entities of the model, for the progress.
    """
    assert schema.placement is not None
    partitions = partitions_of(schema.placement.group)
    left = yield from left_behind(partitions)
    found = yield from _unfinished(schema, partitions, left, repair)
    yield Checked(total, total, tuple(found))
    for part in schema.parts:
        for key in _directed(part):
            cursor: bytes | None = b'0'
            while cursor is not None:
                cursor, found = yield from _block(partitions, part, key, cursor, block_size, repair)
                yield Checked(total, total, tuple(found))
    for one in left:
        yield from _leftovers(schema, partitions, one, repair, block_size, total)


def _leftovers(
    schema: Schema, partitions: Partitions, at: Left, repair: bool, block_size: int, total: int
) -> Job[None]:
    """Check the entries in the directories of a partition; those of young commits are left out."""

    def is_old(entry: Entry) -> bool:
        return at.now - entry.second >= GRACE

    for key in _directed(schema.at(at.number)):
        name = partitions.name(at.number, key)
        cursor: bytes | None = b'0'
        while cursor is not None:
            cursor, found = yield from find_leftovers(
                schema, at.number, name, cursor, block_size, is_old, repair
            )
            findings = [_leftover(schema, partitions, one.value, repair) for one in found]
            yield Checked(total, total, tuple(findings))


def _leftover(schema: Schema, partitions: Partitions, value: Value, repair: bool) -> Finding:
    key = partitions.directory(value.name, value.value)
    what = f'{show(as_text(value.value))} is in partition {value.partition}, and no row has it'
    return Finding(schema.name, 'leftover', as_text(key), None, what, repaired=repair)


def _directed(part: Schema) -> Iterator[bytes]:
    local = local_keys(part)
    return (unique.key for unique in part.uniques if unique.key not in local)


def _unfinished(
    schema: Schema, partitions: Partitions, each: Sequence[Left], repair: bool
) -> Operation[list[Finding]]:
    """Return a finding for each transaction that was left behind."""
    old: dict[bytes, bytes] = {}
    for left in each:
        for intent in left.prepared:
            if left.now - intent.second >= GRACE:
                old[intent.token] = partitions.head(left.number) + b'prepared'
    if old and repair:
        yield from recover(partitions)
    what = 'a commit over several partitions was left behind: rom recover finishes it'
    return [
        Finding(schema.name, 'unfinished', as_text(key), None, what, repaired=repair)
        for key in old.values()
    ]


def _block(
    partitions: Partitions, part: Schema, key: bytes, cursor: bytes, size: int, repair: bool
) -> Operation[tuple[bytes | None, list[Finding]]]:
    """Compare a block of values of a partition; return the next cursor and the findings."""
    assert part.part is not None
    after, found = yield Command(b'HSCAN', key, cursor, b'COUNT', size)
    number, name = part.part.number, partitions.name(part.part.number, key)
    values = [Value(number, name, value) for value in fields_in(found)]
    suspects = yield from _suspects(partitions, values)
    findings = []
    for value in suspects:
        finding = yield from _judged(partitions, part, value)
        if finding is not None:
            findings.append(
                (yield from _repaired(partitions, part, value, finding)) if repair else finding
            )
    return (b'%d' % int(after) if int(after) else None), findings


def _suspects(partitions: Partitions, values: Sequence[Value]) -> Operation[list[Value]]:
    """Return the values whose entry is missing or names another partition."""
    if not values:
        return []
    entries = yield Pipeline(tuple(read_entry(partitions, value) for value in values))
    pairs = zip(values, entries, strict=True)
    return [value for value, raw in pairs if _named(partitions, raw) != value.partition]


def _named(partitions: Partitions, raw: bytes | None) -> int | None:
    """Return the partition that an entry names; None without one, or if it is malformed."""
    with suppress(CorruptRowError):
        return None if raw is None else partitions.entry(raw, b'').partition
    return None


def _judged(partitions: Partitions, part: Schema, value: Value) -> Operation[Finding | None]:
    """Return the finding of a value, or None if no row has it, or it has changed since."""
    here = Entry(value.partition, b'check', 0, b'')
    look = look_script(partitions, value, here, part)
    status, detail, *_ = yield look
    raw = yield read_entry(partitions, value)
    again = yield look
    named = _named(partitions, raw)
    if status != b'held' or again[:2] != [status, detail] or named == value.partition:
        return None
    key = partitions.directory(value.name, value.value)
    where = 'no partition' if named is None else f'partition {named}'
    what = f'{show(as_text(value.value))} is in {where}, and a row of {value.partition} has it'
    return Finding(part.name, 'directory', as_text(key), int(detail), what)


def _repaired(
    partitions: Partitions, part: Schema, value: Value, finding: Finding
) -> Operation[Finding]:
    """Have the row claim its values again, with the id that programs see in the finding."""
    assert finding.id is not None
    raw = yield read_entry(partitions, value)
    if raw is not None and _named(partitions, raw) is None:
        # No commit replaces a malformed entry. So it becomes one of the row's own partition, at
        # once, because without an entry another row could take the value.
        claim = Claim(value, part, lambda _: (), expected=raw)
        yield claim_script(partitions, [claim], new_token())
    seen = replace(finding, id=part.seen_id(finding.id))
    rows = yield from load(part, [finding.id], with_expired=True)
    changes = [Change(part, 'update', row.id, row.stored, {}, {}, full=True) for row in rows]
    try:
        if changes:
            yield from commit(changes)
    except ORMError as error:
        return replace(seen, message=f'{seen.message}: {error}')
    return replace(seen, repaired=True)
