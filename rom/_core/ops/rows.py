"""Rows as scripts return them: ids, and the values of their columns, packed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat
from typing import NamedTuple

from rom._core.encoding.integers import LARGEST_ID, read_digits
from rom._core.encoding.text import shorten, show
from rom._core.encoding.wire import unpack_list
from rom._core.schema import Schema
from rom.exceptions import CorruptRowError


class Row(NamedTuple):
    """One entity's row: the columns that it has, encoded."""

    id: int
    stored: dict[str, bytes]

    def refers(self, column: str) -> int | None:
        """The id in a relation; None where there is none, or what is there is no id."""
        raw = self.stored.get(column, b'')
        return int(raw) if raw.isdigit() else None


def parse_rows(schema: Schema, ids: Sequence[bytes], packed: bytes) -> list[Row]:
    """Pair ids with their rows, of `schema.fields` each; a row without any value is left out."""
    return [row for row in rows_of(schema.names, ids, packed) if row.stored]


def rows_of(names: Sequence[str], ids: Sequence[bytes], packed: bytes) -> list[Row]:
    """Pair ids with their rows, of these columns each."""
    return list(map(Row, ids_of(ids), unpack_rows(names, packed)))


def ids_of(raw: Sequence[bytes]) -> list[int]:
    """Return the ids that a script found.

    Raises:
        CorruptRowError: one is no number, so that rom did not write it into that index.
    """
    try:
        return list(map(int, raw))
    except ValueError:
        wrong = next(id for id in raw if read_digits(id) in (None, LARGEST_ID + 1))
    raise CorruptRowError(
        f'an index names {show(wrong)}, which is the id of no row; rom did not write that: remove '
        'it from the index, with ZREM or SREM',
        key=shorten(wrong.decode('utf-8', 'surrogateescape'), 100),
        value=wrong,
    )


def unpack_rows(names: Sequence[str], packed: bytes) -> list[dict[str, bytes]]:
    """The columns that rows have, of these, as `lua/lib/rows.lua` packs them."""
    has_gaps, rows = unpack_list(packed)
    # Each lacks its last value, where there is none.
    found = [dict(pairs) for pairs in map(zip, repeat(names), rows)]
    if has_gaps:
        return [{name: raw for name, raw in row.items() if raw is not False} for row in found]
    return found


def unreadable(schema: Schema, id: bytes | int) -> CorruptRowError:
    """The error for a row's key that holds something other than a hash."""
    key = schema.keys.row(id).decode('utf-8', 'surrogateescape')
    return CorruptRowError(
        f'{key} should hold a hash, the row of a {schema.name}, and holds something else; '
        f'look at it with TYPE {key}, and delete or rename it',
        key=key,
    )
