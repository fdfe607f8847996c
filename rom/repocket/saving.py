"""Writing records: hash, streams and indexes, in one call of `lua/commit.lua`.

Only changed fields are written, and the last writer of a field wins, as in repocket. The script
still compares them with the values that were loaded, because the index entries to remove follow
from the old values. If another program changed them, the entries are computed again.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NoReturn

from rom._core.encoding.text import as_bytes, as_text, show
from rom._core.encoding.wire import pack
from rom._core.indexing.entry_lists import differences
from rom._core.ops.commits.attempts import Attempt
from rom._core.ops.commits.commit import MOST_TRIES
from rom._core.ops.commits.commit_request import Batch
from rom._core.ops.requests import Operation, Script
from rom.exceptions import (
    EntityDeletedError,
    InvalidOperation,
    ServerError,
    UniqueKeyViolation,
)
from rom.repocket.loading import load, no_index, no_string, scan, unreadable
from rom.repocket.record_schema import Layout, Stored

# The number of records whose entries one call of the script writes.
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Saving:
    """The write of one record.

    Attributes:
        layout: the model's layout.
        id: the id of the record.
        stored: the hash as last read; None for a new record.
        wanted: the fields to write.
        streams: the new contents of streams, by name.
        again: write all index entries, not only those that change.
    """

    layout: Layout
    id: uuid.UUID
    stored: Stored | None
    wanted: Stored
    streams: Mapping[str, bytes] = field(default_factory=dict)
    again: bool = False

    @property
    def raw_id(self) -> bytes:
        return as_bytes(str(self.id))

    @property
    def outcome(self) -> dict[str, bytes]:
        """The known fields of the hash after the write."""
        return {**(self.stored or {}), **self.wanted}


class _Batch(Batch):
    """Batch of records, whose keys have another prefix than those of their indexes."""

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        self.head = layout.head
        self.own_claims: dict[bytes, tuple[list[bytes], list[bytes]]] = {}

    def _claims(self) -> list[list[Any]]:
        return [[key, *columns, self.head] for key, columns in self.own_claims.items()]


def attempt_to(layout: Layout, purpose: object) -> Attempt:
    """Return a new attempt to write a record."""
    return Attempt(layout.schema.keys.attempts, purpose)


def save(saving: Saving, attempt: Attempt) -> Operation[dict[str, bytes]]:
    """Write a record, and return its hash afterwards.

    Args:
        saving: the write.
        attempt: the attempt; its one change is the write that was sent last.

    Raises:
        UniqueKeyViolation, EntityDeletedError, CorruptRowError, InvalidOperation: nothing was
            written.
    """
    for _ in range(MOST_TRIES):
        attempt.changes = [saving]
        batch = _batch_of(saving)
        status, *details = yield from attempt.carry_out(partial(_script, batch, saving))
        if status == b'ok':
            return saving.outcome
        if status != b'race':
            _refuse(saving, status, details)
        saving = replace(saving, stored=(yield from _fresh(saving)))
    raise _too_many_tries(saving.layout, saving.raw_id)


def delete(layout: Layout, id: uuid.UUID, stored: Stored, attempt: Attempt) -> Operation[int]:
    """Delete a record with its streams and index entries; return the number of deleted keys.

    Args:
        layout: the model's layout.
        id: the id of the record.
        stored: the hash as last read.
        attempt: the attempt.
    """
    saving = Saving(layout, id, stored, {})
    for _ in range(MOST_TRIES):
        batch = _Batch(layout)
        batch.old.deletes.append([layout.key(id), *_expectation(saving, is_all=True)])
        batch.old.dropped += [layout.stream(id, name) for name in layout.streams]
        _write_entries(batch, saving, {})
        request = partial(_script, batch, saving, tell=True)
        status, *details = yield from attempt.carry_out(request)
        if status == b'ok':
            return keys_gone(attempt)
        if status != b'race':
            _refuse(saving, status, details)
        saving = replace(saving, stored=(yield from _fresh(saving)))
    raise _too_many_tries(layout, saving.raw_id)


def keys_gone(attempt: Attempt) -> int:
    """Return the number of keys that a completed delete has removed."""
    return (attempt.told or b'').count(b'1')


def append(
    layout: Layout, id: uuid.UUID, name: str, data: bytes, attempt: Attempt
) -> Operation[int]:
    """Append to a stream, once; return its new length in bytes.

    Raises:
        EntityDeletedError: the record does not exist.
        CorruptRowError: the key of the stream does not hold a string.
    """
    request = {'row': layout.key(id), 'string': layout.stream(id, name), 'data': data}
    status, detail = yield from attempt.carry_out(
        lambda attempt: Script('append', attempt.key, pack({**request, 'at': attempt.at}))
    )
    if status == b'ok':
        return int(detail)
    _refuse(Saving(layout, id, {}, {}), status, [detail])


def reindex(layout: Layout) -> Operation[int]:
    """Write the index entries of all records; return the number of records.

    Raises:
        UniqueKeyViolation: two records have the same unique value; the entries of the records
            before them are written.
        CorruptRowError: a key does not hold a record; raised after all others were indexed.
    """
    found = yield from scan(layout)
    if not layout.is_indexed:
        return len(found.rows)
    for start in range(0, len(found.rows), _AT_ONCE):
        savings = [
            Saving(layout, uuid.UUID(as_text(id)), stored, {}, again=True)
            for id, stored in found.rows[start : start + _AT_ONCE]
        ]
        request = partial(_script, _batch_of(*savings), savings[0])
        status, *_ = yield from attempt_to(layout, 'reindex').carry_out(request)
        if status != b'ok':
            # One record was changed or deleted, or its unique value is taken. The script then wrote
            # none, so each is written by itself: the others succeed, and the error names this one.
            for saving in savings:
                try:
                    yield from save(saving, attempt_to(layout, 'reindex'))
                except EntityDeletedError:
                    continue
    if found.broken:
        raise unreadable(layout, found.broken[0])
    return len(found.rows)


def _fresh(saving: Saving) -> Operation[dict[str, bytes]]:
    """Return the current hash, empty if the record is gone, which the script then reports."""
    found = yield from load(saving.layout, [saving.raw_id])
    if found.broken:
        raise unreadable(saving.layout, saving.raw_id)
    return found.rows[0][1] if found.rows else {}


def _script(batch: _Batch, saving: Saving, attempt: Attempt, tell: bool = False) -> Script:
    for name, data in saving.streams.items():
        batch.old.strings[saving.layout.stream(saving.id, name)] = data
    return batch.call(attempt, more={'tell': True} if tell else None)


def _batch_of(*savings: Saving) -> _Batch:
    batch = _Batch(savings[0].layout)
    for saving in savings:
        _add(batch, saving)
    return batch


def _add(batch: _Batch, saving: Saving) -> None:
    layout = saving.layout
    if saving.stored is None:
        row = [part for name, raw in saving.wanted.items() for part in (as_bytes(name), raw)]
        batch.inserts.append([layout.head, saving.raw_id, False, *row])
    else:
        becomes = list(saving.wanted.values())
        batch.old.updates.append(
            [layout.key(saving.id), *_expectation(saving, saving.again), becomes]
        )
    _write_entries(batch, saving, saving.outcome)


def _expectation(saving: Saving, is_all: bool) -> list[list[Any]]:
    """Return the fields that the script compares, and their old values.

    These are the fields to write and, on request, all indexed ones. The id is always among them,
    because the script needs at least one field.
    """
    layout, stored = saving.layout, saving.stored or {}
    indexed = (*layout.schema.indexes, *layout.uniques) if is_all else ()
    compared = [*dict.fromkeys((*saving.wanted, *indexed, layout.primary))]
    return [[as_bytes(name) for name in compared], [stored.get(name, False) for name in compared]]


def _write_entries(batch: _Batch, saving: Saving, outcome: Stored) -> None:
    """Add the index entries and unique values to remove and to add; an empty outcome has none."""
    layout = saving.layout
    if not layout.is_indexed:
        return
    old, new = _implied(layout, saving.stored or {}), _implied(layout, outcome)
    gone, come = differences(old[0], new[0])
    batch.old.gone.add(gone, saving.raw_id)
    batch.come.add(new[0] if saving.again else come, saving.raw_id)
    for key, value in old[1].items():
        if new[1].get(key) != value:
            values, ids = batch.old.released.setdefault(key, ([], []))
            values.append(value)
            ids.append(saving.raw_id)
    for key, value in new[1].items():
        if saving.again or old[1].get(key) != value:
            values, ids = batch.own_claims.setdefault(key, ([], []))
            values.append(value)
            ids.append(saving.raw_id)


def _implied(layout: Layout, stored: Stored) -> tuple[Mapping[Any, Any], Mapping[bytes, bytes]]:
    return (layout.entries(stored), layout.unique_values(stored)) if stored else ({}, {})


def _refuse(saving: Saving, status: bytes, details: Sequence[bytes]) -> NoReturn:
    layout, key = saving.layout, as_text(saving.layout.key(saving.id))
    namespace = as_text(layout.head).rstrip(':')
    given: Any = saving.id
    if status == b'unique':
        hash, value, _, holder = details
        name = next(n for n in layout.uniques if layout.schema.keys.unique((n,)) == hash)
        raise UniqueKeyViolation(
            f'{layout.model}.{name}: expected a unique value, but {name}={show(as_text(value))} '
            f'belongs to {namespace}:{as_text(holder)} already; nothing of {key} was written',
            namespace,
            given,
            [name],
            value=as_text(value),
            holder=uuid.UUID(as_text(holder)),  # type: ignore[arg-type]
        )
    if status == b'deleted':
        raise EntityDeletedError(
            f'{key}: another program deleted it since it was loaded; nothing was written. '
            f'{layout.model}.create(...) makes a new one',
            namespace,
            given,
        )
    if status == b'exists':
        raise InvalidOperation(
            f'{key}: expected an unused id for a new record, but the key exists already; nothing '
            f'was written. {layout.model}.objects.get(...) loads the existing record'
        )
    assert status == b'unreadable', status
    if details[0] in {layout.stream(saving.id, name) for name in layout.streams}:
        raise no_string(layout, details[0])
    if details[0] == layout.key(saving.id):
        raise unreadable(layout, saving.raw_id)
    raise no_index(layout, details[0])


def _too_many_tries(layout: Layout, id: bytes) -> ServerError:
    return ServerError(
        f'{as_text(layout.key(id))}: another program changed the record during each of '
        f'{MOST_TRIES} tries to write it; find out which program writes it without pause'
    )
