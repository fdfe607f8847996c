"""Rows as scripts return them: ids, and one flat list of the values of all their columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from rom.exceptions import CorruptRowError
from rom.schema import Schema


class Row(NamedTuple):
    """One entity's row: the columns that it has, encoded."""

    id: int
    stored: dict[str, bytes]

    def refers(self, column: str) -> int | None:
        """The id in a relation; None where there is none, or what is there is no id."""
        raw = self.stored.get(column, b'')
        return int(raw) if raw.isdigit() else None


def parse_rows(schema: Schema, ids: Sequence[bytes], values: Sequence[bytes | None]) -> list[Row]:
    """Pair ids with their values, `len(schema.fields)` each; a row that is gone is left out."""
    return [row for row in rows_of(schema.names, ids, values) if row.stored]


def rows_of(
    names: Sequence[str], ids: Sequence[bytes], values: Sequence[bytes | None]
) -> list[Row]:
    """Pair ids with their values, one for each of the names."""
    width, missing = len(names), values.count(None)
    if missing and missing == len(ids) == values[width - 1 :: width].count(None):
        # What rom 1.x added is last, and seldom there.
        names, missing = names[:-1], 0
    each: Iterator[tuple[Any, ...]] = zip(*[iter(values)] * width, strict=True)
    rows = [dict(zip(names, row, strict=False)) for row in each]
    if missing:
        rows = [{name: raw for name, raw in row.items() if raw is not None} for row in rows]
    return [Row(int(id), row) for id, row in zip(ids, rows, strict=True)]


def unreadable(schema: Schema, id: bytes | int) -> CorruptRowError:
    """The error for a row's key that holds something other than a hash."""
    key = schema.keys.row(id).decode('utf-8', 'surrogateescape')
    return CorruptRowError(
        f'{key} should hold a hash, the row of a {schema.name}, and holds something else; '
        f'look at it with TYPE {key}, and delete or rename it',
        key=key,
    )
