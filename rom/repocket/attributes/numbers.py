"""Attributes for numbers."""

from __future__ import annotations

import decimal
from typing import Any

from rom._core import columns
from rom._core.columns.value_limits import MOST_DIGITS, has_few_digits
from rom.repocket.attributes.base import Attribute, text_from


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
