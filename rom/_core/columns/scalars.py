"""Columns of numbers and booleans."""

from __future__ import annotations

import decimal
import math
from typing import TYPE_CHECKING, Any, Unpack, overload

from rom._core.columns.base import Column
from rom._core.columns.signatures import Bool, Exact, Int, Real
from rom._core.columns.value_limits import (
    MOST_DIGITS,
    check_digits,
    digits_of,
    has_few_digits,
)
from rom._core.encoding.keygens import Keys
from rom._core.encoding.plain_values import plain
from rom._core.encoding.scores import nearest_double
from rom._core.encoding.text import as_bytes
from rom.exceptions import InvalidColumnValue

if TYPE_CHECKING:
    from rom._core.columns.signatures import Default, IndexOptions, Yes


class Integer(Column[int, Int]):
    """An integer of up to 4,300 digits; queries are exact at any size.

    Example::

        age = rom.Integer(index=True)
    """

    accepts = int
    refuses = (bool,)
    kind = 'an int'
    is_numeric = True
    is_wide = True
    can_be_unique = True

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: Integer[int],
            required: Yes,
            default: Default[int] | None = None,
            **options: Unpack[IndexOptions],
        ) -> None: ...
        @overload
        def __init__(
            self: Integer[int],
            required: bool = False,
            *,
            default: Default[int],
            **options: Unpack[IndexOptions],
        ) -> None: ...
        @overload
        def __init__(
            self: Integer[int | None],
            required: bool = False,
            default: None = None,
            **options: Unpack[IndexOptions],
        ) -> None: ...
        def __init__(self, *args: Any, **options: Any) -> None: ...

    def check(self, value: Any) -> int:
        if type(value) is int and -_SMALL < value < _SMALL:
            return value  # the fast path for most values
        given = plain(value)
        if type(given) is int:
            if not has_few_digits(given):
                self.refuse(value, f'has more than {MOST_DIGITS} digits')
            return given
        if isinstance(given, float) and given.is_integer():
            return int(given)
        if isinstance(given, (str, bytes)):
            try:
                raw = as_bytes(given)
                check_digits(raw)
                return int(raw)
            except (ValueError, InvalidColumnValue):
                self.refuse(value)
        return super().check(value)

    def encode(self, value: int) -> bytes:
        return b'%d' % value

    def decode(self, raw: bytes) -> int:
        check_digits(raw)
        return int(raw)

    def number(self, value: int) -> float:
        return nearest_double(value)

    def score(self, value: Any) -> float:
        number = float(value) if isinstance(value, float) else nearest_double(self.check(value))
        return self.sortable(number, value)


# Smaller numbers need no count of digits.
_SMALL = 2**64


# From here on, a double stands for several integers.
_INEXACT = 2.0**53
_READS_FLOAT = frozenset((float, int, str, bytes))


class Float(Column[float, Real]):
    """A double. Ints and digits become floats; an indexed column refuses NaN.

    Example::

        score = rom.Float(index=True, default=0.0)
    """

    accepts = (float, int)
    refuses = (bool,)
    kind = 'a float or int'
    is_numeric = True

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: Float[float],
            required: Yes,
            default: Default[float] | None = None,
            **options: Unpack[IndexOptions],
        ) -> None: ...
        @overload
        def __init__(
            self: Float[float],
            required: bool = False,
            *,
            default: Default[float],
            **options: Unpack[IndexOptions],
        ) -> None: ...
        @overload
        def __init__(
            self: Float[float | None],
            required: bool = False,
            default: None = None,
            **options: Unpack[IndexOptions],
        ) -> None: ...
        def __init__(self, *args: Any, **options: Any) -> None: ...

    def check(self, value: Any) -> float:
        if type(value) is float and not math.isnan(value):
            return value  # the fast path for most values
        given = plain(value)
        try:
            double = float(given if type(given) in _READS_FLOAT else super().check(value))
        except OverflowError:
            self.refuse(value, 'is too large for a float')
        except ValueError:
            self.refuse(value)
        if self.index:
            self.sortable(double, value)
        return double

    def encode(self, value: float) -> bytes:
        return repr(value).encode('ascii')

    def decode(self, raw: bytes) -> float:
        return float(raw)

    def canonical(self, raw: bytes) -> bytes:
        if type(self).decode is not Float.decode:
            return raw
        try:
            number = float(raw) + 0.0  # -0.0 + 0.0 is 0.0
        except ValueError:
            return raw
        # No point, because rom 1.x stored an assigned int without one.
        is_short = number.is_integer() and abs(number) < _INEXACT
        return b'%d' % int(number) if is_short else repr(number).encode('ascii')

    def number(self, value: float) -> float:
        return value

    def shares_score(self, value: float) -> bool:
        return False

    def score(self, value: Any) -> float:
        return self.sortable(float(self.check(value)), value)


# The canonical form of a whole number writes out at most this many zeros at its end.
_MOST_ZEROS = 40
_READS_DECIMAL = frozenset((decimal.Decimal, int, str))


class Decimal(Column[decimal.Decimal, Exact]):
    """A decimal number, stored exactly. Floats are refused, because they are rarely exact.

    It has at most 4,300 digits, not counting the zeros that its exponent stands for.

    The index holds the nearest double, so it cannot tell apart values that differ after 15 digits.

    Example::

        price = rom.Decimal(index=True)
    """

    accepts = (decimal.Decimal, int, str)
    refuses = (bool,)
    kind = 'a Decimal, an int or a str of digits'
    is_numeric = True

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: Decimal[decimal.Decimal],
            required: Yes,
            default: Default[decimal.Decimal] | None = None,
            **options: Unpack[IndexOptions],
        ) -> None: ...
        @overload
        def __init__(
            self: Decimal[decimal.Decimal],
            required: bool = False,
            *,
            default: Default[decimal.Decimal],
            **options: Unpack[IndexOptions],
        ) -> None: ...
        @overload
        def __init__(
            self: Decimal[decimal.Decimal | None],
            required: bool = False,
            default: None = None,
            **options: Unpack[IndexOptions],
        ) -> None: ...
        def __init__(self, *args: Any, **options: Any) -> None: ...

    def check(self, value: Any) -> decimal.Decimal:
        given = plain(value)
        if type(given) is int and not has_few_digits(given):
            self.refuse(value, f'has more than {MOST_DIGITS} digits')
        try:
            number = decimal.Decimal(
                given if type(given) in _READS_DECIMAL else super().check(value)
            )
        except (decimal.InvalidOperation, ValueError):
            self.refuse(value)
        if len(str(number)) > MOST_DIGITS and digits_of(number) > MOST_DIGITS:
            self.refuse(value, f'has more than {MOST_DIGITS} digits')
        if self.index:
            self.sortable(_double(number), value)
        return number

    def encode(self, value: decimal.Decimal) -> bytes:
        return str(value).encode('ascii')

    def decode(self, raw: bytes) -> decimal.Decimal:
        check_digits(raw)
        try:
            return decimal.Decimal(raw.decode('ascii'))
        except decimal.InvalidOperation:
            raise ValueError('not a decimal number') from None

    def canonical(self, raw: bytes) -> bytes:
        try:
            number = decimal.Decimal(raw.decode('ascii'))
        except (decimal.InvalidOperation, ValueError):
            return raw
        sign, digits, exponent = number.as_tuple()
        if type(self).decode is not Decimal.decode or not isinstance(exponent, int):
            return raw
        written = ''.join(map(str, digits))
        stripped = written.rstrip('0')
        if not stripped:
            return b'0'
        exponent += len(written) - len(stripped)
        if 0 < exponent <= _MOST_ZEROS:  # 100, as rom 1.x writes it, and not 1E+2
            stripped, exponent = stripped + '0' * exponent, 0
        return str(decimal.Decimal((sign, tuple(map(int, stripped)), exponent))).encode('ascii')

    def number(self, value: decimal.Decimal) -> float:
        return float(value)

    def score(self, value: Any) -> float:
        number = float(value) if isinstance(value, float) else _double(self.check(value))
        return self.sortable(number, value)


def _double(number: decimal.Decimal) -> float:
    """Return the nearest double; a NaN for every kind of NaN."""
    return math.nan if number.is_nan() else float(number)


class Boolean(Column[bool, Bool]):
    """True or False, the truth of the assigned value; None removes the value.

    Example::

        active = rom.Boolean(index=True, default=True)
        User.query.filter(active=True)
    """

    kind = 'anything'

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: Boolean[bool],
            required: Yes,
            default: Default[bool] | None = None,
            **options: Unpack[IndexOptions],
        ) -> None: ...
        @overload
        def __init__(
            self: Boolean[bool],
            required: bool = False,
            *,
            default: Default[bool],
            **options: Unpack[IndexOptions],
        ) -> None: ...
        @overload
        def __init__(
            self: Boolean[bool | None],
            required: bool = False,
            default: None = None,
            **options: Unpack[IndexOptions],
        ) -> None: ...
        def __init__(self, *args: Any, **options: Any) -> None: ...

    def check(self, value: Any) -> bool:
        try:
            return bool(value)
        except Exception as error:
            self.refuse(value, f'has no truth value ({error})')

    def encode(self, value: bool) -> bytes:
        return b'1' if value else b''

    def decode(self, raw: bytes) -> bool:
        return bool(raw)

    def default_keys(self, value: bool) -> Keys:
        return [str(value)]

    @property
    def every_value(self) -> tuple[bool, ...]:
        return (True, False)
