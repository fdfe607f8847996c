"""Id counters: raises them above imported ids, so that no id is given twice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rom._core.encoding.wire import pack
from rom._core.ops.index_fingerprint import to_begin
from rom._core.ops.requests import Operation, Pipeline, Script
from rom._core.schema import Schema


def highest_of(ids: Iterable[tuple[Schema, int]]) -> dict[Schema, int]:
    """Return the highest id of each model."""
    highest: dict[Schema, int] = {}
    for schema, id in ids:
        highest[schema] = max(id, highest.get(schema, 0))
    return highest


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
    return Script('ahead', schema.keys.counter, pack(request))
