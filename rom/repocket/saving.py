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
from rom.repocket.record_schema import RecordSchema, Stored

# The number of records whose entries one call of the script writes.
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class RecordWrite:
    """The write of one record.

    Attributes:
        schema: the model's schema.
        id: the id of the record.
        stored: the hash as last read; None for a new record.
        wanted: the fields to write.
        streams: the new contents of streams, by name.
        all_entries: write all index entries, not only those that change.
    """

    schema: RecordSchema
    id: uuid.UUID
    stored: Stored | None
    wanted: Stored
    streams: Mapping[str, bytes] = field(default_factory=dict)
    all_entries: bool = False

    @property
    def raw_id(self) -> bytes:
        return as_bytes(str(self.id))

    @property
    def outcome(self) -> dict[str, bytes]:
        """The known fields of the hash after the write."""
        return {**(self.stored or {}), **self.wanted}


class _Batch(Batch):
    """Batch of records, whose keys have another prefix than those of their indexes."""

    def __init__(self, schema: RecordSchema) -> None:
        super().__init__()
        self.head = schema.head
        self.record_claims: dict[bytes, tuple[list[bytes], list[bytes]]] = {}

    def _claims(self) -> list[list[Any]]:
        return [[key, *columns, self.head] for key, columns in self.record_claims.items()]


def attempt_to(schema: RecordSchema, purpose: object) -> Attempt:
    """Return a new attempt to write a record."""
    return Attempt(schema.index_schema.keys.attempts, purpose)


def save(write: RecordWrite, attempt: Attempt) -> Operation[dict[str, bytes]]:
    """Write a record, and return its hash afterwards.

    Args:
        write: the write.
        attempt: the attempt; its one change is the write that was sent last.

    Raises:
        UniqueKeyViolation, EntityDeletedError, CorruptRowError, InvalidOperation: nothing was
            written.
    """
    for _ in range(MOST_TRIES):
        attempt.changes = [write]
        batch = _batch_of(write)
        status, *details = yield from attempt.carry_out(partial(_script, batch, write))
        if status == b'ok':
            return write.outcome
        if status != b'race':
            _refuse(write, status, details)
        write = replace(write, stored=(yield from _fresh(write)))
    raise _too_many_tries(write.schema, write.raw_id)


def delete(schema: RecordSchema, id: uuid.UUID, stored: Stored, attempt: Attempt) -> Operation[int]:
    """Delete a record with its streams and index entries; return the number of deleted keys.

    Args:
        schema: the model's schema.
        id: the id of the record.
        stored: the hash as last read.
        attempt: the attempt.
    """
    write = RecordWrite(schema, id, stored, {})
    for _ in range(MOST_TRIES):
        batch = _Batch(schema)
        batch.old.deletes.append([schema.key(id), *_expectation(write, is_all=True)])
        batch.old.dropped += [schema.stream(id, name) for name in schema.streams]
        _write_entries(batch, write, {})
        request = partial(_script, batch, write, tell=True)
        status, *details = yield from attempt.carry_out(request)
        if status == b'ok':
            return deleted_keys(attempt)
        if status != b'race':
            _refuse(write, status, details)
        write = replace(write, stored=(yield from _fresh(write)))
    raise _too_many_tries(schema, write.raw_id)


def deleted_keys(attempt: Attempt) -> int:
    """Return the number of keys that a completed delete has removed."""
    return (attempt.told or b'').count(b'1')


def append(
    schema: RecordSchema, id: uuid.UUID, name: str, data: bytes, attempt: Attempt
) -> Operation[int]:
    """Append to a stream, once; return its new length in bytes.

    Raises:
        EntityDeletedError: the record does not exist.
        CorruptRowError: the key of the stream does not hold a string.
    """
    request = {'row': schema.key(id), 'string': schema.stream(id, name), 'data': data}
    status, detail = yield from attempt.carry_out(
        lambda attempt: Script('append', attempt.key, pack({**request, 'at': attempt.at}))
    )
    if status == b'ok':
        return int(detail)
    _refuse(RecordWrite(schema, id, {}, {}), status, [detail])


def reindex(schema: RecordSchema) -> Operation[int]:
    """Write the index entries of all records; return the number of records.

    Raises:
        UniqueKeyViolation: two records have the same unique value; the entries of the records
            before them are written.
        CorruptRowError: a key does not hold a record; raised after all others were indexed.
    """
    found = yield from scan(schema)
    if not schema.is_indexed:
        return len(found.rows)
    for start in range(0, len(found.rows), _AT_ONCE):
        writes = [
            RecordWrite(schema, uuid.UUID(as_text(id)), stored, {}, all_entries=True)
            for id, stored in found.rows[start : start + _AT_ONCE]
        ]
        request = partial(_script, _batch_of(*writes), writes[0])
        status, *_ = yield from attempt_to(schema, 'reindex').carry_out(request)
        if status != b'ok':
            # One record was changed or deleted, or its unique value is taken. The script then wrote
            # none, so each is written by itself: the others succeed, and the error names this one.
            for write in writes:
                try:
                    yield from save(write, attempt_to(schema, 'reindex'))
                except EntityDeletedError:
                    continue
    if found.broken:
        raise unreadable(schema, found.broken[0])
    return len(found.rows)


def _fresh(write: RecordWrite) -> Operation[dict[str, bytes]]:
    """Return the current hash, empty if the record was deleted, which the script then reports."""
    found = yield from load(write.schema, [write.raw_id])
    if found.broken:
        raise unreadable(write.schema, write.raw_id)
    return found.rows[0][1] if found.rows else {}


def _script(batch: _Batch, write: RecordWrite, attempt: Attempt, tell: bool = False) -> Script:
    for name, data in write.streams.items():
        batch.old.strings[write.schema.stream(write.id, name)] = data
    return batch.call(attempt, more={'tell': True} if tell else None)


def _batch_of(*writes: RecordWrite) -> _Batch:
    batch = _Batch(writes[0].schema)
    for write in writes:
        _add(batch, write)
    return batch


def _add(batch: _Batch, write: RecordWrite) -> None:
    schema = write.schema
    if write.stored is None:
        row = [part for name, raw in write.wanted.items() for part in (as_bytes(name), raw)]
        batch.inserts.append([schema.head, write.raw_id, False, *row])
    else:
        new_values = list(write.wanted.values())
        batch.old.updates.append(
            [schema.key(write.id), *_expectation(write, write.all_entries), new_values]
        )
    _write_entries(batch, write, write.outcome)


def _expectation(write: RecordWrite, is_all: bool) -> list[list[Any]]:
    """Return the fields that the script compares, and their old values.

    These are the fields to write and, on request, all indexed ones. The id is always among them,
    because the script needs at least one field.
    """
    schema, stored = write.schema, write.stored or {}
    indexed = (*schema.index_schema.indexes, *schema.uniques) if is_all else ()
    compared = [*dict.fromkeys((*write.wanted, *indexed, schema.primary))]
    return [[as_bytes(name) for name in compared], [stored.get(name, False) for name in compared]]


def _write_entries(batch: _Batch, write: RecordWrite, outcome: Stored) -> None:
    """Add the index entries and unique values to remove and to add; an empty outcome has none."""
    schema = write.schema
    if not schema.is_indexed:
        return
    old, new = _implied(schema, write.stored or {}), _implied(schema, outcome)
    removed, added = differences(old[0], new[0])
    batch.old.gone.add(removed, write.raw_id)
    batch.come.add(new[0] if write.all_entries else added, write.raw_id)
    for key, value in old[1].items():
        if new[1].get(key) != value:
            values, ids = batch.old.released.setdefault(key, ([], []))
            values.append(value)
            ids.append(write.raw_id)
    for key, value in new[1].items():
        if write.all_entries or old[1].get(key) != value:
            values, ids = batch.record_claims.setdefault(key, ([], []))
            values.append(value)
            ids.append(write.raw_id)


def _implied(
    schema: RecordSchema, stored: Stored
) -> tuple[Mapping[Any, Any], Mapping[bytes, bytes]]:
    return (schema.entries(stored), schema.unique_values(stored)) if stored else ({}, {})


def _refuse(write: RecordWrite, status: bytes, details: Sequence[bytes]) -> NoReturn:
    schema, key = write.schema, as_text(write.schema.key(write.id))
    namespace = as_text(schema.head).rstrip(':')
    given: Any = write.id
    if status == b'unique':
        hash, value, _, holder = details
        name = next(n for n in schema.uniques if schema.index_schema.keys.unique((n,)) == hash)
        raise UniqueKeyViolation(
            f'{schema.model}.{name}: expected a unique value, but {name}={show(as_text(value))} '
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
            f'{schema.model}.create(...) makes a new one',
            namespace,
            given,
        )
    if status == b'exists':
        raise InvalidOperation(
            f'{key}: expected an unused id for a new record, but the key exists already; nothing '
            f'was written. {schema.model}.objects.get(...) loads the existing record'
        )
    assert status == b'unreadable', status
    if details[0] in {schema.stream(write.id, name) for name in schema.streams}:
        raise no_string(schema, details[0])
    if details[0] == schema.key(write.id):
        raise unreadable(schema, write.raw_id)
    raise no_index(schema, details[0])


def _too_many_tries(schema: RecordSchema, id: bytes) -> ServerError:
    return ServerError(
        f'{as_text(schema.key(id))}: another program changed the record during each of '
        f'{MOST_TRIES} tries to write it; find out which program writes it without pause'
    )
