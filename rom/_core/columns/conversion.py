"""Conversion: the types of values that a class of columns has, and their forms.

A value has up to five forms: as the program sets it, as the column keeps it, as the row stores it,
as the index has it, and as JSON. A class of columns defines the way from one to another, and needs
no entity for that.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, NoReturn

from rom._core.columns.signatures import T
from rom._core.encoding.keygens import Keygen, Keys
from rom._core.encoding.text import show
from rom.exceptions import InvalidColumnValue

if TYPE_CHECKING:
    import datetime as dt


class Conversion(Generic[T]):
    """The half of `Column` that subclasses define: its values, and their forms."""

    name: str
    #: Python types that may be set, as for `isinstance`.
    accepts: ClassVar[type | tuple[type, ...]] = object
    #: Subclasses of `accepts` that the column refuses nevertheless.
    refuses: ClassVar[tuple[type, ...]] = ()
    #: The accepted values, as an error names them after "expected".
    kind: ClassVar[str] = 'value'
    #: A column of strings: an index of it needs a keygen.
    is_string: ClassVar[bool] = False
    #: The default keygen of a prefix or suffix index.
    whole: ClassVar[Keygen | None] = None
    #: The default keygen is that of `index`, too: only the whole string makes sense.
    is_whole: ClassVar[bool] = False
    #: A column of numbers: its index is a sorted set by score, and can be searched by ranges.
    is_numeric: ClassVar[bool] = False
    #: Several values may have the same score, and only the row tells them apart.
    is_wide: ClassVar[bool] = False
    #: The Python value can change in place, without an assignment.
    is_mutable: ClassVar[bool] = False
    can_be_unique: ClassVar[bool] = False
    #: The row holds the value. False for a column that only indexes the values of others.
    is_stored: ClassVar[bool] = True
    #: The value is an entity, and the row holds its id.
    is_relation: ClassVar[bool] = False
    #: The value is an object other than an entity, and the row holds its id.
    is_foreign: ClassVar[bool] = False
    #: The value is a set of links to entities, and the row holds their ids.
    is_links: ClassVar[bool] = False
    #: Keygens and queries get the value itself: `indexed` is not overridden.
    indexes_itself: ClassVar[bool] = True
    #: A filter takes a value as a range: `as_range` is overridden.
    takes_ranges: ClassVar[bool] = False
    #: How `sum` and `avg` add stored values on the server: 'integer' for decimal digits, 'decimal'
    #: for digits with a point; `from_total` makes the result. None: they cannot be added.
    adds: ClassVar[Literal['integer', 'decimal'] | None] = None
    #: The JSON schema of the values of `to_json`, for pydantic.
    json_schema: ClassVar[Mapping[str, Any] | None] = None

    def check(self, value: Any) -> T:
        """Return the value as the column keeps it.

        Raises:
            InvalidColumnValue: the column does not accept it.
        """
        if not isinstance(value, self.accepts) or isinstance(value, self.refuses):
            self.refuse(value)
        checked: T = value  # type: ignore[assignment]
        return checked

    def encode(self, value: T) -> bytes:
        """Return the value as the row stores it."""
        raise NotImplementedError

    def decode(self, raw: bytes) -> T:
        """Return the value that `encode` made these bytes of.

        Raises:
            ValueError: (or any error) `encode` makes no such bytes.
        """
        raise NotImplementedError

    def canonical(self, raw: bytes) -> bytes:
        """Return the same bytes for all stored forms of equal values, for `unique_together`."""
        return raw

    def default_keys(self, value: T) -> Keys:
        """Return the index entries of a value without a keygen: for numbers, the number."""
        return {'': self.number(value)}

    def number(self, value: T) -> float:
        """Return the score of a value in the index of a column that `is_numeric`."""
        raise NotImplementedError

    def shares_score(self, value: T) -> bool:
        """Return whether a filter for a value may find another value, which has the same score."""
        return not self.is_wide

    def score(self, value: Any) -> float:
        """Return the score of a value that a query asks for.

        Raises:
            InvalidColumnValue: the column does not accept the value.
        """
        return self.sortable(self.number(self.check(value)), value)

    def indexed(self, value: T) -> Any:
        """Return a value as a keygen gets it, and queries that search words."""
        return value

    def as_range(self, value: Any) -> tuple[Any, Any] | None:
        """Return the two ends of a value that a filter takes as a range, such as a network."""
        return None

    @property
    def element(self) -> Any:
        """The column of each element, as the index has it; None: the value is not a collection."""
        return None

    @property
    def every_value(self) -> tuple[T, ...] | None:
        """Tuple of all values, where there are few; a filter refuses others. None: any number."""
        return None

    def at(self, moment: dt.datetime) -> T:
        """Return the value for a moment, a datetime in UTC without a zone: for auto_now."""
        raise NotImplementedError

    def from_total(self, total: Any) -> Any:
        """Return the result of `sum` or `avg`.

        Args:
            total: the exact sum or mean, an int or a Decimal, by `adds`.
        """
        return total

    def to_json(self, value: T) -> Any:
        """Return the JSON form of a value, for dumps and pydantic; `check` accepts the form.

        A column without this method dumps the stored bytes.
        """
        raise NotImplementedError

    def from_json(self, value: Any) -> Any:
        """Return what `check` accepts for a parsed form of `to_json`: by default, the form itself.

        Raises:
            InvalidColumnValue: a part of it has another form.
        """
        return value

    def refuse(self, value: Any, why: str | None = None) -> NoReturn:
        """Raise the error for a value that the column does not accept.

        Args:
            value: the value.
            why: the rest of a sentence that begins with the value; default: its type is wrong.
        """
        if why is not None:
            problem = f'{show(value)} {why}'
        else:
            problem = f'expected {self.kind}, got {show(value)} ({type(value).__name__})'
            problem += '; try its .value' if isinstance(value, enum.Enum) else ''
        raise InvalidColumnValue(f'{self.name or type(self).__name__}: {problem}')

    def sortable(self, number: float, value: Any) -> float:
        """Return the score of a value. A NaN is refused, because it has no position in an order."""
        if math.isnan(number):
            self.refuse(value, 'is not a number, and an indexed column cannot hold NaN')
        return number
