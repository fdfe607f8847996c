"""Windows: which of the results a query returns, as `limit`, `offset` and slices set it. Pure.

A window is the number of results to skip, and the maximum number to return. A slice of a query that
has a window already counts within that, as a slice of a list of its results would.
"""

from __future__ import annotations

import operator
from typing import Any, NoReturn, SupportsIndex

from rom._core.encoding.integers import ENDLESS
from rom._core.encoding.text import show
from rom._core.query.spec import QuerySpec
from rom._core.schema import Schema
from rom.exceptions import ArgumentError, QueryError


def within(schema: Schema, method: str, number: Any) -> int:
    """Return an argument of `limit` or `offset`, limited to what the server can count.

    Raises:
        ArgumentError: it is not an int.
    """
    if not isinstance(number, int):
        raise ArgumentError(f'{schema.name}.query.{method} takes ints, not {show(number)}')
    return number if 0 <= number <= ENDLESS else min(max(number, 0), ENDLESS)


def sliced(schema: Schema, spec: QuerySpec, asked: slice) -> QuerySpec:
    """Return the parts of `query[start:stop]`.

    Raises:
        ArgumentError: a bound that is not an int.
        QueryError: a negative bound, or a step.
    """
    shown = ':'.join(
        '' if bound is None else show(bound) for bound in (asked.start, asked.stop, asked.step)
    ).removesuffix(':')
    if asked.step is not None and _bound(schema, spec, asked.step, shown) != 1:
        _refuse(schema, shown, f'a slice takes no step; use list(query)[::{show(asked.step)}]')
    start = 0 if asked.start is None else _bound(schema, spec, asked.start, shown)
    rest = None if spec.count is None else max(spec.count - start, 0)
    if asked.stop is not None:
        count = max(_bound(schema, spec, asked.stop, shown) - start, 0)
        rest = count if rest is None else min(count, rest)
    return spec._replace(offset=min(spec.offset + start, ENDLESS), count=rest)


def position(schema: Schema, spec: QuerySpec, asked: Any) -> int:
    """Return the index of `query[index]`.

    Raises:
        ArgumentError: it is neither an int nor a slice.
        QueryError: it is negative.
    """
    return _bound(schema, spec, asked, show(asked))


def _bound(schema: Schema, spec: QuerySpec, asked: SupportsIndex, shown: str) -> int:
    try:
        number = operator.index(asked)
    except TypeError:
        raise ArgumentError(
            f'{schema.name}.query[{shown}]: takes an int, or a slice of ints, as in [3] or '
            f'[10:20], not {show(asked)}'
        ) from None
    if number < 0:
        _refuse(
            schema,
            shown,
            'results are counted from the first one; for the last ones, reverse the order: '
            f'order_by({_reversed(schema, spec)})[:10]',
        )
    return min(number, ENDLESS)


def _reversed(schema: Schema, spec: QuerySpec) -> str:
    """Return the arguments of `order_by` for the reverse order."""
    orders = [(order.column, order.reverse) for order in spec.orders] or [(schema.primary, False)]
    return ', '.join(show(name if reverse else f'-{name}') for name, reverse in orders)


def _refuse(schema: Schema, shown: str, why: str) -> NoReturn:
    raise QueryError(f'{schema.name}.query[{shown}]: {why}')
