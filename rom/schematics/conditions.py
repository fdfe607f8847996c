"""Conditions: what `filter(amount_kg__gte=30)` asks of a field.

A suffix names the operator, none means equality. The value asked for is converted by the field's
type, as a stored one is, so that a datetime compares with a datetime, whichever way it was said.
"""

from __future__ import annotations

import datetime
import difflib
import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rom.encoding.text import show
from rom.schematics.shapes import Field, Shape

EQUAL = 'eq'
MANY = ('in', 'exclude')
TEXTUAL = ('startswith', 'endswith')


@dataclass(frozen=True, slots=True)
class Condition:
    """One field compared with a value.

    Attributes:
        field: the field.
        sign: a key of `SIGNS`.
        value: what with; for 'in' and 'exclude', a list.
    """

    field: Field
    sign: str
    value: Any

    def holds(self, value: Any) -> bool:
        """Whether it is true for a value of the field, converted; None where there is none."""
        return SIGNS[self.sign](value, self.value)


def conditions_of(shape: Shape, clauses: Mapping[str, Any]) -> list[Condition]:
    """The conditions that the arguments of `filter` mean.

    Raises:
        ValueError: no such field or operator, or a value that is none of the field.
    """
    return [_condition(shape, name, value) for name, value in clauses.items()]


def _condition(shape: Shape, asked: str, value: Any) -> Condition:
    name, sign = asked, EQUAL
    if asked not in shape.fields:
        name, _, sign = asked.rpartition('__')
    field = shape.fields.get(name)
    if field is None:
        raise ValueError(unknown_field(shape, asked.partition('__')[0], f' ({asked}=...)'))
    if sign not in SIGNS:
        raise ValueError(
            f'{shape.model.__name__}: {asked}=...: there is no operator __{sign}; there are '
            f'{", ".join("__" + sign for sign in SIGNS)}'
        )
    if sign in TEXTUAL:
        if not isinstance(value, str):
            raise ValueError(f'{shape.model.__name__}: {asked}={show(value)}: takes a string')
        return Condition(field, sign, value)
    if sign not in MANY:
        return Condition(field, sign, _converted(shape, field, asked, value))
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
        raise ValueError(f'{shape.model.__name__}: {asked}={show(value)}: takes a list of values')
    return Condition(field, sign, [_converted(shape, field, asked, item) for item in value])


def unknown_field(shape: Shape, name: str, where: str = '') -> str:
    """What to say of a field that a model does not have."""
    near = difflib.get_close_matches(name, shape.fields, 1)
    meant = f' Did you mean {near[0]!r}?' if near else ''
    known = ', '.join(shape.fields)
    return f'{shape.model.__name__} has no field {show(name)}{where}; it has {known}.{meant}'


def _converted(shape: Shape, field: Field, asked: str, value: Any) -> Any:
    if value is None:
        return None
    try:
        return field.type.to_native(value)
    except Exception as error:
        raise ValueError(
            f'{shape.model.__name__}: {asked}={show(value)} is no value of {field.name}: {error}'
        ) from None


def _in_order(compare: Callable[[Any, Any], Any]) -> Callable[[Any, Any], bool]:
    def holds(value: Any, asked: Any) -> bool:
        if value is None or asked is None:
            return False
        try:
            return bool(compare(*_alike(value, asked)))
        except TypeError:  # of a kind that has no order, such as a dict
            return False

    return holds


def _equal(value: Any, asked: Any) -> bool:
    return bool(operator.eq(*_alike(value, asked)))


def _one_of(value: Any, asked: list[Any]) -> bool:
    return any(_equal(value, item) for item in asked)


def _alike(value: Any, asked: Any) -> tuple[Any, Any]:
    """A moment without a zone is one in UTC, where it meets one that has a zone."""
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


#: What each operator means.
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
