"""Rows of replies: ids and encoded values, parsed from the bytes that scripts return."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import repeat
from typing import Final, NamedTuple, overload

from rom._core.encoding.integers import LARGEST_ID, read_digits
from rom._core.encoding.text import shorten, show
from rom._core.encoding.wire import unpack_list
from rom._core.schema import Schema
from rom.exceptions import CorruptRowError


class Row(NamedTuple):
    """Row of one entity: its id, and the encoded values of its columns."""

    id: int
    stored: dict[str, bytes]

    def refers(self, column: str) -> int | None:
        """Return the id in a relation; None if it is absent or malformed."""
        raw = self.stored.get(column, b'')
        return int(raw) if raw.isdigit() else None


# Makes a row of its id and its values. The constructor of a named tuple is Python code, which
# takes three times as long.
_row: Final[Callable[[Iterable[object]], Row]] = partial(tuple.__new__, Row)


def parse_rows(schema: Schema, ids: Sequence[bytes], packed: bytes) -> list[Row]:
    """Pair ids with their rows of `schema.fields`; leave out rows without any value."""
    return [row for row in rows_of(schema.names, ids, packed) if row.stored]


def rows_of(names: Sequence[str], ids: Sequence[bytes], packed: bytes) -> list[Row]:
    """Pair ids with their rows of the given columns."""
    return list(map(_row, zip(ids_of(ids), unpack_rows(names, packed), strict=False)))


def ids_of(raw: Sequence[bytes]) -> list[int]:
    """Return the ids that a script found.

    Raises:
        CorruptRowError: an id is not a number, so rom did not write it into that index.
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
    """Return the values that rows have of the columns, from the form of `lua/lib/rows.lua`."""
    has_gaps, rows = unpack_list(packed)
    # `zip` stops early on purpose: a row ends at its last value, and may be shorter than `names`.
    found = [dict(pairs) for pairs in map(zip, repeat(names), rows)]
    if has_gaps:
        return [{name: raw for name, raw in row.items() if raw is not False} for row in found]
    return found


def unreadable(schema: Schema, id: bytes | int) -> CorruptRowError:
    """Return the error for the key of a row that holds another type than a hash."""
    key = schema.keys.row(id).decode('utf-8', 'surrogateescape')
    return CorruptRowError(
        f'{key} should hold a hash, the row of a {schema.name}, and holds something else; '
        f'look at it with TYPE {key}, and delete or rename it',
        key=key,
    )


def seen_row(schema: Schema, row: Row) -> Row:
    """Return a row of a partition with the id that programs see."""
    if schema.part is None:
        return row
    id = schema.part.global_id(row.id)
    if schema.primary not in row.stored:
        return Row(id, row.stored)
    return Row(id, {**row.stored, schema.primary: b'%d' % id})


class SeenRows(Sequence[Row]):
    """Rows of one reply, each with the id that programs see.

    A row is made when it is asked for: the first rows of several partitions are merged from the
    first rows of each, so most of those that came are never looked at.

    Args:
        schema: the schema of the partition.
        names: the columns of the rows.
        ids: the ids in the partition.
        packed: the values, from the form of `lua/lib/rows.lua`.
    """

    __slots__ = ('_has_gaps', '_ids', '_names', '_schema', '_values')

    def __init__(
        self, schema: Schema, names: Sequence[str], ids: Sequence[int], packed: bytes
    ) -> None:
        self._schema, self._names, self._ids = schema, names, ids
        self._has_gaps, self._values = unpack_list(packed)

    def __len__(self) -> int:
        return len(self._ids)

    @overload
    def __getitem__(self, place: int) -> Row: ...
    @overload
    def __getitem__(self, place: slice) -> list[Row]: ...
    def __getitem__(self, place: int | slice) -> Row | list[Row]:
        if isinstance(place, slice):
            return [self[at] for at in range(*place.indices(len(self)))]
        values = dict(zip(self._names, self._values[place], strict=False))
        if self._has_gaps:
            values = {name: raw for name, raw in values.items() if raw is not False}
        return seen_row(self._schema, Row(self._ids[place], values))
