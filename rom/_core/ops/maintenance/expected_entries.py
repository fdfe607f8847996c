"""Expected entries: those that a row implies, index by index, and the faults that hide some."""

from __future__ import annotations

from dataclasses import dataclass, field

from rom._core.encoding.text import as_text
from rom._core.indexing.column_index import TrackingMapping
from rom._core.indexing.entry_lists import Entries
from rom._core.ops.maintenance.keyspace import Maker
from rom._core.ops.rows import Row
from rom._core.schema import Schema, Unique
from rom._core.writes.decoded_row import RowValues
from rom.exceptions import CorruptRowError, InvalidColumnValue

#: A unique value: the key of its hash, and the value.
Claim = tuple[bytes, bytes]


@dataclass(slots=True)
class Implied:
    """Entries and unique values that a row implies.

    Attributes:
        entries: the entries of each index.
        claims: the unique values, each with its constraint.
        unsure: the indexes and constraints whose entries are unknown, because of the faults.
        faults: the faults of the row, as texts for findings.
    """

    entries: list[tuple[Maker, Entries]] = field(default_factory=list)
    claims: dict[Claim, Unique] = field(default_factory=dict)
    unsure: list[Maker] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def implied_in(schema: Schema, row: Row) -> Implied:
    """Return the entries and unique values that a row implies."""
    found = Implied()
    values = RowValues(schema, row.stored, {schema.primary: row.id}, lenient=False)
    corrupt = _corrupt_columns(schema, row, found)
    for index in schema.every_index:
        try:
            noting = TrackingMapping(values) if index.depends_on_others else values
            found.entries.append((index, index.entries(noting)))
        except CorruptRowError:
            found.unsure.append(index)
        except InvalidColumnValue as error:
            found.unsure.append(index)
            found.faults.append(str(error))
    claims: tuple[bytes, ...]
    for unique in schema.uniques:
        made_by = unique.made_by
        try:
            if made_by is not None:
                word = made_by.unique_word(TrackingMapping(values))
                claims = () if word is None else (word,)
            elif corrupt.isdisjoint(unique.columns):
                claims = unique.claims(row.stored)
            else:
                found.unsure.append(unique)
                continue
        except CorruptRowError:
            found.unsure.append(unique)
        except InvalidColumnValue as error:
            found.unsure.append(unique)
            found.faults.append(str(error))
        else:
            for value in claims:
                found.claims[unique.key, value] = unique
    return found


def _corrupt_columns(schema: Schema, row: Row, found: Implied) -> set[str]:
    key = as_text(schema.keys.row(row.id))
    corrupt: set[str] = set()
    for name, raw in row.stored.items():
        column = schema.columns.get(name)
        if column is None:
            continue
        try:
            column.read_stored(raw, key)
        except CorruptRowError as error:
            corrupt.add(name)
            found.faults.append(str(error))
    own = row.stored.get(schema.primary)
    if own is not None and own != b'%d' % row.id:
        found.faults.append(
            f'{key}, column {schema.primary!r}: it says {own[:80]!r}, which is not the id of the '
            f'row: HSET {key} {schema.primary} {row.id} puts it right, if the key is what is meant'
        )
    return corrupt
