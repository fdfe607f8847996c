"""Sort orders: the index that sorts by a column, if there is one."""

from __future__ import annotations

from rom._core.columns import Boolean, Column, PrimaryKey, String
from rom._core.encoding.keygens import TRAITS
from rom._core.encoding.text import shorten, show
from rom._core.query.clause import Clause
from rom._core.query.id_filters import is_of_ids
from rom._core.query.nodes import StartsWith
from rom._core.query.sort_order import Direction, Order, Tie
from rom._core.query.spec import QuerySpec
from rom._core.query.string_filters import has_many
from rom._core.schema import Schema
from rom._core.support.caller_warnings import warn
from rom.exceptions import QueryError


def all_ordered(schema: Schema, asked: tuple[object, ...]) -> tuple[Order, ...]:
    """Return the orders for `order_by(*asked)`.

    Raises:
        QueryError: no column, or one twice; no such column, or no index of it.

    Warns:
        UserWarning: the index of a text column does not sort.
    """
    found = [ordered(schema, name) for name in asked]
    names = [order.column for order in found]
    if not names or len(set(names)) < len(names):
        shown = shorten(', '.join(map(show, asked)), 200)
        what = 'names a column twice' if names else "takes the names of columns, as in 'age'"
        raise QueryError(f'{schema.name}.query.order_by({shown}): {what}')
    last = next((place for place, order in enumerate(found) if order.kind == 'id'), len(found))
    return tuple(found[: last + 1])


def ordered(schema: Schema, asked: object) -> Order:
    """Return the order for `order_by(asked)`.

    Raises:
        QueryError: no such column, or no index of it.

    Warns:
        UserWarning: the index of a text column does not sort.
    """
    if not isinstance(asked, str):
        raise QueryError(
            f'{schema.name}.query.order_by({show(asked)}): takes the name of a column, as in '
            "'age' or '-age'"
        )
    known: Order | None = schema.memo.get((ordered, asked))
    return _order_by(schema, asked) if known is None else known


def _order_by(schema: Schema, asked: str) -> Order:
    """Return the order by a name, and keep it if it neither warns nor has a part of a user's."""
    name = asked.removeprefix('-')
    reverse = name != asked
    clause = Clause(schema, 'order_by', name)
    if clause.part:
        clause.need_index('index')
        return Order(name, reverse, 'score', clause.numbers_key)
    if is_of_ids(clause):
        return Order(name, reverse, 'id')
    clause.need_index('index', 'prefix', 'suffix')
    column = clause.column
    if column.element is not None:
        clause.wrong(f'a {type(column).__name__} has no place in an order; order by another column')
    if column.is_links:
        clause.wrong('links are a set, and have no order; order by a column of one value')
    field = schema.keys.field(column.source)
    if column.index and (column.traits.sorts or _has_numbers(column)):
        found = Order(name, reverse, 'score', clause.numbers_key, _tie(column), field)
        schema.memo[ordered, asked] = found
        return found
    if column.prefix and column.keygen in TRAITS and not has_many(column):
        return Order(name, reverse, 'text', schema.keys.prefixes(name), 'id', field)
    if not column.is_stored:
        if column.keygen in TRAITS or not column.index:
            clause.wrong(f'its index does not sort; order by {column.source!r}')
        return Order(name, reverse, 'score', clause.numbers_key)
    _warn(clause)
    has_own_keygen = bool(column.keygen or column.keygen2) and column.keygen not in TRAITS
    if column.index and has_own_keygen and not isinstance(column, Boolean):
        return Order(name, reverse, 'score', clause.numbers_key, 'id', field, or_stored=True)
    return Order(name, reverse, 'stored', field=field)


def orders_for(schema: Schema, spec: QuerySpec) -> tuple[Order, ...]:
    """Return the orders of a query of a model, given its filters.

    A column may have an index of numbers that sort and one of strings. If a filter searches the
    strings, a walk along that index finds the matches already sorted.
    """
    orders = spec.orders
    if not orders:
        return ()
    first = orders[0]
    column, keys = schema.columns.get(first.column), schema.keys
    if first.kind == 'score' and column is not None and column.traits.sorts and column.prefix:
        strings = keys.prefixes(first.column)
        if any(isinstance(n, StartsWith) and n.key == strings for n in spec.where.flat()):
            first = first._replace(kind='text', key=strings, tie='id')
    return (first, *orders[1:])


def direction_of(orders: tuple[Order, ...]) -> Direction | None:
    """Return the direction of the ids if the last order sorts by them, else None."""
    if not orders or orders[-1].kind != 'id':
        return None
    return 'down' if orders[-1].reverse else 'up'


def needs_client_sort(schema: Schema, orders: tuple[Order, ...]) -> bool:
    """Return whether the caller must sort: an index is missing, or does not sort like Python.

    Within equal values of an earlier order, strings are compared as the rows hold them. The index
    has them lower-cased, or as bytes, depending on the column.
    """
    for place, order in enumerate(orders):
        if order.kind == 'stored':
            return True
        if place and order.kind == 'text' and _differs_in_index(schema.columns[order.column]):
            return True
    return False


def _differs_in_index(column: Column[object]) -> bool:
    return column.traits.lowers or isinstance(column, String)


def _has_numbers(column: Column[object]) -> bool:
    return column.is_numeric and not column.keygen and not column.keygen2


def _tie(column: Column[object]) -> Tie:
    traits = column.traits
    if traits.sorts:
        return 'text_ci' if traits.lowers else 'text'
    return 'integer' if column.is_wide and not isinstance(column, PrimaryKey) else 'id'


def _warn(clause: Clause) -> None:
    if not clause.column.is_string:
        return
    is_whole = clause.column.is_whole
    remedy = 'prefix=True' if is_whole else 'keygen=SIMPLE (or SIMPLE_CI) and index=True'
    warn(
        f'{clause.schema.name}.query.order_by({clause.name!r}): the index of this text column does '
        'not sort, so all results are read, and sorted by what is stored; for an index that sorts '
        f'declare it with {remedy}',
    )
