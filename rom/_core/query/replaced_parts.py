"""The parts of a query that `Query.replace` sets, as in rom 1.x."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from rom._core.encoding.text import show
from rom._core.query.base import QueryBase
from rom._core.query.results import select_columns
from rom._core.query.spec import EVERYTHING
from rom.exceptions import ArgumentError, QueryError

if TYPE_CHECKING:
    from rom._core.query.builder import Q, QueryBuilder


def _with_filters(query: Q, other: Any) -> Q:
    if not other:
        return query._with(where=EVERYTHING, over_relations=False)
    if not isinstance(other, QueryBase) or other.model is not query.model:
        raise QueryError(
            f'{query.schema.name}.query.replace(filters={show(other)}): takes a query of the same '
            'model, which has them, or None'
        )
    spec = other.spec
    return query._with(where=spec.where, over_relations=spec.over_relations)


def _listed(query: QueryBuilder[Any], name: str, given: Any) -> tuple[Any, ...]:
    """Return the items of an argument of `replace` as a tuple; a string is one name."""
    if isinstance(given, str):
        return (given,)
    if isinstance(given, (list, tuple)):
        return tuple(given)
    raise ArgumentError(f'{query.schema.name}.query.replace({name}={show(given)}): takes a list')


def _with_order(query: Q, names: str | Sequence[str] | None) -> Q:
    if not names:
        return query._with(orders=())
    return query.order_by(*_listed(query, 'order_by', names))


def _with_limit(query: Q, limit: tuple[int, int] | None) -> Q:
    if limit is None:
        return query._with(offset=0, count=None)
    bounds = _listed(query, 'limit', limit)
    if len(bounds) not in (1, 2):
        raise ArgumentError(
            f'{query.schema.name}.query.replace(limit={show(limit)}): takes (offset, count)'
        )
    return query._with(offset=0).limit(*bounds)


def _with_selection(query: Q, names: Sequence[str] | None) -> Any:
    if not names:
        return query._with(selection=None)
    selection = select_columns(query.schema, _listed(query, 'select', names))
    return query._with(selection=selection)


#: The function that sets a part, by its name.
PARTS: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    'filters': _with_filters,
    'order_by': _with_order,
    'limit': _with_limit,
    'select': _with_selection,
}
