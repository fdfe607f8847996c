"""Histograms: the column and the intervals in which its values are counted. Pure."""

from __future__ import annotations

import decimal
from bisect import bisect_right
from dataclasses import dataclass
from typing import Any, Final

from rom._core.columns import Column, Date, DateTime, Decimal, Float, Integer, PrimaryKey, Time
from rom._core.encoding.text import show
from rom._core.query.aggregates import Aggregate, absent_value, stored_clause
from rom._core.query.clause import Clause
from rom._core.query.filters import compared
from rom._core.query.nodes import InRange
from rom._core.schema import Schema
from rom.exceptions import InvalidColumnValue

#: The most bounds of one histogram.
MOST_BOUNDS: Final = 1000

# The decoders of numbers that the script compares as doubles, and whether the score of an index is
# as exact as the value. A subclass with a decoder of its own may store anything.
_IS_INDEX_EXACT: Final = {
    Integer.decode: True,
    Float.decode: True,
    Decimal.decode: False,
    DateTime.decode: True,
    Date.decode: True,
    Time.decode: True,
}
# From here on, one score stands for several values: integers, or microseconds.
_INEXACT: Final = 2.0**33


@dataclass(frozen=True, slots=True)
class Histogram(Aggregate):
    """Counts of a column's values in intervals.

    The intervals are those between two bounds, one below the first bound and one from the last on.

    Attributes:
        bounds: the bounds, ascending.
        texts: the same, as rows hold them.
        numbers: the same, as numbers that compare exactly.
        first: the place of the first interval that was asked for.
        count: the number of intervals that were asked for.
    """

    bounds: tuple[Any, ...] = ()
    texts: tuple[bytes, ...] = ()
    numbers: tuple[decimal.Decimal, ...] = ()
    first: int = 0
    count: int = 0

    def as_map(self, alone: bool = False) -> dict[str, Any]:
        """Return the histogram as a map for the script; see `Aggregate.as_map`."""
        found = {'field': self.field, 'way': self.way, 'alone': alone, 'bounds': list(self.texts)}
        return found if self.absent is None else {**found, 'absent': self.absent}

    def place_of(self, value: Any, raw: bytes) -> int | None:
        """Return the place of the interval of a value; None for NaN, which is in none.

        Args:
            value: the value.
            raw: the same, as the row holds it.
        """
        number = _as_number(value, raw)
        return None if number.is_nan() else bisect_right(self.numbers, number)

    def asked(self, counts: list[int]) -> list[int]:
        """Return the counts of the intervals that were asked for, of those of all intervals."""
        return counts[self.first : self.first + self.count]


def histogram_of(schema: Schema, name: object, asked: object) -> Histogram:
    """Return the aggregate for `histogram(name, bounds)`.

    Raises:
        QueryError: no such column, or one without numbers or times; or the bounds are not a list of
            two values or more of the column, in ascending order, with None only at the ends.
    """
    clause = stored_clause(schema, 'histogram', name)
    column = clause.column
    if isinstance(column, PrimaryKey) or column.is_relation or column.is_foreign:
        clause.wrong('ids are names, not amounts')
    if type(column).decode not in _IS_INDEX_EXACT and column.adds is None:
        clause.wrong(
            'only numbers, dates and times lie in intervals, and this is a '
            f'{type(column).__name__}; facets({clause.name!r}) counts its values'
        )
    given = _listed(clause, asked)
    first = 0 if given[0] is None else 1
    inner = given[1 - first : -1 if given[-1] is None else None]
    bounds = tuple(_bound(clause, bound) for bound in inner)
    texts = tuple(map(column.encode, bounds))
    numbers = tuple(map(_as_number, bounds, texts))
    for place, high in enumerate(numbers[1:]):
        if not numbers[place] < high:
            clause.wrong(
                f'the bounds must ascend, and {show(bounds[place + 1])} follows '
                f'{show(bounds[place])}; pass sorted(set(bounds))'
            )
    return Histogram(
        column=clause.name,
        field=schema.keys.field(clause.name),
        way='intervals',
        absent=absent_value(column),
        bounds=bounds,
        texts=texts,
        numbers=numbers,
        first=first,
        count=len(given) - 1,
    )


def ranges_of(schema: Schema, histogram: Histogram) -> list[InRange] | None:
    """Return the range of the index for each interval that was asked for.

    None: the index of the column does not tell the values apart, or lacks some rows.
    """
    column, name = schema.columns[histogram.column], histogram.column
    is_plain = column.index and column.is_numeric and not column.keygen and not column.keygen2
    if not is_plain or histogram.absent is not None:
        return None
    if not _IS_INDEX_EXACT.get(type(column).decode):
        return None
    if any(abs(column.score(bound)) > _INEXACT for bound in histogram.bounds):
        return None
    ends: list[tuple[bytes, bytes]] = [(b'-inf', b'')]
    for bound in histogram.bounds:
        below, above = compared(schema, name, '<', bound), compared(schema, name, '>=', bound)
        assert isinstance(below, InRange) and isinstance(above, InRange)
        ends[-1] = (ends[-1][0], below.high)
        ends.append((above.low, b'+inf'))
    key = schema.keys.scores(name)
    asked = ends[histogram.first : histogram.first + histogram.count]
    return [InRange(key, *each) for each in asked]


def _listed(clause: Clause, asked: object) -> list[Any]:
    """Return the bounds as a list of two or more; only the ends may be None."""
    if not isinstance(asked, (list, tuple, range)) or not 2 <= len(asked) <= MOST_BOUNDS:
        clause.wrong(
            f'takes a list of 2 to {MOST_BOUNDS} bounds, as in [0, 10, 20, None]; the intervals '
            'are those between them, each without its upper bound',
            asked,
        )
    given = list(asked)
    if None in given[1:-1] or given == [None, None]:
        clause.wrong('None is an open end: only the first or the last bound can be None', asked)
    return given


def _bound(clause: Clause, bound: Any) -> Any:
    column: Column[Any] = clause.column
    try:
        value = column.check(bound)
    except InvalidColumnValue as error:
        clause.wrong(str(error), bound)
    if not _as_number(value, column.encode(value)).is_finite():
        clause.wrong(f'{show(value)} is no bound; None is an open end', bound)
    return value


def _as_number(value: Any, raw: bytes) -> decimal.Decimal:
    """Return a value as a number; times, and what other columns add, are numbers in the row."""
    if isinstance(value, (int, float, decimal.Decimal)):
        return decimal.Decimal(value)
    return decimal.Decimal(raw.decode('ascii'))
