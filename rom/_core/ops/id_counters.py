"""Id counters: raises them above imported ids, so that no id is given twice."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from rom._core.encoding.integers import read_digits
from rom._core.encoding.wire import pack
from rom._core.ops.index_fingerprint import to_begin
from rom._core.ops.requests import Operation, Pipeline, Script
from rom._core.schema import Schema


def begin(schemas: Collection[Schema]) -> Operation[dict[Schema, int]]:
    """Prepare models for rows that bring their ids; return their counters; one round trip.

    A model without an id gets what begins with the first one: a live bitmap and the fingerprint.
    """
    replies = yield Pipeline(tuple(_ahead(schema, 0) for schema in schemas))
    return {schema: read_digits(raw) or 0 for schema, raw in zip(schemas, replies, strict=True)}


def put_ahead(highest: Mapping[Schema, int]) -> Operation[None]:
    """Raise the id counters to at least these ids; one round trip."""
    if highest:
        yield Pipeline(tuple(_ahead(schema, id) for schema, id in highest.items()))


def _ahead(schema: Schema, id: int) -> Script:
    live = None if schema.keep_index_data else schema.keys.live
    request = {
        'counter': schema.keys.counter,
        'live': live,
        'id': b'%d' % id,
        'stamp': to_begin(schema),
        'epochs': schema.keys.epochs,
    }
    return Script('advance_counter', schema.keys.counter, pack(request))
