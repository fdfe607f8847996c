"""Numbers, truth values and JSON."""

from __future__ import annotations

import decimal
import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final, overload

from rom.columns.base import Column
from rom.columns.limits import (
    MOST_DEPTH,
    MOST_DIGITS,
    check_digits,
    depth_of,
    digits_of,
    has_few_digits,
)
from rom.encoding.keygens import Keys
from rom.encoding.plain import plain
from rom.encoding.scores import nearest_double
from rom.encoding.text import as_bytes
from rom.exceptions import InvalidColumnValue, InvalidOperation

if TYPE_CHECKING:
    from typing import Self

    from rom.columns.holder import Holder


class Integer(Column[int]):
    """A whole number of up to 4,300 digits. The index is exact at any size too.

    Example::

        age = rom.Integer(index=True)
    """

    accepts = int
    refuses = (bool,)
    kind = 'an int'
    is_numeric = True
    is_wide = True
    can_be_unique = True

    def check(self, value: Any) -> int:
        if type(value) is int and -_SMALL < value < _SMALL:
            return value  # as most are
        given = plain(value)
        if type(given) is int:
            if not has_few_digits(given):
                self.refuse(value, f'has too many digits; {MOST_DIGITS} are the most')
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


# What is less than this has few digits.
_SMALL = 2**64


# From here on, a double stands for several integers.
_INEXACT = 2.0**53
_READS_FLOAT = frozenset((float, int, str, bytes))


class Float(Column[float]):
    """A double. Ints and digits are taken too, and become floats. No NaN in an index.

    Example::

        score = rom.Float(index=True, default=0.0)
    """

    accepts = (float, int)
    refuses = (bool,)
    kind = 'a float or int'
    is_numeric = True

    def check(self, value: Any) -> float:
        if type(value) is float and not math.isnan(value):
            return value  # as most are
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
        # Without a point, as rom 1.x stored an int that was set.
        is_short = number.is_integer() and abs(number) < _INEXACT
        return b'%d' % int(number) if is_short else repr(number).encode('ascii')

    def number(self, value: float) -> float:
        return value

    def score(self, value: Any) -> float:
        return self.sortable(float(self.check(value)), value)


# So many zeros at the end of a whole number are written out where equal ones must look alike.
_MOST_ZEROS = 40
_READS_DECIMAL = frozenset((decimal.Decimal, int, str))


class Decimal(Column[decimal.Decimal]):
    """A decimal number, kept digit by digit. Floats are refused: they seldom are what they say.

    It has 4,300 digits at most, not counting zeros that an exponent stands for.

    The index holds the nearest double, so values that differ only past 15 digits are one to it.

    Example::

        price = rom.Decimal(index=True)
    """

    accepts = (decimal.Decimal, int, str)
    refuses = (bool,)
    kind = 'a Decimal, an int or their digits'
    is_numeric = True

    def check(self, value: Any) -> decimal.Decimal:
        given = plain(value)
        if type(given) is int and not has_few_digits(given):
            self.refuse(value, f'has too many digits; {MOST_DIGITS} are the most')
        try:
            number = decimal.Decimal(
                given if type(given) in _READS_DECIMAL else super().check(value)
            )
        except (decimal.InvalidOperation, ValueError):
            self.refuse(value)
        if len(str(number)) > MOST_DIGITS and digits_of(number) > MOST_DIGITS:
            self.refuse(value, f'has too many digits; {MOST_DIGITS} are the most')
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
        if 0 < exponent <= _MOST_ZEROS:  # 100, as rom 1.x has it, and not 1E+2
            stripped, exponent = stripped + '0' * exponent, 0
        return str(decimal.Decimal((sign, tuple(map(int, stripped)), exponent))).encode('ascii')

    def number(self, value: decimal.Decimal) -> float:
        return float(value)

    def score(self, value: Any) -> float:
        number = float(value) if isinstance(value, float) else _double(self.check(value))
        return self.sortable(number, value)


def _double(number: decimal.Decimal) -> float:
    """The nearest double; of every kind of NaN, a NaN."""
    return math.nan if number.is_nan() else float(number)


class Boolean(Column[bool]):
    """True or False, by the truth of what is set; None is no value.

    Example::

        active = rom.Boolean(index=True, default=True)
        User.query.filter(active=True)
    """

    kind = 'anything'

    def check(self, value: Any) -> bool:
        try:
            return bool(value)
        except Exception as error:
            self.refuse(value, f'is neither true nor false ({error})')

    def encode(self, value: bool) -> bytes:
        return b'1' if value else b''

    def decode(self, raw: bytes) -> bool:
        return bool(raw)

    def default_keys(self, value: bool) -> Keys:
        return [str(value)]


class Json(Column[Any]):
    """A dict, list or tuple, stored as JSON. A change inside it is found when it is saved.

    Lists and dicts may lie 200 deep in one another.

    Example::

        settings = rom.Json(default=dict)
    """

    accepts = (dict, list, tuple)
    kind = 'a dict, list or tuple'
    is_mutable: ClassVar[bool] = True

    @overload
    def __get__(self, entity: None, owner: type) -> Self: ...
    @overload
    def __get__(self, entity: Holder, owner: type | None = None) -> Any | None: ...
    def __get__(self, entity: Holder | None, owner: type | None = None) -> Self | Any | None:
        if entity is None:
            return self
        value = super().__get__(entity, owner)
        if value is not None:
            entity._look_into()  # the program may change it in place
        return value

    def check(self, value: Any) -> Any:
        self.encode(super().check(value))
        return value

    def encode(self, value: Any) -> bytes:
        try:
            raw = json.dumps(value, sort_keys=True).encode('ascii')
        except (TypeError, ValueError, RecursionError) as error:
            self.refuse(value, f'is nothing that JSON can say ({error})')
        # Counting brackets takes next to no time; few values have that many.
        if raw.count(b'[') + raw.count(b'{') > MOST_DEPTH and (
            depth_of(value, MOST_DEPTH) > MOST_DEPTH
        ):
            self.refuse(value, f'lies too deep; {MOST_DEPTH} lists and dicts in one another may be')
        return raw

    def decode(self, raw: bytes) -> Any:
        return json.loads(raw)


#: The attribute under which an entity has its id, whatever the primary key is called.
OWN_ID: Final = '_id'


class PrimaryKey(Integer):
    """The entity's id: a number that the server hands out, in the order of creation.

    A model without one gets ``id = PrimaryKey()``. Queries filter and sort by it without an index;
    ``index=True`` is for data that rom 1.x writes at the same time, where ids are far apart.

    Example::

        number = rom.PrimaryKey()
        User.query.filter(number=(1000, None)).order_by('-number')
    """

    can_be_unique = False

    #: Made for a model that declares none; a subclass may put its own in its place.
    is_automatic = False

    def __init__(self, index: bool = False) -> None:
        super().__init__(index=index)

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
            f'{type(entity).__name__}.{self.name} is the primary key, which the server gives; '
            'it cannot be set'
        )

    def initial(self, entity: Any, given: Mapping[str, Any]) -> int | None:
        if given.get(self.name) is not None:
            raise InvalidColumnValue(self._given_by_server(entity))
        return None


class _KeyCalledLikeOurs(PrimaryKey):
    """A primary key of the name under which entities have their id: it is that attribute.

    A key of another name takes an id when it is read. Of this one nobody can tell who reads it, so
    a new entity takes its id at once, as in rom 1.x; under an AsyncSession it is None until then.
    """

    @overload
    def __get__(self, entity: None, owner: type) -> Self: ...
    @overload
    def __get__(self, entity: Holder, owner: type | None = None) -> int | None: ...
    def __get__(self, entity: Holder | None, owner: type | None = None) -> Self | int | None:
        return self if entity is None else vars(entity).get(OWN_ID)

    def __set__(self, entity: Holder, value: int | None) -> None:
        if vars(entity).get(OWN_ID, value) not in (None, value):
            raise InvalidOperation(self._given_by_server(entity))
        vars(entity)[OWN_ID] = value
