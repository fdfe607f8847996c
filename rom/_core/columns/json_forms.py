"""JSON forms: the value of each type of column in JSON, for dumps and for pydantic. Pure.

====================================  ===========================================================
column                                JSON
====================================  ===========================================================
Integer, PrimaryKey                   a number, with all its digits
Float                                 a number; "Infinity", "-Infinity" and "NaN" as strings
Decimal                               its digits, as a string
Boolean                               true, false
DateTime, SaferDateTime, ExpireAt     ISO 8601 in UTC, as in "2030-01-31T12:00:00.000001Z"
Date, Time                            "2030-01-31", "12:00:00.000001"
Text                                  a string
String                                base64, as in "/w=="
Json                                  the object or the list itself
ManyToOne, OneToOne, ForeignModel     the id, a number
List, Set                             an array of the forms of the elements
Typed                                 the JSON that pydantic writes
Enum, UUID, Duration, IPAddress       the result of the column's method `to_json`
====================================  ===========================================================

This is dialect 2. In dialect 1, which rom wrote before, a String has a character for each byte
(latin-1), a datetime has no Z, and a Float may be "inf", "-inf" or "nan". Only the String could be
mistaken, so all other forms of dialect 1 are read in dialect 2 as well.

pydantic writes most of these types so by itself. A test compares both. They differ in one place: a
NaN or infinite number inside a Json is a string in pydantic. A line has it without quotes, as
Python's json does, so that a load gives the number again.
"""

from __future__ import annotations

import base64
import datetime as dt
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final

from rom._core.columns.base import Column
from rom._core.columns.foreign import ForeignModel
from rom._core.columns.mutable import Json
from rom._core.columns.relations import ManyToOne, OneToOne
from rom._core.columns.scalars import Boolean, Decimal, Float, Integer
from rom._core.columns.temporal import Date, DateTime, Time
from rom._core.columns.text import String, Text

#: The dialect that is written.
DIALECT: Final = 2

_NOT_FINITE = {'inf': 'Infinity', '-inf': '-Infinity', 'nan': 'NaN'}


@dataclass(frozen=True, slots=True)
class JsonForm:
    """The JSON form of the values of a column type.

    Attributes:
        accepts: the Python types of the parsed JSON that are accepted.
        expected: the accepted form, in words, for errors.
        to_json: converts a Python value for JSON.
        from_json: converts parsed JSON to a Python value, which the column then checks. Raises
            ValueError for another form.
    """

    accepts: tuple[type, ...]
    expected: str
    to_json: Callable[[Any], Any] = lambda value: value
    from_json: Callable[[Any], Any] = lambda value: value


def _write_float(value: float) -> float | str:
    return value if math.isfinite(value) else _NOT_FINITE[repr(value)]


def _read_float(value: float | str) -> float:
    if isinstance(value, str) and value not in (*_NOT_FINITE, *_NOT_FINITE.values()):
        raise ValueError(value)
    return float(value)


def _write_datetime(value: dt.datetime) -> str:
    # Many readers take a text without a zone for local time.
    return f'{value.replace(tzinfo=None).isoformat()}Z'


def _read_datetime(value: str) -> dt.datetime:
    if not value.endswith('Z'):
        return dt.datetime.fromisoformat(value)
    # Without the Z it is in UTC as well, and the column need not convert it.
    moment = dt.datetime.fromisoformat(value[:-1])
    if moment.tzinfo is not None:
        raise ValueError(value)
    return moment


def _read_aware(value: str) -> dt.datetime:
    moment = dt.datetime.fromisoformat(value)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=dt.UTC)


def _write_bytes(value: bytes) -> str:
    return base64.b64encode(value).decode('ascii')


def _read_bytes(value: str) -> bytes:
    return base64.b64decode(value, validate=True)


_ID = JsonForm((int,), 'an integer id', lambda value: value.id)

#: The form of a column's class, or of its nearest base.
FORMS: Final[dict[type[Any], JsonForm]] = {
    Integer: JsonForm((int,), 'an integer'),
    Float: JsonForm(
        (int, float, str),
        'a number, or "Infinity", "-Infinity", "NaN"',
        _write_float,
        _read_float,
    ),
    Decimal: JsonForm((str,), 'a decimal number in quotes like "12.50"', str),
    Boolean: JsonForm((bool,), 'true or false'),
    DateTime: JsonForm(
        (str,),
        'a date and time like "2030-01-31T12:00:00Z"',
        _write_datetime,
        _read_datetime,
    ),
    Date: JsonForm((str,), 'a date like "2030-01-31"', dt.date.isoformat, dt.date.fromisoformat),
    Time: JsonForm((str,), 'a time like "12:00:00"', dt.time.isoformat, dt.time.fromisoformat),
    Text: JsonForm((str,), 'a string'),
    String: JsonForm((str,), 'bytes in base64', _write_bytes, _read_bytes),
    Json: JsonForm((dict, list), 'an object or a list'),
    ManyToOne: _ID,
    OneToOne: _ID,
    ForeignModel: _ID,
}

# The form of a DateTime with tz=True: dialect 1 has no zone, but the column asks for one.
_AWARE: Final = replace(FORMS[DateTime], from_json=_read_aware)

#: The form of bytes in dialect 1, which is read only.
BYTES_OF_DIALECT_1: Final = JsonForm(
    (str,),
    'a string of characters up to U+00FF, one a byte',
    from_json=lambda value: value.encode('latin-1'),
)


def form_of(column: Column[Any]) -> JsonForm | None:
    """Return the JSON form of a column; None where a subclass overrides how it is stored.

    A column that has the method `to_json` has the form that this gives.
    """
    own: type[Any] = type(column)
    if own.to_json is not Column.to_json:
        return JsonForm(
            (str, int, float, bool, list, dict), column.kind, column.to_json, column.from_json
        )
    if isinstance(column, DateTime) and column.zone is not None:
        return _AWARE
    return _form_of_class(own)  # type: ignore[arg-type]


@lru_cache
def _form_of_class(own: type[Column[Any]]) -> JsonForm | None:
    base = next((base for base in own.__mro__ if base in FORMS), None)
    if base is None or (own.encode, own.decode) != (base.encode, base.decode):
        return None
    return FORMS[base]
