"""Nodes: conditions on indexed fields, as nodes of rom's query plan.

An index may be less exact than the value: for a decimal, it holds the nearest double. Then the node
may find too many objects, but never too few, and the condition is tested again on each object.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rom._core.columns import Boolean, Column
from rom._core.query.filters import compared, filtered
from rom._core.query.nodes import AnyOf, Node, Not
from rom._core.query.string_filters import ending, starting
from rom._core.schema import Schema
from rom.exceptions import QueryError
from rom.schematics.columns import Numbered
from rom.schematics.conditions import EQUAL, MANY, TEXTUAL, Condition

_ORDERS = {'gt': '>', 'gte': '>=', 'lt': '<', 'lte': '<='}
# For inexact numbers a range includes its ends, because a value beyond an end may share its double.
_WIDER = {'gt': 'gte', 'lt': 'lte'}


@dataclass(frozen=True, slots=True)
class Answer:
    """Query node for a condition.

    Attributes:
        node: the node; None if no index helps.
        is_exact: the node finds exactly the objects that meet the condition.
    """

    node: Node | None = None
    is_exact: bool = False


def node_of(schema: Schema, condition: Condition) -> Answer:
    """Return the query node for a condition, by the indexes of the model."""
    column = schema.columns[condition.field.name]
    try:
        if isinstance(column, Numbered):
            return _of_numbered(schema, column, condition)
        node = _node(schema, column, condition.sign, _as_stored(column, condition))
    except QueryError:
        return Answer()  # such as a comparison with < on an index of texts
    return Answer(node, node is not None)


def _as_stored(column: Column[Any], condition: Condition) -> Any:
    """Return the value of a condition; text in the form that the index holds."""
    if not column.is_string or condition.sign in TEXTUAL:
        return condition.value
    to_primitive = condition.field.type.to_primitive
    if condition.sign in MANY:
        return [None if value is None else to_primitive(value) for value in condition.value]
    return None if condition.value is None else to_primitive(condition.value)


def _of_numbered(schema: Schema, column: Column[Any], condition: Condition) -> Answer:
    if condition.sign in ('not', 'exclude'):
        return Answer()
    sign = _WIDER.get(condition.sign, condition.sign)
    return Answer(_node(schema, column, sign, condition.value))


def _node(schema: Schema, column: Column[Any], sign: str, value: Any) -> Node | None:
    if sign in ('startswith', 'endswith'):
        if not value or not getattr(column, 'prefix' if sign == 'startswith' else 'suffix'):
            return None
        return (starting if sign == 'startswith' else ending)(schema, column.name, value)
    if not column.index:
        return None
    if sign in _ORDERS:
        return AnyOf() if value is None else compared(schema, column.name, _ORDERS[sign], value)
    return _EQUALITIES[sign](schema, column, value)


def _equal(schema: Schema, column: Column[Any], value: Any) -> Node | None:
    if column.is_string and not value:
        return None  # an index of texts has no entry for '' or None
    if value is not None:
        return filtered(schema, column.name, value)
    has_value = [True, False] if isinstance(column, Boolean) else (None, None)
    return Not(filtered(schema, column.name, has_value))


def _one_of(schema: Schema, column: Column[Any], values: list[Any]) -> Node | None:
    nodes = [_equal(schema, column, value) for value in values]
    found = tuple(node for node in nodes if node is not None)
    return AnyOf(found) if len(found) == len(nodes) else None


def _opposite(
    makes: Callable[[Schema, Column[Any], Any], Node | None],
) -> Callable[[Schema, Column[Any], Any], Node | None]:
    def made(schema: Schema, column: Column[Any], value: Any) -> Node | None:
        node = makes(schema, column, value)
        return None if node is None else Not(node)

    return made


_EQUALITIES: dict[str, Callable[[Schema, Column[Any], Any], Node | None]] = {
    EQUAL: _equal,
    'not': _opposite(_equal),
    'in': _one_of,
    'exclude': _opposite(_one_of),
}
