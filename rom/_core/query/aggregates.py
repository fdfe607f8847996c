"""Aggregates of a column, computed on the server without reading entities. Pure.

The functions here check whether a column can be added up, counted by value, or has a smallest
value. For other columns they raise an error with the reason.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, TypeAlias

from rom._core.columns import Column, Decimal, Float, Integer, PrimaryKey
from rom._core.encoding.keygens import TRAITS
from rom._core.encoding.text import shorten, show
from rom._core.query.clause import Clause
from rom._core.query.id_filters import is_of_ids
from rom._core.query.string_filters import has_many
from rom._core.schema import Schema
from rom.exceptions import QueryError

if TYPE_CHECKING:
    from rom._core.query.query import Query

Way: TypeAlias = Literal['values', 'elements', 'intervals', 'integer', 'float', 'decimal']

# Keyed by the decoder: a subclass with a decoder of its own cannot be added on the server.
_WAYS: dict[Callable[..., Any], Way] = {
    Integer.decode: 'integer',
    Float.decode: 'float',
    Decimal.decode: 'decimal',
}
# The most columns of one call of `facets`.
_MOST_FACETS: Final = 16


@dataclass(frozen=True, slots=True)
class Aggregate:
    """An aggregate of one column.

    Attributes:
        column: the name of the column.
        field: the field of the column in rows.
        way: 'values' counts each value, 'elements' each element of collections, 'intervals' the
            values in each interval; the others add the values up.
        absent: the value of rows that lack the column: its default, encoded. A default function
            is called once for all of them.
    """

    column: str
    field: bytes
    way: Way
    absent: bytes | None = None

    def as_map(self, alone: bool = False) -> dict[str, Any]:
        """Return the aggregate as a map for the script.

        Args:
            alone: aggregate only the matches that one call finds by itself, because later calls
                may find the same ids.
        """
        found = {'field': self.field, 'way': self.way, 'alone': alone}
        return found if self.absent is None else {**found, 'absent': self.absent}


@dataclass(frozen=True, slots=True)
class Facets:
    """Counts of the values of several columns.

    Attributes:
        each: the aggregate of each column.
        way: 'several'.
    """

    each: tuple[Aggregate, ...]
    way: ClassVar[Literal['several']] = 'several'

    def as_map(self, alone: bool = False) -> dict[str, Any]:
        """Return the aggregates as one map for the script; see `Aggregate.as_map`."""
        return {
            'way': self.way,
            'fields': [one.field for one in self.each],
            'absents': [False if one.absent is None else one.absent for one in self.each],
            'splits': [one.way == 'elements' for one in self.each],
            'alone': alone,
        }


def adding(schema: Schema, method: str, name: object) -> Aggregate:
    """Return the aggregate for `sum` and `avg`.

    Raises:
        QueryError: no such column, or its values are not numbers.
    """
    clause = stored_clause(schema, method, name)
    column = clause.column
    if isinstance(column, PrimaryKey):
        clause.wrong('ids are names, not amounts; count() counts the entities')
    way = _WAYS.get(type(column).decode) or column.adds
    if way is None:
        clause.wrong(
            'only an Integer, Float or Decimal, or a Duration, is added on the server, and this '
            f'is a {type(column).__name__}; for anything else, add up what '
            f'query.select({clause.name!r}).all() reads'
        )
    return Aggregate(clause.name, schema.keys.field(clause.name), way, absent_value(column))


def counting(schema: Schema, name: object) -> Aggregate:
    """Return the aggregate for `facets`.

    Raises:
        QueryError: no such column, or its values are not hashable.
    """
    clause = stored_clause(schema, 'facets', name)
    if isinstance(clause.column, PrimaryKey):
        clause.wrong('no two entities have one id; count() counts the entities')
    if clause.column.is_mutable and clause.column.element is None:
        clause.wrong(
            f'the values of a {type(clause.column).__name__} are no keys of a dict; keep what is '
            'to be counted in a column of its own'
        )
    field = schema.keys.field(clause.name)
    return Aggregate(clause.name, field, _way_of_facets(clause.column), absent_value(clause.column))


def _way_of_facets(column: Column[Any]) -> Way:
    """Return 'elements' where the server can count them, because equal ones have one form.

    Where equal elements may have several forms, as 1.5 and 1.50, the server counts whole
    collections, and the caller their elements.
    """
    element = column.element
    if element is None or type(element).canonical is not Column.canonical:
        return 'values'
    return 'elements'


def counting_several(schema: Schema, names: tuple[object, ...]) -> Facets:
    """Return the aggregates for `facets` of two columns or more.

    Raises:
        QueryError: more than 16 columns, or one twice; otherwise as for `counting`.
    """
    each = tuple(counting(schema, name) for name in names)
    shown = shorten(', '.join(map(show, names)), 200)
    if len(each) > _MOST_FACETS:
        raise QueryError(
            f'{schema.name}.query.facets({shown}): takes {_MOST_FACETS} columns at most; call it '
            'again for the others'
        )
    if len(set(names)) < len(names):
        raise QueryError(f'{schema.name}.query.facets({shown}): names a column twice')
    return Facets(each)


def absent_value(column: Column[Any]) -> bytes | None:
    """Return the stored form of the default that rows without the column count with, or None."""
    value = column.absent()
    return None if value is None else column.encode(value)


def by_extreme(query: Query[Any], method: Literal['min', 'max'], name: object) -> Query[Any]:
    """Return, for `min` and `max`, the query whose first result has the value.

    Raises:
        QueryError: no such column, or no index that sorts it by value.
    """
    clause = stored_clause(query.schema, method, name)
    if not (is_of_ids(clause) or _is_sorted(clause.column)):
        clause.wrong(_how_to_sort(clause.column))
    order = clause.name if method == 'min' else f'-{clause.name}'
    whole = query.limitless()._with(orders=(), selection=None)
    return whole.order_by(order).select(clause.name, decode=False)


def stored_clause(schema: Schema, method: str, name: object) -> Clause:
    """Return the clause of a column that rows hold.

    Raises:
        QueryError: no such column, or one that is not stored.
    """
    if not isinstance(name, str):
        raise QueryError(
            f'{schema.name}.query.{method}({show(name)}): takes the name of a column, as in '
            f"{method}('age')"
        )
    clause = Clause(schema, method, name)
    if clause.part:
        clause.wrong('the number that a keygen gives is in no row; keep it in a column of its own')
    if not clause.column.is_stored:
        source = clause.column.source
        other = f'; name {source!r}' if source != name else ', but what it indexes does'
        clause.wrong(f'an {type(clause.column).__name__} holds no value{other}')
    return clause


def _is_sorted(column: Column[Any]) -> bool:
    if column.index and not column.keygen and not column.keygen2:
        return column.is_numeric
    is_whole = column.prefix and column.keygen in TRAITS and not has_many(column)
    return bool((column.index and column.traits.sorts) or is_whole)


def _how_to_sort(column: Column[Any]) -> str:
    kind = type(column).__name__
    if column.is_whole:
        return f'no index sorts this column; declare the {kind} with prefix=True'
    if column.is_string:
        return (
            'no index sorts this column; declare it with index=True and keygen=SIMPLE (or '
            'SIMPLE_CI), or with prefix=True and a keygen of whole values, such as IDENTITY'
        )
    if column.is_numeric:
        return f'no index sorts this column; declare the {kind} with index=True and no keygen'
    return f'no index sorts the values of a {kind}; facets({column.name!r}) counts them'
