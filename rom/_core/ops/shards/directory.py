"""Directory: the unique values of a model over all of its partitions.

A unique value has an entry in its home partition, before the row with the value is written. The
entry says which partition has the row. It proves nothing by itself: a commit that died may have
left it. So a commit that wants a value with an entry looks into that partition, where a row has the
value or not. If the transaction that made the entry is not decided, it is fenced first, so that its
row does not come later.

Each transaction that writes a value has an entry with its own token, also where a row of the same
partition has the value now. So a value is never written under an entry that was looked into before.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from rom._core.encoding.wire import pack
from rom._core.ops.commits.commit_errors import python_value, shown_value, taken_error
from rom._core.ops.commits.commit_request import Batch
from rom._core.ops.requests import Operation, Script
from rom._core.ops.shards.entries import Value, look_script
from rom._core.ops.shards.partitions import Entry, Partitions
from rom._core.ops.shards.patience import Patience
from rom._core.ops.shards.resolve import resolve
from rom._core.schema import Schema, Unique
from rom._core.writes.changes import Change, Write
from rom._core.writes.planner import plan
from rom.exceptions import InvalidOperation, UniqueKeyViolation

#: Returns the changes of a partition.
Part: TypeAlias = Callable[[int], Sequence[Change]]


@dataclass(slots=True)
class Claim:
    """A value that a commit claims.

    Attributes:
        of: the value.
        schema: the schema of the row.
        part: returns the changes of a partition, for errors.
        own: the ids of the partition that may have the value now: those of the rows that give it up
            in this commit, and that of the row itself.
        expected: the entry that the claim replaces; False for none.
        is_fresh: no row had the value, so the entry may be removed if nothing is written.
    """

    of: Value
    schema: Schema
    part: Part
    own: set[bytes] = field(default_factory=set)
    expected: bytes | bool = False
    is_fresh: bool = True


@dataclass(slots=True)
class Changes:
    """Changes of the directory by one commit.

    Attributes:
        claims: the values that it claims.
        given_up: the values that it gives up, to their entries before the commit, once read.
    """

    claims: dict[Value, Claim] = field(default_factory=dict)
    given_up: dict[Value, Entry | None] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.claims or self.given_up)


def changes_of(
    partitions: Partitions, batches: Mapping[int, Batch], local: Container[bytes], part: Part
) -> Changes:
    """Return what the writes of a commit change in the directory.

    Args:
        partitions: the partitions of the group.
        batches: the writes of each partition.
        local: the keys of unique constraints that need no directory.
        part: returns the changes of a partition.

    Raises:
        UniqueKeyViolation: two partitions claim the same value.
        InvalidOperation: a value moves from a row of one partition to one of another.
    """
    changes, takers = Changes(), dict[tuple[bytes, bytes], Claim]()
    for value, schema, id in _claimed(partitions, batches, local):
        claim = changes.claims.setdefault(value, Claim(value, schema, part))
        claim.own.add(id)
        other = takers.setdefault(value[1:], claim)
        if other is not claim:
            raise _twice(claim)
    for value, id in _released(partitions, batches, local):
        taker = takers.get(value[1:])
        if taker is None:
            changes.given_up[value] = None
        elif taker.of.partition == value.partition:
            taker.own.add(id)
        else:
            raise _moved(taker)
    return changes


def _claimed(
    partitions: Partitions, batches: Mapping[int, Batch], local: Container[bytes]
) -> Iterator[tuple[Value, Schema, bytes]]:
    for number, batch in batches.items():
        for key, (schema, (values, ids)) in batch.claimed.items():
            name = partitions.name(number, key)
            if key not in local:
                for value, id in zip(values, ids, strict=True):
                    yield Value(number, name, value), schema, id


def _released(
    partitions: Partitions, batches: Mapping[int, Batch], local: Container[bytes]
) -> Iterator[tuple[Value, bytes]]:
    for number, batch in batches.items():
        for key, (values, ids) in batch.released.items():
            name = partitions.name(number, key)
            if key not in local:
                for value, id in zip(values, ids, strict=True):
                    yield Value(number, name, value), id


def _twice(claim: Claim) -> UniqueKeyViolation:
    write, key = _write_of(claim)
    return UniqueKeyViolation(
        f'{claim.schema.name}: two entities of this commit have '
        f'{shown_value(write, key, claim.of.value)}, and it must be unique; nothing was written. '
        'Change one of them',
        claim.schema.seen_namespace,
        None,
        _unique_of(claim).columns,
        value=python_value(write, key, claim.of.value),
        holder=None,
    )


def _moved(claim: Claim) -> InvalidOperation:
    return InvalidOperation(
        f'{claim.schema.name}: {shown_value(*_write_of(claim), claim.of.value)} moves from an '
        'entity of one partition to an entity of another one in this commit, which cannot be done '
        'at once; nothing was written. Commit the entity that gives it up first'
    )


def _taken(claim: Claim, entry: Entry, id: int) -> UniqueKeyViolation:
    """Return the error for a value that another entity has.

    Args:
        claim: the claim.
        entry: the entry of the value.
        id: the id of the entity in the partition of the entry.
    """
    part = claim.schema.part
    holder = id if part is None else part.whole.at(entry.partition).seen_id(id)
    return taken_error(*_write_of(claim), claim.of.value, holder, 'first')


def _unique_of(claim: Claim) -> Unique:
    """Return the constraint of a claim."""
    return next(one for one in claim.schema.uniques if one.key.endswith(claim.of.name))


def _write_of(claim: Claim) -> tuple[Write, bytes]:
    """Return the write that claims the value, and the key of its constraint."""
    key = _unique_of(claim).key
    writes = map(plan, claim.part(claim.of.partition))
    return next(write for write in writes if (key, claim.of.value) in write.claimed), key


def by_directory(partitions: Partitions, claims: Iterable[Claim]) -> list[list[Claim]]:
    """Return claims in groups of one directory each."""
    homes: defaultdict[bytes, list[Claim]] = defaultdict(list)
    for claim in claims:
        homes[partitions.directory(claim.of.name, claim.of.value)].append(claim)
    return [*homes.values()]


def claim_script(partitions: Partitions, claims: list[Claim], token: bytes) -> Script:
    """Return the call that claims values with the same home."""
    first = claims[0].of
    listed: list[Any] = [
        [
            partitions.directory(claim.of.name, claim.of.value),
            claim.of.value,
            b'%d:%b:' % (claim.of.partition, token),
            claim.expected,
        ]
        for claim in claims
    ]
    key = partitions.directory(first.name, first.value)
    return Script('shard_claim', key, pack({'claims': listed}))


def unclaim_scripts(partitions: Partitions, changes: Changes, token: bytes) -> list[Script]:
    """Return the calls that remove the claims of a transaction that wrote nothing."""
    return [
        _release(partitions, claim.of, claims=b'%d:%b:' % (claim.of.partition, token))
        for claim in changes.claims.values()
        if claim.is_fresh
    ]


def release_scripts(partitions: Partitions, changes: Changes) -> list[Script]:
    """Return the calls that remove the entries of the values that a commit has given up."""
    return [
        release_entry(partitions, value, entry.raw)
        for value, entry in changes.given_up.items()
        if entry is not None and entry.partition == value.partition
    ]


def release_entry(partitions: Partitions, value: Value, raw: bytes) -> Script:
    """Return the call that removes the entry of a value, if it is still this one."""
    return _release(partitions, value, entries=raw)


def _release(partitions: Partitions, value: Value, **known: bytes) -> Script:
    key = partitions.directory(value.name, value.value)
    request = {kind: [[key, value.value, entry]] for kind, entry in known.items()}
    return Script('shard_release', key, pack(request))


def resolve_claim(
    partitions: Partitions,
    claim: Claim,
    raw: bytes,
    now: int,
    own: bytes,
    patience: Patience,
    tries: int,
) -> Operation[bool]:
    """Find out whether a value with an entry is free, and let the claim replace the entry if so.

    Args:
        partitions: the partitions of the group.
        claim: the claim.
        raw: the entry, or b'' for none.
        now: the time of the server that has the entry.
        own: the token of the transaction that claims.
        patience: how long it waits.
        tries: how often it has waited.

    Returns:
        False if the transaction of the entry is not decided.

    Raises:
        UniqueKeyViolation: a row has the value.
        CorruptRowError: the entry is malformed.
    """
    if not raw:
        claim.expected, claim.is_fresh = False, True
        return True
    entry = partitions.entry(raw, partitions.directory(claim.of.name, claim.of.value))
    fence = patience.may_fence(own, entry, now, tries)
    look = look_script(partitions, claim.of, entry, claim.schema, fence=fence)
    status, detail, said, *_ = yield look
    if status == b'prepared':
        intent = partitions.entry(detail, partitions.intents(entry.partition))
        fence = patience.may_fence(own, intent, int(said), tries)
        return (yield from resolve(partitions, entry.partition, intent, fence)) and False
    is_own = entry.partition == claim.of.partition and detail in claim.own
    if status == b'held' and not is_own:
        raise _taken(claim, entry, int(detail))
    if not said:
        return False
    claim.expected, claim.is_fresh = raw, status == b'free'
    return True
