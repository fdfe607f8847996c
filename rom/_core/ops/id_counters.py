"""Counters of ids: taking ids for new rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rom._core.encoding.wire import pack
from rom._core.ops.index_fingerprint import to_begin, wrong_counter
from rom._core.ops.one_slot import check_one_slot
from rom._core.ops.requests import Operation, Pipeline, Script
from rom._core.schema import Schema


def take_ids(counts: Mapping[Schema, int]) -> Operation[dict[Schema, range]]:
    """Take ids for new entities of one commit, a number for each model, in one round trip.

    Raises:
        CorruptRowError: a counter holds something other than an id.
    """
    schemas = [schema for schema, count in counts.items() if count]
    yield from check_one_slot(schema.keys.head for schema in schemas if schema.part is None)
    scripts = tuple(
        Script(
            'take_ids',
            schema.keys.counter,
            pack(
                {
                    'counter': schema.keys.counter,
                    'live': None if schema.keep_index_data else schema.keys.live,
                    'count': b'%d' % counts[schema],
                    'stamp': to_begin(schema),
                    'epochs': schema.keys.epochs,
                }
            ),
        )
        for schema in schemas
    )
    replies = (yield Pipeline(scripts)) if scripts else []
    return {
        schema: _taken(schema, counts[schema], last)
        for schema, last in zip(schemas, replies, strict=True)
    }


def _taken(schema: Schema, count: int, last: Any) -> range:
    if type(last) is list:
        raise wrong_counter(schema, last[0])
    return range(int(last) - count + 1, int(last) + 1)
