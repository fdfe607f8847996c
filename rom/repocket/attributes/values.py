"""Attributes of values: text, bytes, numbers, datetimes and JSON."""

from __future__ import annotations

import datetime as dt
import decimal
import json
from typing import Any, NoReturn

from rom._core import columns
from rom._core.columns.value_limits import MOST_DIGITS, has_few_digits
from rom._core.encoding.keygens import IDENTITY
from rom._core.encoding.text import as_bytes
from rom.exceptions import InvalidOperation
from rom.repocket.attributes.base import Attribute, text_from
from rom.repocket.codec import read_value

# The most levels of lists and dicts in a JSON value.
_DEEPEST = 200


class Unicode(Attribute):
    """Attribute of str; bytes are decoded."""

    base_type = str
    empty = ''

    def _cast(self, value: Any) -> str:
        if isinstance(value, str):
            as_bytes(value)
            return value
        if isinstance(value, bytes):
            return value.decode(self.encoding)
        self.refuse(value, 'str or bytes')

    def _write(self, value: str) -> bytes:
        return as_bytes(value)

    def _read(self, text: bytes) -> str:
        return text.decode('utf-8')

    def column(self) -> columns.Column[Any]:
        return columns.Text(index=True, keygen=IDENTITY)


class Bytes(Attribute):
    """Attribute of bytes; text is encoded with the attribute's encoding."""


class ByteStream(Attribute):
    """Attribute of bytes with a key of its own, to which ``record.append_NAME(data)`` appends.

    It is loaded on first access. To see what other programs have appended since, load the record
    again with ``Model.objects.get``.

    Example::

        class Build(ActiveRecord):
            stdout = attributes.ByteStream()

        build.append_stdout(b'done\\n')
    """

    can_be_indexed = False
    is_stream = True

    def column(self) -> NoReturn:
        raise InvalidOperation(f'{self.name}: a ByteStream has no index')


class Integer(Attribute):
    """Attribute of integers of at most 4,300 digits, as Python reads by default."""

    base_type = int
    empty = 0
    is_ordered = True

    def _cast(self, value: Any) -> int:
        is_whole = isinstance(value, float) and value.is_integer()
        if not (is_whole or isinstance(value, (int, str, bytes))):
            self.refuse(value, 'an integer')
        number = int(value)
        if not has_few_digits(number):
            self.refuse(value, f'an integer of at most {MOST_DIGITS:,} digits')
        return number

    def _write(self, value: int) -> bytes:
        return b'%d' % value

    def _read(self, text: bytes) -> int:
        return int(text.rstrip(b'L'))

    def column(self) -> columns.Column[Any]:
        return columns.Integer(index=True)


class Float(Attribute):
    """Attribute of floats."""

    base_type = float
    empty = 0.0
    is_ordered = True

    def _cast(self, value: Any) -> float:
        if isinstance(value, (int, float, str, bytes)):
            return float(value)
        self.refuse(value, 'a number')

    def _write(self, value: float) -> bytes:
        return repr(value).encode('ascii')

    def _read(self, text: bytes) -> float:
        return float(text)

    def column(self) -> columns.Column[Any]:
        return columns.Float(index=True)

    def identity(self, value: float) -> bytes:
        return self._write(value + 0.0)  # -0.0 is equal to 0.0


class Decimal(Attribute):
    """Attribute of decimal numbers; all digits are kept.

    Floats are refused, because most of them only approximate the decimal number that was meant.
    """

    base_type = decimal.Decimal
    empty = decimal.Decimal('0')
    is_ordered = True

    def _cast(self, value: Any) -> decimal.Decimal:
        if isinstance(value, (decimal.Decimal, int)):
            return decimal.Decimal(value)
        if isinstance(value, (str, bytes)):
            return decimal.Decimal(text_from(value))
        self.refuse(value, 'Decimal, int or text; convert a float to text first')

    def _write(self, value: decimal.Decimal) -> bytes:
        return str(value).encode('ascii')

    def _read(self, text: bytes) -> decimal.Decimal:
        return decimal.Decimal(text_from(text))

    def column(self) -> columns.Column[Any]:
        return columns.Decimal(index=True)

    def identity(self, value: decimal.Decimal) -> bytes:
        if not value.is_finite():
            return self._write(value)
        sign, digits, exponent = value.as_tuple()
        assert isinstance(exponent, int)
        digits_only = ''.join(map(str, digits)).lstrip('0')
        bare = digits_only.rstrip('0')
        if not bare:
            return b'0'
        return f'{"-" * sign}{bare}E{exponent + len(digits_only) - len(bare)}'.encode('ascii')


class DateTime(Attribute):
    """Attribute of datetimes, stored as ISO 8601. Comparisons treat naive datetimes as UTC.

    Args:
        auto_now: set it to the current time at each save, as a naive datetime in UTC.
        null: None is a valid value.
        default: the value of new records that get none, or a function that makes it.
        index: keep an index, by which ``filter`` and ``get_by`` find records.
        unique: refuse a value that another record has.

    Example::

        started_at = attributes.DateTime()
    """

    base_type = dt.datetime
    empty = None
    has_null_words = True
    is_ordered = True

    def __init__(
        self,
        auto_now: bool = False,
        null: bool = False,
        default: Any = None,
        *,
        index: bool = False,
        unique: bool = False,
    ) -> None:
        super().__init__(null, default, index=index, unique=unique)
        self.auto_now = bool(auto_now)

    def _cast(self, value: Any) -> dt.datetime:
        if isinstance(value, dt.datetime):
            return value
        if isinstance(value, (str, bytes)):
            return dt.datetime.fromisoformat(text_from(value))
        self.refuse(value, 'a datetime or ISO 8601 text')

    def _write(self, value: dt.datetime) -> bytes:
        return value.isoformat().encode('ascii')

    def _read(self, text: bytes) -> dt.datetime:
        return dt.datetime.fromisoformat(text_from(text))

    def column(self) -> columns.Column[Any]:
        return columns.DateTime(index=True)

    def comparable(self, value: dt.datetime) -> dt.datetime:
        return in_utc(value)

    def identity(self, value: dt.datetime) -> bytes:
        return self._write(in_utc(value))


def in_utc(value: dt.datetime) -> dt.datetime:
    """Return an aware datetime in UTC, so that any two can be compared.

    >>> in_utc(dt.datetime(2024, 1, 2)).isoformat()
    '2024-01-02T00:00:00+00:00'
    """
    if value.utcoffset() is None:
        return value.replace(tzinfo=dt.UTC)
    try:
        return value.astimezone(dt.UTC)
    except OverflowError:
        # Within a day of year 1 or 9999, the time in UTC may be outside the range of datetime.
        return value


class JSON(Attribute):
    """Attribute of lists, dicts with str keys, str, numbers and booleans, up to 200 levels deep.

    A save notices changes inside a value. A tuple is loaded as a list. Python literals in old data
    are read; the next save that changes them writes JSON.
    """

    base_type = object
    empty = None
    can_be_indexed = False

    def _cast(self, value: Any) -> Any:
        self._write(value)
        return value

    def _write(self, value: Any) -> bytes:
        _check(self, value, 0)
        return as_bytes(json.dumps(value))

    def _read(self, text: bytes) -> Any:
        return read_value(text.decode('utf-8'))

    def column(self) -> NoReturn:
        raise InvalidOperation(f'{self.name}: a JSON attribute has no index')


def _check(attribute: JSON, value: Any, depth: int) -> None:
    """Raise for values that JSON would change, such as keys that are not str."""
    if depth > _DEEPEST:
        attribute.refuse(value, f'at most {_DEEPEST} levels of lists and dicts')
    if isinstance(value, dict):
        for name, item in value.items():
            if not isinstance(name, str):
                attribute.refuse(name, 'a str as key')
            _check(attribute, item, depth + 1)
    elif isinstance(value, (list, tuple)):
        for item in value:
            _check(attribute, item, depth + 1)
    elif not (value is None or isinstance(value, (str, int, float))):
        attribute.refuse(value, 'dict, list, str, int, float, bool or None')
