"""Columns of numbers, booleans and JSON, and the primary key."""

from __future__ import annotations

import decimal
import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Unpack, overload

from rom._core.columns.base import Column
from rom._core.columns.mutable import Mutable
from rom._core.columns.signatures import Bool, Document, Exact, Int, Real
from rom._core.columns.value_limits import (
    MOST_DEPTH,
    MOST_DIGITS,
    check_digits,
    depth_of,
    digits_of,
    has_few_digits,
)
from rom._core.encoding.keygens import Keys
from rom._core.encoding.plain_values import plain
from rom._core.encoding.scores import nearest_double
from rom._core.encoding.text import as_bytes
from rom.exceptions import InvalidColumnValue, InvalidOperation

if TYPE_CHECKING:
    from typing import Never, Self

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


class Json(Mutable[Any, Document]):
    """A dict, list or tuple, stored as JSON. Saving the entity finds changes inside it.

    Lists and dicts may be nested 200 deep.

    Example::

        settings = rom.Json(default=dict)
    """

    accepts = (dict, list, tuple)
    kind = 'a dict, list or tuple'

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: Json[Any],
            required: Yes,
            default: Default[Any] | None = None,
            **options: Unpack[IndexOptions],
        ) -> None: ...
        @overload
        def __init__(
            self: Json[Any],
            required: bool = False,
            *,
            default: Default[Any],
            **options: Unpack[IndexOptions],
        ) -> None: ...
        @overload
        def __init__(
            self: Json[Any | None],
            required: bool = False,
            default: None = None,
            **options: Unpack[IndexOptions],
        ) -> None: ...
        def __init__(self, *args: Any, **options: Any) -> None: ...

    def check(self, value: Any) -> Any:
        self.encode(super().check(value))
        return value

    def encode(self, value: Any) -> bytes:
        try:
            raw = json.dumps(value, sort_keys=True).encode('ascii')
        except (TypeError, ValueError, RecursionError) as error:
            self.refuse(value, f'cannot be written as JSON ({error})')
        # Counting brackets is cheap, and few values have enough of them to measure their depth.
        if raw.count(b'[') + raw.count(b'{') > MOST_DEPTH and (
            depth_of(value, MOST_DEPTH) > MOST_DEPTH
        ):
            self.refuse(value, f'nests lists and dicts too deep; at most {MOST_DEPTH} levels')
        return raw

    def decode(self, raw: bytes) -> Any:
        return json.loads(raw)


#: The attribute that holds the id of an entity, whatever the name of the primary key.
OWN_ID: Final = '_id'


class PrimaryKey(Integer[int]):
    """The entity's id: a number from the counter of the model, in the order of creation.

    A model without one gets ``id = PrimaryKey()``. Queries filter and sort by it without an index;
    ``index=True`` is for data that rom 1.x writes at the same time, where ids are far apart.

    Example::

        number = rom.PrimaryKey()
        User.query.filter(number=(1000, None)).order_by('-number')
    """

    can_be_unique = False

    #: True for the key that rom adds to a model without one; a subclass may replace it.
    is_automatic = False

    def __init__(self, index: bool = False) -> None:
        super().__init__(index=index)

    if TYPE_CHECKING:

        def __set__(self, entity: object, value: Never) -> None: ...  # type: ignore[override]

    def __set_name__(self, owner: type, name: str) -> None:
        super().__set_name__(owner, name)
        if name == OWN_ID:
            self.__class__ = _KeyCalledLikeOurs

    def _read(self, entity: Any) -> int | None:
        found: int | None = entity._need_id()
        return found

    def prepare(self, entity: Any, value: Any) -> int | None:
        raise InvalidOperation(self._given_by_server(entity))

    def _given_by_server(self, entity: Any) -> str:
        return (
            f'{type(entity).__name__}.{self.name} is the primary key and cannot be assigned; '
            'the counter of the model gives it'
        )

    def initial(self, entity: Any, given: Mapping[str, Any]) -> int | None:
        if given.get(self.name) is not None:
            raise InvalidColumnValue(self._given_by_server(entity))
        return None


class _KeyCalledLikeOurs(PrimaryKey):
    """A primary key whose name is that of the attribute in which rom itself keeps the id.

    A key of another name takes an id when the program reads it. Here rom reads the same attribute,
    so a read does not say that the program needs an id. A new entity takes its id at once, as in
    rom 1.x; under an AsyncSession the id stays None until the entity is saved.
    """

    @overload
    def __get__(self, entity: None, owner: type) -> Self: ...
    @overload
    def __get__(self, entity: object, owner: type | None = None) -> int: ...
    def __get__(self, entity: Any, owner: type | None = None) -> Any:
        return self if entity is None else vars(entity).get(OWN_ID)

    def __set__(self, entity: Any, value: Any) -> None:
        if vars(entity).get(OWN_ID, value) not in (None, value):
            raise InvalidOperation(self._given_by_server(entity))
        vars(entity)[OWN_ID] = value
