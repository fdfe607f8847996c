"""Expired rows: finds them by the server's clock, in the order in which they expired."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from rom._core.encoding.wire import pack
from rom._core.ops.maintenance.repair import sweep
from rom._core.ops.requests import Operation, Script
from rom._core.ops.rows import Row, parse_rows, seen_row, unreadable
from rom._core.ops.search.search_reply import wrong_type
from rom._core.schema import Schema
from rom.exceptions import CorruptRowError


@dataclass(frozen=True, slots=True)
class Due:
    """Some of the expired rows.

    Attributes:
        rows: the expired rows.
        position: the position for the next call, in the script's own form; None at the end.
        broken: an error for each row that may have expired, and is unreadable.
    """

    rows: list[Row] = field(default_factory=list)
    position: Any = None
    broken: list[CorruptRowError] = field(default_factory=list)


def due(schema: Schema, count: int, position: Any) -> Operation[Due]:
    """Return some expired rows, and remove the index entries of rows that do not exist.

    One round trip; two where there are entries to remove.

    Args:
        schema: the schema of a model with an ExpireAt.
        count: the most index entries to read.
        position: the position that the last call returned; None to begin. Rows that expire after
            the first call are left out.

    Raises:
        CorruptRowError: the key of the index holds another type.
    """
    if schema.placement is not None:
        return (yield from _due_in_part(schema, count, position or (0, None)))
    assert schema.expiry is not None
    key = schema.keys.scores(schema.expiry)
    request = {
        'head': schema.keys.head,
        'key': key,
        'fields': schema.fields,
        'count': b'%d' % count,
        'position': position,
    }
    status, *rest = yield Script('expired_ids', schema.keys.counter, pack(request))
    if status == b'wrong type':
        raise wrong_type(schema, rest[0])
    further, moment, ids, there, packed, broken_ids = rest
    found = Due([], further or None, [unreadable(schema, id) for id in broken_ids])
    for row in parse_rows(schema, there, packed):
        try:
            if _is_due(schema, row, float(moment)):
                found.rows.append(row)
        except CorruptRowError as error:
            found.broken.append(error)
    gone = {*ids} - {*there, *broken_ids}
    yield from sweep(schema, [(key, id, id) for id in gone])
    return found


def _due_in_part(schema: Schema, count: int, position: tuple[int, Any]) -> Operation[Due]:
    """Return some expired rows of a partition; the position names the partition as well."""
    assert schema.placement is not None
    number, inner = position
    part = schema.at(number)
    found = yield from due(part, count, inner)
    following = None if number + 1 == schema.placement.group.partitions else (number + 1, None)
    return Due(
        [seen_row(part, row) for row in found.rows],
        following if found.position is None else (number, found.position),
        found.broken,
    )


def _is_due(schema: Schema, row: Row, moment: float) -> bool:
    """Return whether the row has expired, by its index entry.

    Raises:
        CorruptRowError: the time in the row does not decode.
    """
    assert schema.expiry is not None
    raw = row.stored.get(schema.expiry)
    if raw is None:
        return False
    schema.columns[schema.expiry].read_stored(raw, f'{schema.keys.namespace}:{row.id}')
    return float(raw) <= moment
