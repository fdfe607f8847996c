"""Reading records and their streams: by id, by unique value, or all of a model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rom._core.encoding.text import as_text
from rom._core.encoding.wire import pack
from rom._core.ops.requests import Command, Operation, Pipeline, Script
from rom._core.ops.rows import unpack_rows
from rom.exceptions import CorruptRowError
from rom.repocket.keys import as_id, pattern_of
from rom.repocket.record_schema import RecordSchema

# Rows in one call of the script, and calls in one round trip.
PAGE = 1000
_PAGES = 20
# Keys that one SCAN command examines, which takes the server a millisecond or two.
_SCANNED = 5000


@dataclass(slots=True)
class LoadedRows:
    """Records that were read.

    Attributes:
        rows: pairs of id and hash.
        broken: the ids whose key holds another type than a hash.
    """

    rows: list[tuple[bytes, dict[str, bytes]]] = field(default_factory=list)
    broken: list[bytes] = field(default_factory=list)

    def take(self, schema: RecordSchema, reply: Sequence[Any]) -> Operation[None]:
        """Add what a script brought; read what was too long for one reply."""
        rest: Sequence[bytes] = ()
        while reply:
            ids, packed, broken, *more = reply
            self.rows += zip(ids, unpack_rows(tuple(schema.fields), packed), strict=True)
            self.broken += broken
            rest = more[0] if more else ()
            reply = (yield _script(schema, {'ids': rest})) if rest else ()


def unreadable(schema: RecordSchema, id: bytes) -> CorruptRowError:
    """Return the error for a record's key that does not hold a hash."""
    return _not(schema, as_text(schema.key(id)), 'a hash, the record')


def no_string(schema: RecordSchema, key: bytes) -> CorruptRowError:
    """Return the error for a stream's key that does not hold a string."""
    return _not(schema, as_text(key), 'a string, the stream')


def no_index(schema: RecordSchema, raw: bytes) -> CorruptRowError:
    """Return the error for an index's key that holds another type."""
    key = as_text(raw)
    return CorruptRowError(
        f'{key}: expected an index of {schema.model}, got another Redis type; look at it with '
        f'TYPE {key}, delete or rename it, and call {schema.model}.objects.reindex()',
        key=key,
    )


def _not(schema: RecordSchema, key: str, wanted: str) -> CorruptRowError:
    return CorruptRowError(
        f'{key}: expected {wanted} of a {schema.model}, got another Redis type; look at it with '
        f'TYPE {key}, and delete or rename it',
        key=key,
    )


def load(schema: RecordSchema, ids: Sequence[bytes]) -> Operation[LoadedRows]:
    """Return the records with these ids that exist, in the same order; 20 pages a round trip."""
    found = LoadedRows()
    for start in range(0, len(ids), PAGE * _PAGES):
        some = ids[start : start + PAGE * _PAGES]
        for reply in (yield Pipeline(tuple(pages(schema, some)))):
            yield from found.take(schema, reply)
    return found


def load_models(
    wanted: Mapping[RecordSchema, Sequence[bytes]],
) -> Operation[dict[RecordSchema, LoadedRows]]:
    """Return records of several models, in one round trip."""
    wanted_pages = [(schema, page) for schema, ids in wanted.items() for page in pages(schema, ids)]
    found = {schema: LoadedRows() for schema in wanted}
    replies = yield Pipeline(tuple(page for _, page in wanted_pages))
    for (schema, _), reply in zip(wanted_pages, replies, strict=True):
        yield from found[schema].take(schema, reply)
    return found


def load_unique(schema: RecordSchema, name: str, identity: bytes) -> Operation[LoadedRows]:
    """Return the record that has a unique value, in one round trip."""
    key = schema.index_schema.keys.unique((name,))
    found = LoadedRows()
    reply = yield _script(schema, {'unique': key, 'values': [identity]})
    yield from found.take(schema, reply)
    return found


def scan(schema: RecordSchema) -> Operation[LoadedRows]:
    """Return all records of a model, in no order.

    Each SCAN is sent together with the reads of the records that the previous one found. So there
    is one round trip for each step of the scan, and one more for the records of the last step.
    """
    found = LoadedRows()
    known: set[bytes] = set()
    new: list[bytes] = []
    cursor: int | None = 0
    while cursor is not None or new:
        step = () if cursor is None else (_scanning(schema, cursor),)
        replies = yield Pipeline((*step, *pages(schema, new)))
        for reply in replies[len(step) :]:
            yield from found.take(schema, reply)
        new = []
        if step:
            after, keys = replies[0]
            cursor = int(after) or None
            # SCAN may return a key twice.
            for id in dict.fromkeys(as_id(key[len(schema.head) :]) for key in keys):
                if id is not None and id not in known:
                    known.add(id)
                    new.append(id)
    return found


def _scanning(schema: RecordSchema, cursor: int) -> Command:
    pattern = pattern_of(schema.name)
    return Command('SCAN', cursor, 'MATCH', pattern, 'COUNT', _SCANNED, key=schema.head)


def pages(schema: RecordSchema, ids: Sequence[bytes]) -> Iterator[Script]:
    """Yield the script calls that read these ids."""
    for start in range(0, len(ids), PAGE):
        yield _script(schema, {'ids': list(ids[start : start + PAGE])})


def _script(schema: RecordSchema, wanted: Mapping[str, object]) -> Script:
    request = {'head': schema.head, 'fields': schema.wire_fields, **wanted}
    return Script('load', schema.head, pack(request))


def read_streams(
    schema: RecordSchema, name: str, ids: Sequence[bytes]
) -> Operation[list[bytes | None]]:
    """Return the contents of a stream of several records; None for a key of another type.

    Needs one round trip.
    """
    keys = [schema.stream(id, name) for id in ids]
    values, *kinds = yield Pipeline(
        (Command('MGET', *keys), *(Command('TYPE', key) for key in keys))
    )
    return [
        b'' if value is None and as_text(kind) in ('none', 'string') else value
        for value, kind in zip(values, kinds, strict=True)
    ]
