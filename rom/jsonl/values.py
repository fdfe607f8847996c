"""Values of rows as JSON, and back, by the forms of :mod:`rom._core.columns.json_forms`. Pure.

A column class of the program has the form of its base class, or that of its own `to_json`. If it
overrides encode or decode without `to_json`, its stored bytes are written, as a String. null means
that there is no value. Any other form is refused, and never guessed at.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

from rom._core.columns import Column, String
from rom._core.columns.json_forms import BYTES_OF_DIALECT_1, DIALECT, FORMS, form_of
from rom.exceptions import InvalidColumnValue

_MOST_SHOWN = 80
_BYTES = {1: BYTES_OF_DIALECT_1, DIALECT: FORMS[String]}


def to_json(column: Column[Any], raw: bytes | None, key: str) -> Any:
    """Convert a stored value for JSON.

    Args:
        column: the column.
        raw: the stored bytes; None: the row lacks the column. A constant default is dumped then. A
            default that is a function is not, because its result is not a value of the row.
        key: the key of the row, for the error.

    Raises:
        CorruptRowError: the bytes do not decode.
    """
    if raw is None:
        default = column.lasting_default
        if default is None:
            return None
        raw = column.encode(default)
    form = form_of(column)
    if form is None:
        return _BYTES[DIALECT].to_json(raw)
    return form.to_json(column.read_stored(raw, key))


def from_json(column: Column[Any], value: Any, dialect: int = DIALECT) -> bytes | None:
    """Convert parsed JSON to the bytes that a row stores; null to None.

    Args:
        column: the column.
        value: the parsed JSON.
        dialect: the dialect of the line.

    Raises:
        InvalidColumnValue: the column cannot hold it; the message names the expected form.
    """
    if value is None:
        return None
    own = form_of(column)
    form = _BYTES[dialect] if own is None or own is FORMS[String] else own
    is_wrong_bool = isinstance(value, bool) and bool not in form.accepts
    if is_wrong_bool or not isinstance(value, form.accepts):
        _refuse(column, value, form.expected)
    if column.is_relation or column.is_foreign:
        # Do not look the other entity up, because it may be on a later line.
        id = int(value)  # type: ignore[call-overload]
        return b'%d' % id if id >= 0 or column.is_foreign else _refuse(column, value, form.expected)
    try:
        read = form.from_json(value)
        return read if own is None else column.encode(column.take(read))
    except InvalidColumnValue:
        raise
    except (ValueError, OverflowError, ArithmeticError):
        _refuse(column, value, form.expected)


def _refuse(column: Column[Any], value: Any, expected: str) -> NoReturn:
    text = json.dumps(value, ensure_ascii=False)
    shown = text if len(text) <= _MOST_SHOWN else text[:_MOST_SHOWN] + ' ...'
    raise InvalidColumnValue(f'{column.name}: expected {expected} or null, got {shown}')
