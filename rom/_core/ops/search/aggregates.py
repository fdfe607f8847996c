"""Aggregates: sums, averages, counts by value, minimum and maximum.

One call of `lua/search.lua` finds the matches and tallies the values of the first page of rows. It
returns the ids of further matches, which `lua/tally.lua` tallies in pages, or a position from which
the next call continues. Where several calls might find an id twice, the calls return only ids, and
each new id is tallied once.
"""

from __future__ import annotations

import decimal
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from functools import partial
from typing import Any, Literal, TypeAlias

from rom._core.columns import Column
from rom._core.encoding.text import show
from rom._core.ops.requests import Operation
from rom._core.ops.rows import unreadable
from rom._core.ops.search.bounds import BOUNDS, Bounds
from rom._core.ops.search.first_calls import of_tally
from rom._core.ops.search.queries import finder, first_row
from rom._core.ops.search.row_pages import tally_of
from rom._core.ops.search.scattered import of_each
from rom._core.ops.search.search_calls import Search
from rom._core.ops.search.search_reply import SearchReply
from rom._core.ops.search.text_sums import UnusualTextError, as_added
from rom._core.query.aggregates import (
    Aggregate,
    Facets,
    adding,
    by_extreme,
)
from rom._core.query.query import Query
from rom._core.schema import Schema
from rom.exceptions import QueryError

Reply: TypeAlias = Sequence[Any]
"""A tally as the script returns it: see lua/lib/tally."""

Total: TypeAlias = 'int | float | decimal.Decimal'

_CARRY = 2**52
_LIMB = 10**15
# Most digits of an exact decimal total: that of 1E+99999999 and 0.1 would fill the memory.
_MOST_DIGITS = 10_000
# Digits of a mean that a column makes a value of.
_ENOUGH = 100
# Readers of stored values that a column adds up.
_ADDED: dict[str, Callable[[str], Any]] = {'integer': int, 'decimal': decimal.Decimal}


class Totals:
    """Sum and number of a column's values.

    Args:
        schema: the schema of the model.
        tally: the aggregate that was asked for.
        replies: the tallies, in any order.

    Raises:
        CorruptRowError: a value does not decode.
        QueryError: decimals so far apart that their sum has too many digits.
    """

    def __init__(self, schema: Schema, tally: Aggregate, replies: Sequence[Reply]) -> None:
        self.count = sum(int(reply[0]) for reply in replies)
        rest = list(_rest(schema, tally, replies))
        parts = [part for reply in replies for part in reply[1]]
        self._total: Total
        self._exact: Fraction | None = None
        self._column: Column[Any] = schema.columns[tally.column]
        self._where = f'{schema.name}.query'
        if tally.way == 'float':
            self._exact, self._total = _float_total(parts, rest)
        elif tally.way == 'integer':
            self._total = sum(number for number, _ in _pieces(parts)) + sum(rest)
        else:
            self._total = _decimal_total(schema, tally, [*_pieces(parts)], rest)

    @property
    def sum(self) -> Any:
        """The sum; 0 without values.

        Raises:
            QueryError: the column's type has no value for it.
        """
        if self._column.adds is None:
            return self._total
        return self._as_value('sum', self._total)

    @property
    def average(self) -> Any:
        """The mean; None without values. The mean of integers is a float.

        Raises:
            QueryError: the column's type has no value for it.
        """
        if not self.count:
            return None
        if self._exact is not None:
            return _nearest(self._exact / self.count)
        if self._column.adds is not None:
            with decimal.localcontext(prec=_ENOUGH):
                return self._as_value('avg', decimal.Decimal(self._total) / self.count)
        if isinstance(self._total, int):
            return _nearest(Fraction(self._total, self.count))
        return self._total / self.count

    def _as_value(self, method: str, total: Total) -> Any:
        try:
            return self._column.from_total(total)
        except (ArithmeticError, ValueError) as error:
            raise QueryError(
                f'{self._where}.{method}({self._column.name!r}): {show(total)} is no value of a '
                f'{type(self._column).__name__} ({error}); add up fewer rows with a filter'
            ) from None


def value_of(schema: Schema, name: str, raw: bytes, id: int | bytes) -> Any:
    """Return the decoded value of a row's column; for a relation, the id.

    Raises:
        CorruptRowError: the value does not decode.
    """
    column: Column[Any] = schema.columns[name]
    value = column.read_stored(raw, schema.keys.row(id).decode('utf-8', 'surrogateescape'))
    return value.id if column.is_relation or column.is_foreign else value


def in_groups(flat: Iterable[Any], size: int) -> Iterator[tuple[Any, ...]]:
    """Yield the items of a flat list, so many at a time."""
    each = iter(flat)
    return zip(*(each,) * size, strict=True)


def _rest(schema: Schema, tally: Aggregate, replies: Sequence[Reply]) -> Iterator[Any]:
    """Yield the values that the script could not add, decoded."""
    for _, _, rest in replies:
        for id, raw in in_groups(rest, 2):
            value = value_of(schema, tally.column, raw, id)
            adds = schema.columns[tally.column].adds
            yield value if adds is None else _ADDED[adds](raw.decode('ascii'))


def _pieces(parts: Iterable[bytes]) -> Iterator[tuple[int, int]]:
    """Yield the sums of the script: integers, each with its number of decimal places."""
    for scale, place, carried, number in in_groups(map(int, parts), 4):
        yield (carried * _CARRY + number) * _LIMB ** (place - 1), scale


def _nearest(exact: Fraction) -> float:
    """Return the nearest double; an infinity beyond the largest."""
    try:
        return float(exact)
    except OverflowError:
        return math.inf if exact > 0 else -math.inf


def _float_total(parts: Iterable[bytes], rest: Sequence[float]) -> tuple[Fraction | None, float]:
    """Return the exact total (None with infinities or NaN, which add as floats) and the rounded."""
    special = [value for value in rest if not math.isfinite(value)]
    if special:
        return None, sum(special)
    exact = sum(map(Fraction, (*map(float, parts), *rest)), Fraction())
    return exact, _nearest(exact)


def _decimal_total(
    schema: Schema,
    tally: Aggregate,
    pieces: Sequence[tuple[int, int]],
    rest: Sequence[decimal.Decimal],
) -> decimal.Decimal:
    special = [value for value in rest if not value.is_finite()]
    if special:
        return _special_total(special)
    terms = [(number, -scale) for number, scale in pieces]
    for value in rest:
        sign, digits, exponent = value.as_tuple()
        number = int(decimal.Decimal((sign, digits, 0)))
        # A zero adds nothing, however small its exponent.
        if number and isinstance(exponent, int):
            terms.append((number, exponent))
    low = min((exponent for _, exponent in terms), default=0)
    low = min(low, 0)
    terms = [term for term in terms if term[0]]
    high = max((decimal.Decimal(n).adjusted() + exponent for n, exponent in terms), default=low)
    if high - low > _MOST_DIGITS:
        raise QueryError(
            f'{schema.name}.query.sum({tally.column}): the sum would have {high - low} digits, '
            f'from 1E{low:+} to 1E{high:+}; leave out the largest or the smallest values with a '
            'filter'
        )
    total = sum(number * 10 ** (exponent - low) for number, exponent in terms)
    sign, digits, _ = decimal.Decimal(total).as_tuple()
    return decimal.Decimal((sign, digits, low))


def _special_total(special: Sequence[decimal.Decimal]) -> decimal.Decimal:
    """Return the sum of infinities and NaNs as decimals add; NaN instead of an exception."""
    quiet = decimal.Context(traps=[])
    total = special[0]
    for value in special[1:]:
        total = quiet.add(total, value)
    return decimal.Decimal('NaN') if total.is_nan() else total


# A value takes the server one or two microseconds; a call looks at candidates, too.
TALLY_BOUNDS = BOUNDS._replace(page=5500, budget=5000)


def total(query: Query[Any], column: str, bounds: Bounds = TALLY_BOUNDS) -> Operation[Any]:
    """Return the sum of a column's values; 0 without any. Ignores the limit and the order.

    Raises:
        QueryError: the column does not hold numbers.
        CorruptRowError: a row, a value or an index is corrupt.
    """
    return (yield from _add_up(query, adding(query.schema, 'sum', column), bounds)).sum


def average(query: Query[Any], column: str, bounds: Bounds = TALLY_BOUNDS) -> Operation[Any]:
    """Return the mean of a column's values; None without any. Otherwise as `total`."""
    return (yield from _add_up(query, adding(query.schema, 'avg', column), bounds)).average


def extreme(
    query: Query[Any], method: Literal['min', 'max'], column: str, bounds: Bounds = BOUNDS
) -> Operation[Any]:
    """Return the smallest or the largest value; None without any. Ignores the limit and the order.

    Raises:
        QueryError: no index sorts the column.
        CorruptRowError: a row, a value or an index is corrupt.
    """
    row = yield from first_row(by_extreme(query, method, column), bounds)
    if row is None:
        return None
    schema = query.schema
    if column == schema.primary:
        return row.id
    raw = row.stored.get(column)
    if raw is None:
        return schema.defaults.get(column)
    # An empty string is in no index, and so comes last, with the rows that have no value.
    if not raw and schema.columns[column].is_string:
        return None
    return value_of(schema, column, raw, row.id)


def _add_up(query: Query[Any], tally: Aggregate, bounds: Bounds) -> Operation[Totals]:
    replies = yield from tallies(query, tally, bounds)
    return Totals(query.schema, tally, replies)


def tallies(query: Query[Any], tally: Aggregate | Facets, bounds: Bounds) -> Operation[list[Reply]]:
    """Return the tallies of all matches, in any order.

    Raises:
        CorruptRowError: a row or an index is corrupt.
    """
    if query.schema.placement is not None:
        begin = partial(of_tally, tally=tally, bounds=bounds)
        each = yield from of_each(
            query, lambda one: tallies(one, tally, bounds), begin, finder(bounds)
        )
        return [reply for replies in each for reply in replies]
    asking = Search(query.limitless(), bounds, tally=tally)
    try:
        return (yield from _tallied(asking, tally))
    except UnusualTextError:
        asking.adds_texts = False
        return (yield from _tallied(asking, tally))


def _tallied(asking: Search, tally: Aggregate | Facets) -> Operation[list[Reply]]:
    """Return the tallies of a search.

    Raises:
        CorruptRowError: a row or an index is corrupt.
        UnusualTextError: the script must add the values.
    """
    cursor = asking.begin()
    found: list[SearchReply] = []
    while not cursor.is_done:
        answer = yield from asking.ask(cursor, 'tally')
        pages = yield from tally_of(asking, answer.further)
        for one in (answer, *pages):
            found.append(one._replace(tally=as_added(tally, one.tally)))
    for answer in found:
        if answer.broken:
            raise unreadable(asking.schema, answer.broken[0])
    return [answer.tally for answer in found if answer.tally]
