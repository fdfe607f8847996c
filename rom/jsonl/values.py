"""Conversion of a column's values to JSON, and back. Pure.

====================================  ===========================================================
column                                JSON
====================================  ===========================================================
Integer, PrimaryKey                   a number, with all its digits
Float                                 a number; "inf", "-inf" and "nan" as strings
Decimal                               its digits, as a string
Boolean                               true, false
DateTime, SaferDateTime, ExpireAt     ISO 8601 in UTC, as in "2030-01-31T12:00:00.000001"
Date, Time                            "2030-01-31", "12:00:00.000001"
Text                                  a string
String                                a string with a character for each byte (latin-1)
Json                                  the object or the list itself
ManyToOne, OneToOne, ForeignModel     the id, a number
a column class of the program         as its base class; if it overrides encode or decode: the
                                      stored bytes, as a String
====================================  ===========================================================

null means that there is no value. Any other form is refused, and never guessed at.
"""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from rom._core.columns import (
    Boolean,
    Column,
    Date,
    DateTime,
    Decimal,
    Float,
    ForeignModel,
    Integer,
    Json,
    ManyToOne,
    OneToOne,
    String,
    Text,
    Time,
)
from rom.exceptions import InvalidColumnValue

_SHOWN = 80
_ODD_FLOATS = ('inf', '-inf', 'nan')


@dataclass(frozen=True, slots=True)
class Kind:
    """The JSON form of the values of a column type.

    Attributes:
        takes: the Python types of the parsed JSON that are accepted.
        form: the accepted form, in words, for errors.
        write: converts a Python value for JSON.
        read: converts parsed JSON to a Python value, which the column then checks.
    """

    takes: tuple[type, ...]
    form: str
    write: Callable[[Any], Any] = lambda value: value
    read: Callable[[Any], Any] = lambda value: value


def _write_float(value: float) -> Any:
    return value if math.isfinite(value) else repr(value)


def _read_float(value: Any) -> float:
    if isinstance(value, str) and value not in _ODD_FLOATS:
        raise ValueError
    return float(value)


def _latin(value: bytes) -> str:
    return value.decode('latin-1')


def _bytes(value: str) -> bytes:
    return value.encode('latin-1')


_MOMENT = Kind(
    (str,),
    'a date and time like "2030-01-31T12:00:00" (UTC without a zone)',
    dt.datetime.isoformat,
    dt.datetime.fromisoformat,
)
_ID = Kind((int,), 'an integer id', lambda value: value.id)

# By class; for a subclass, the first of its base classes counts.
KINDS: dict[type[Any], Kind] = {
    Integer: Kind((int,), 'an integer'),
    Float: Kind((int, float, str), 'a number, or "inf", "-inf", "nan"', _write_float, _read_float),
    Decimal: Kind((str,), 'a decimal number in quotes like "12.50"', str),
    Boolean: Kind((bool,), 'true or false'),
    DateTime: _MOMENT,
    Date: Kind((str,), 'a date like "2030-01-31"', dt.date.isoformat, dt.date.fromisoformat),
    Time: Kind((str,), 'a time like "12:00:00"', dt.time.isoformat, dt.time.fromisoformat),
    Text: Kind((str,), 'a string'),
    String: Kind((str,), 'a string of characters up to U+00FF, one a byte', _latin, _bytes),
    Json: Kind((dict, list), 'an object or a list'),
    ManyToOne: _ID,
    OneToOne: _ID,
    ForeignModel: _ID,
}


def kind_of(column: Column[Any]) -> Kind | None:
    """Return the JSON form of a column; None where a subclass overrides how it is stored."""
    own = type(column)
    base = next((base for base in own.__mro__ if base in KINDS), None)
    if base is None or (own.encode, own.decode) != (base.encode, base.decode):
        return None
    return KINDS[base]


def written(column: Column[Any], raw: bytes | None, key: str) -> Any:
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
    kind = kind_of(column)
    return _latin(raw) if kind is None else kind.write(column.read_stored(raw, key))


def read(column: Column[Any], said: Any) -> bytes | None:
    """Convert parsed JSON to the bytes that a row stores; null to None.

    Raises:
        InvalidColumnValue: the column cannot hold it; the message says which form it expects.
    """
    if said is None:
        return None
    kind = kind_of(column)
    if kind is None:
        return _bytes(said) if isinstance(said, str) else _refuse(column, said, 'a string')
    is_number = bool not in kind.takes and isinstance(said, bool)
    if not isinstance(said, kind.takes) or is_number:
        _refuse(column, said, kind.form)
    if column.is_relation or column.is_foreign:
        # Do not look the other entity up, because it may be on a later line.
        id = int(said)  # type: ignore[call-overload]
        return b'%d' % id if id >= 0 or column.is_foreign else _refuse(column, said, kind.form)
    try:
        return column.encode(column.check(kind.read(said)))
    except InvalidColumnValue:
        raise
    except (ValueError, OverflowError, ArithmeticError):
        _refuse(column, said, kind.form)


def _refuse(column: Column[Any], said: Any, form: str) -> NoReturn:
    text = json.dumps(said, ensure_ascii=False)
    shown = text if len(text) <= _SHOWN else text[:_SHOWN] + ' ...'
    raise InvalidColumnValue(f'{column.name}: expected {form} or null, got {shown}')
