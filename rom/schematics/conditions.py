"""Conditions: the arguments of `filter(amount_kg__gte=30)`, each on one field.

A suffix names the operator; without one, the condition tests for equality. The field's type
converts the given value like a stored one, so that the text of a datetime compares with datetimes.
"""

from __future__ import annotations

import datetime
import difflib
import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rom._core.encoding.text import shorten, show, show_name, show_names
from rom.schematics.exceptions import ClauseError
from rom.schematics.fields import Field, Shape

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


def conditions_of(shape: Shape, clauses: Mapping[str, Any]) -> list[Condition]:
    """Return the conditions of the arguments of `filter`.

    Raises:
        ClauseError: an unknown field or operator, or the field does not accept the value.
    """
    return [_condition(shape, name, value) for name, value in clauses.items()]


def _condition(shape: Shape, asked: str, value: Any) -> Condition:
    name, sign = asked, EQUAL
    if asked not in shape.fields:
        name, _, sign = asked.rpartition('__')
    field = shape.fields.get(name)
    if field is None:
        raise ClauseError(
            unknown_field(shape, asked.partition('__')[0], f' ({show_name(asked)}=...)')
        )
    if sign not in SIGNS:
        raise ClauseError(
            f'{shape.model.__name__}: {show_name(asked)}=...: expected one of the operators '
            f'{", ".join("__" + sign for sign in SIGNS)}, got __{show_name(sign)}'
        )
    if sign in TEXTUAL:
        if not isinstance(value, str):
            raise ClauseError(
                f'{shape.model.__name__}: {show_name(asked)}: expected a str, got {show(value)}'
            )
        return Condition(field, sign, value)
    if sign not in MANY:
        return Condition(field, sign, _converted(shape, field, asked, value))
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
        raise ClauseError(
            f'{shape.model.__name__}: {show_name(asked)}: expected a list of values, got '
            f'{show(value)}'
        )
    return Condition(field, sign, [_converted(shape, field, asked, item) for item in value])


def unknown_field(shape: Shape, name: object, where: str = '') -> str:
    """Return the message for a field that a model does not have."""
    near = difflib.get_close_matches(name, shape.fields, 1) if isinstance(name, str) else []
    meant = f' Did you mean {near[0]!r}?' if near else ''
    known = show_names(shape.fields)
    return f'{shape.model.__name__} has no field {show(name)}{where}; it has {known}.{meant}'


def _converted(shape: Shape, field: Field, asked: str, value: Any) -> Any:
    if value is None:
        return None
    try:
        return field.type.to_native(value)
    except Exception as error:
        raise ClauseError(
            f'{shape.model.__name__}: {show_name(asked)}: expected a value of the field '
            f'{field.name}, got {show(value)}: {shorten(show(str(error)), 150)}'
        ) from None


def _in_order(compare: Callable[[Any, Any], Any]) -> Callable[[Any, Any], bool]:
    def holds(value: Any, asked: Any) -> bool:
        if value is None or asked is None:
            return False
        try:
            return bool(compare(*_alike(value, asked)))
        except TypeError:  # a type without an order, such as dict
            return False

    return holds


def _equal(value: Any, asked: Any) -> bool:
    return bool(operator.eq(*_alike(value, asked)))


def _one_of(value: Any, asked: list[Any]) -> bool:
    return any(_equal(value, item) for item in asked)


def _alike(value: Any, asked: Any) -> tuple[Any, Any]:
    """Return two comparable values; a naive datetime beside an aware one is taken as UTC."""
    moment = datetime.datetime
    if not isinstance(value, moment) or not isinstance(asked, moment):
        return value, asked
    if (value.tzinfo is None) == (asked.tzinfo is None):
        return value, asked
    return _in_utc(value), _in_utc(asked)


def _in_utc(moment: datetime.datetime) -> datetime.datetime:
    return moment.replace(tzinfo=datetime.UTC) if moment.tzinfo is None else moment


def _text(compare: Callable[[str, str], bool]) -> Callable[[Any, Any], bool]:
    return lambda value, asked: value is not None and compare(str(value), asked)


#: The comparison of each operator.
SIGNS: dict[str, Callable[[Any, Any], bool]] = {
    'gt': _in_order(operator.gt),
    'gte': _in_order(operator.ge),
    'lt': _in_order(operator.lt),
    'lte': _in_order(operator.le),
    EQUAL: _equal,
    'not': lambda value, asked: not _equal(value, asked),
    'in': _one_of,
    'exclude': lambda value, asked: not _one_of(value, asked),
    'startswith': _text(str.startswith),
    'endswith': _text(str.endswith),
}
