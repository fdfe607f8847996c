"""Values: what a column holds, as JSON says it, and back. Pure.

====================================  ===========================================================
column                                JSON
====================================  ===========================================================
Integer, PrimaryKey                   a number, with all its digits
Float                                 a number; "inf", "-inf" and "nan" as text
Decimal                               its digits, as text
Boolean                               true, false
DateTime, SaferDateTime, ExpireAt     ISO 8601 in UTC, as in "2030-01-31T12:00:00.000001"
Date, Time                            "2030-01-31", "12:00:00.000001"
Text                                  text
String                                text, a character for each byte (latin-1)
Json                                  what it is
ManyToOne, OneToOne, ForeignModel     the id, a number
a class of the program's own          as what it inherits from; one that stores something of its
                                      own: the stored bytes, as a String
====================================  ===========================================================

No value is null. What a line does not say so exactly is refused, rather than guessed.
"""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from rom.columns import (
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
    """How values of a kind of column are said in JSON.

    Attributes:
        takes: the types that JSON may have for it.
        form: what they are, in words.
        write: the Python value as JSON has it.
        read: the other way round; what the column itself then checks.
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
    'a date and time as in "2030-01-31T12:00:00" (UTC, if it has no zone)',
    dt.datetime.isoformat,
    dt.datetime.fromisoformat,
)
_ID = Kind((int,), 'an id, a number', lambda value: value.id)

# The first class among a column's own and those that it inherits from.
KINDS: dict[type[Any], Kind] = {
    Integer: Kind((int,), 'a whole number'),
    Float: Kind((int, float, str), 'a number, or "inf", "-inf", "nan"', _write_float, _read_float),
    Decimal: Kind((str,), 'the digits of a decimal number in quotes, as in "12.50"', str),
    Boolean: Kind((bool,), 'true or false'),
    DateTime: _MOMENT,
    Date: Kind((str,), 'a date as in "2030-01-31"', dt.date.isoformat, dt.date.fromisoformat),
    Time: Kind((str,), 'a time as in "12:00:00"', dt.time.isoformat, dt.time.fromisoformat),
    Text: Kind((str,), 'text'),
    String: Kind((str,), 'text with a character up to U+00FF for each byte', _latin, _bytes),
    Json: Kind((dict, list), 'an object or a list'),
    ManyToOne: _ID,
    OneToOne: _ID,
    ForeignModel: _ID,
}


def kind_of(column: Column[Any]) -> Kind | None:
    """How a column's values are said; None for one that stores something of its own."""
    own = type(column)
    base = next((base for base in own.__mro__ if base in KINDS), None)
    if base is None or (own.encode, own.decode) != (base.encode, base.decode):
        return None
    return KINDS[base]


def written(column: Column[Any], raw: bytes | None, key: str) -> Any:
    """What a row holds, as JSON has it.

    Args:
        column: whose value.
        raw: as the row has it; None: the row lacks the column. A default that is a value is dumped
            then. What a function makes is not, for it is no value of the row.
        key: the row's, for the error.

    Raises:
        CorruptRowError: it does not decode.
    """
    if raw is None:
        default = column.lasting_default
        if default is None:
            return None
        raw = column.encode(default)
    kind = kind_of(column)
    return _latin(raw) if kind is None else kind.write(column.read_stored(raw, key))


def read(column: Column[Any], said: Any) -> bytes | None:
    """What the row is to hold, by what JSON says.

    Raises:
        InvalidColumnValue: that is nothing that the column holds; says what it should be.
    """
    if said is None:
        return None
    kind = kind_of(column)
    if kind is None:
        return _bytes(said) if isinstance(said, str) else _refuse(column, said, 'text')
    is_number = bool not in kind.takes and isinstance(said, bool)
    if not isinstance(said, kind.takes) or is_number:
        _refuse(column, said, kind.form)
    if column.is_relation or column.is_foreign:
        # Without looking for the other one, which may be on a later line.
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
    raise InvalidColumnValue(f'{column.name}: {shown}: it must be {form}, or null')
