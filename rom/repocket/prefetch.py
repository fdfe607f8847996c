"""Prefetch: records that were loaded together read their pointers and streams together.

The first access to a pointer or a stream reads it for the other records, too. Otherwise a loop over
records would need a round trip for each.
"""

from __future__ import annotations

import uuid
import weakref
from collections.abc import Iterable

from rom._core.encoding.text import as_bytes, as_text
from rom.repocket import loading
from rom.repocket.connection import run
from rom.repocket.errors import RepocketReferenceError
from rom.repocket.keys import Reference
from rom.repocket.record_schema import RecordSchema
from rom.repocket.registry import MODELS, LazyRecord, Record

# The number of records whose streams are read at once. It is limited because streams may be long.
STREAMS_AT_ONCE = 50


class PrefetchGroup:
    """Weak references to records that were loaded together."""

    def __init__(self, records: Iterable[LazyRecord]) -> None:
        self._records = [weakref.ref(record) for record in records]

    def _from(self, first: LazyRecord) -> list[LazyRecord]:
        """Return a record and those after it."""
        alive = [record for known in self._records if (record := known()) is not None]
        start = next((at for at, record in enumerate(alive) if record is first), None)
        return [first] if start is None else alive[start:]

    def _all_with(self, first: LazyRecord) -> list[LazyRecord]:
        """Return a record and all others."""
        alive = (known() for known in self._records)
        return [first, *(record for record in alive if record is not None and record is not first)]

    def load_pointers(self, record: LazyRecord, name: str) -> None:
        """Read the records that a pointer of this record and of the others points to.

        Needs one round trip.

        Raises:
            RepocketReferenceError: the program has not imported the class of this record's target.
            CorruptRowError: the key of this record's target holds something other than a record.
        """
        own = record._pending(name)
        assert own is not None
        if own.name not in MODELS:
            module, _, model = own.name.partition(':')
            raise RepocketReferenceError(
                f'{type(record).__name__}.{name} points to {own.key}, but the program has not '
                f'imported {model} of {module}; import it first'
            )
        pending = [
            (member, reference)
            for member in self._all_with(record)
            if (reference := member._pending(name)) is not None
        ]
        targets = _targets(reference for _, reference in pending)
        for member, reference in pending:
            if reference in targets:
                member._resolved[name] = targets[reference]
        if own not in targets:
            raise loading.unreadable(MODELS[own.name]._record_schema, as_bytes(str(own.id)))

    def load_streams(self, record: LazyRecord, name: str) -> None:
        """Read a stream of this record and of some after it, in one round trip.

        Raises:
            CorruptRowError: the key of this record's stream holds something other than a string.
        """
        some = [
            member
            for member in self._from(record)[:STREAMS_AT_ONCE]
            if member._is_saved and name not in member._contents
        ]
        schema = record._record_schema
        ids = [as_bytes(str(member._id)) for member in some]
        contents = run(loading.read_streams(schema, name, ids))
        for member, content in zip(some, contents, strict=True):
            if content is not None:
                member._contents[name] = content
            elif member is record:
                raise loading.no_string(schema, schema.stream(record._id, name))


def _targets(references: Iterable[Reference]) -> dict[Reference, Record | None]:
    """Return the record of each reference, or None for a record that was deleted.

    A reference is left out if its class is not imported, or if its key does not hold a record.
    """
    wanted: dict[RecordSchema, dict[bytes, None]] = {}
    for reference in references:
        if reference.name in MODELS:
            ids = wanted.setdefault(MODELS[reference.name]._record_schema, {})
            ids[as_bytes(str(reference.id))] = None
    found = run(loading.load_models({schema: list(ids) for schema, ids in wanted.items()}))
    targets: dict[Reference, Record | None] = {}
    for schema, rows in found.items():
        targets |= _records(schema, wanted[schema], rows)
    return targets


def _records(
    schema: RecordSchema, ids: Iterable[bytes], found: loading.LoadedRows
) -> dict[Reference, Record | None]:
    made = MODELS[schema.name]._loaded(found.rows)
    records = {id: record for (id, _), record in zip(found.rows, made, strict=True)}
    broken = set(found.broken)
    return {
        Reference(schema.name, uuid.UUID(as_text(id))): records.get(id)
        for id in ids
        if id not in broken
    }
