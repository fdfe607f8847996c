"""Conditions: the arguments of `filter(amount_kg__gte=30)`, each on one field.

A suffix names the operator; without one, the condition tests for equality. The field's type
converts the given value like a stored one, so that the text of a datetime compares with datetimes.

A condition on an indexed field is also a node of rom's query plan. An index may be less exact than
the value: for a decimal, it holds the nearest double. Then the node may find too many objects, but
never too few, and the condition is tested again on each object.
"""

from __future__ import annotations

import datetime
import difflib
import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rom._core.columns import Boolean, Column
from rom._core.encoding.text import shorten, show, show_name, show_names
from rom._core.query.filters import compared, filtered
from rom._core.query.nodes import AnyOf, Node, Not
from rom._core.query.string_filters import ending, starting
from rom._core.schema import Schema
from rom.exceptions import QueryError
from rom.schematics.columns import Numbered
from rom.schematics.exceptions import ClauseError
from rom.schematics.fields import Field, ModelFields

EQUAL = 'eq'
MANY = ('in', 'exclude')
TEXTUAL = ('startswith', 'endswith')


@dataclass(frozen=True, slots=True)
class Condition:
    """Comparison of one field with a value.

    Attributes:
        field: the field.
        sign: the operator, a key of `SIGNS`.
        value: the value to compare with; for 'in' and 'exclude', a list.
    """

    field: Field
    sign: str
    value: Any

    def holds(self, value: Any) -> bool:
        """Return whether a converted value of the field meets the condition; it may be None."""
        return SIGNS[self.sign](value, self.value)


def conditions_of(fields: ModelFields, clauses: Mapping[str, Any]) -> list[Condition]:
    """Return the conditions of the arguments of `filter`.

    Raises:
        ClauseError: an unknown field or operator, or the field does not accept the value.
    """
    return [_condition(fields, name, value) for name, value in clauses.items()]


def _condition(fields: ModelFields, clause: str, value: Any) -> Condition:
    name, sign = clause, EQUAL
    if clause not in fields.by_name:
        name, _, sign = clause.rpartition('__')
    field = fields.by_name.get(name)
    if field is None:
        raise ClauseError(
            unknown_field(fields, clause.partition('__')[0], f' ({show_name(clause)}=...)')
        )
    if sign not in SIGNS:
        raise ClauseError(
            f'{fields.model.__name__}: {show_name(clause)}=...: expected one of the operators '
            f'{", ".join("__" + sign for sign in SIGNS)}, got __{show_name(sign)}'
        )
    if sign in TEXTUAL:
        if not isinstance(value, str):
            raise ClauseError(
                f'{fields.model.__name__}: {show_name(clause)}: expected a str, got {show(value)}'
            )
        return Condition(field, sign, value)
    if sign not in MANY:
        return Condition(field, sign, _converted(fields, field, clause, value))
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
        raise ClauseError(
            f'{fields.model.__name__}: {show_name(clause)}: expected a list of values, got '
            f'{show(value)}'
        )
    return Condition(field, sign, [_converted(fields, field, clause, item) for item in value])


def unknown_field(fields: ModelFields, name: object, where: str = '') -> str:
    """Return the message for a field that a model does not have."""
    near = difflib.get_close_matches(name, fields.by_name, 1) if isinstance(name, str) else []
    suggestion = f' Did you mean {near[0]!r}?' if near else ''
    known = show_names(fields.by_name)
    return f'{fields.model.__name__} has no field {show(name)}{where}; it has {known}.{suggestion}'


def _converted(fields: ModelFields, field: Field, clause: str, value: Any) -> Any:
    if value is None:
        return None
    try:
        return field.type.to_native(value)
    except Exception as error:
        raise ClauseError(
            f'{fields.model.__name__}: {show_name(clause)}: expected a value of the field '
            f'{field.name}, got {show(value)}: {shorten(show(str(error)), 150)}'
        ) from None


def _in_order(compare: Callable[[Any, Any], Any]) -> Callable[[Any, Any], bool]:
    def holds(value: Any, wanted: Any) -> bool:
        if value is None or wanted is None:
            return False
        try:
            return bool(compare(*_alike(value, wanted)))
        except TypeError:  # a type without an order, such as dict
            return False

    return holds


def _equal(value: Any, wanted: Any) -> bool:
    return bool(operator.eq(*_alike(value, wanted)))


def _one_of(value: Any, wanted: list[Any]) -> bool:
    return any(_equal(value, item) for item in wanted)


def _alike(value: Any, wanted: Any) -> tuple[Any, Any]:
    """Return two comparable values; a naive datetime beside an aware one is taken as UTC."""
    moment = datetime.datetime
    if not isinstance(value, moment) or not isinstance(wanted, moment):
        return value, wanted
    if (value.tzinfo is None) == (wanted.tzinfo is None):
        return value, wanted
    return _in_utc(value), _in_utc(wanted)


def _in_utc(moment: datetime.datetime) -> datetime.datetime:
    return moment.replace(tzinfo=datetime.UTC) if moment.tzinfo is None else moment


def _text(compare: Callable[[str, str], bool]) -> Callable[[Any, Any], bool]:
    return lambda value, wanted: value is not None and compare(str(value), wanted)


#: The comparison of each operator.
SIGNS: dict[str, Callable[[Any, Any], bool]] = {
    'gt': _in_order(operator.gt),
    'gte': _in_order(operator.ge),
    'lt': _in_order(operator.lt),
    'lte': _in_order(operator.le),
    EQUAL: _equal,
    'not': lambda value, wanted: not _equal(value, wanted),
    'in': _one_of,
    'exclude': lambda value, wanted: not _one_of(value, wanted),
    'startswith': _text(str.startswith),
    'endswith': _text(str.endswith),
}


_COMPARISONS = {'gt': '>', 'gte': '>=', 'lt': '<', 'lte': '<='}
# For inexact numbers a range includes its ends, because a value beyond an end may share its double.
_WIDER = {'gt': 'gte', 'lt': 'lte'}


@dataclass(frozen=True, slots=True)
class ConditionNode:
    """Query node for a condition.

    Attributes:
        node: the node; None if no index helps.
        is_exact: the node finds exactly the objects that meet the condition.
    """

    node: Node | None = None
    is_exact: bool = False


def node_of(schema: Schema, condition: Condition) -> ConditionNode:
    """Return the query node for a condition, by the indexes of the model."""
    column = schema.columns[condition.field.name]
    try:
        if isinstance(column, Numbered):
            return _of_numbered(schema, column, condition)
        node = _node(schema, column, condition.sign, _as_stored(column, condition))
    except QueryError:
        return ConditionNode()  # such as a comparison with < on an index of texts
    return ConditionNode(node, node is not None)


def _as_stored(column: Column[Any], condition: Condition) -> Any:
    """Return the value of a condition; text in the form that the index holds."""
    if not column.is_string or condition.sign in TEXTUAL:
        return condition.value
    to_primitive = condition.field.type.to_primitive
    if condition.sign in MANY:
        return [None if value is None else to_primitive(value) for value in condition.value]
    return None if condition.value is None else to_primitive(condition.value)


def _of_numbered(schema: Schema, column: Column[Any], condition: Condition) -> ConditionNode:
    if condition.sign in ('not', 'exclude'):
        return ConditionNode()
    sign = _WIDER.get(condition.sign, condition.sign)
    return ConditionNode(_node(schema, column, sign, condition.value))


def _node(schema: Schema, column: Column[Any], sign: str, value: Any) -> Node | None:
    if sign in ('startswith', 'endswith'):
        if not value or not getattr(column, 'prefix' if sign == 'startswith' else 'suffix'):
            return None
        return (starting if sign == 'startswith' else ending)(schema, column.name, value)
    if not column.index:
        return None
    if sign in _COMPARISONS:
        return (
            AnyOf() if value is None else compared(schema, column.name, _COMPARISONS[sign], value)
        )
    return _EQUALITIES[sign](schema, column, value)


def _equal_node(schema: Schema, column: Column[Any], value: Any) -> Node | None:
    if column.is_string and not value:
        return None  # an index of texts has no entry for '' or None
    if value is not None:
        return filtered(schema, column.name, value)
    has_value = [True, False] if isinstance(column, Boolean) else (None, None)
    return Not(filtered(schema, column.name, has_value))


def _one_of_node(schema: Schema, column: Column[Any], values: list[Any]) -> Node | None:
    nodes = [_equal_node(schema, column, value) for value in values]
    found = tuple(node for node in nodes if node is not None)
    return AnyOf(found) if len(found) == len(nodes) else None


def _opposite_node(
    makes: Callable[[Schema, Column[Any], Any], Node | None],
) -> Callable[[Schema, Column[Any], Any], Node | None]:
    def made(schema: Schema, column: Column[Any], value: Any) -> Node | None:
        node = makes(schema, column, value)
        return None if node is None else Not(node)

    return made


_EQUALITIES: dict[str, Callable[[Schema, Column[Any], Any], Node | None]] = {
    EQUAL: _equal_node,
    'not': _opposite_node(_equal_node),
    'in': _one_of_node,
    'exclude': _opposite_node(_one_of_node),
}
