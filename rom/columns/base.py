"""What all columns have in common: the descriptor, the options, and the checks on them.

A column object is written once, in a class body, and shared by the subclasses that inherit it; so
it knows its name, but no namespace. What depends on the namespace is in the model's schema.

An entity keeps two dicts: `_stored`, the encoded values that Redis is known to have, and `_values`,
the Python values that were read or set. A value is decoded when it is first read.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NoReturn, TypeVar, overload

from rom.columns.arithmetic import Computable
from rom.columns.expressions import Comparable
from rom.encoding.keygens import Keygen, Keys, traits
from rom.encoding.text import show
from rom.exceptions import (
    ColumnError,
    CorruptRowError,
    InvalidColumnValue,
    InvalidOperation,
    MissingColumn,
)

if TYPE_CHECKING:
    from typing import Self

    from rom.columns.holder import Holder, Keyed

T = TypeVar('T')

KEYGEN_NAMES = (
    'FULL_TEXT, IDENTITY, IDENTITY_CI, IDENTITY_STRING, IDENTITY_STRING_CI, SIMPLE, SIMPLE_CI'
)


def of_model(error: InvalidColumnValue, name: str) -> InvalidColumnValue:
    """Return an error about a column's value, whose message begins with the model's name."""
    if not isinstance(error, UnicodeEncodeError):
        return InvalidColumnValue(f'{name}.{error}')
    error.message = f'{name}.{error}'  # type: ignore[attr-defined]
    return error


class Column(Comparable, Computable, Generic[T]):
    """The base of all columns.

    Args:
        required: a value must be there when an entity is made or saved.
        default: the value of a new entity that is given none, or a function without arguments
            that makes it.
        unique: no two entities have the same value. For strings and integers. An empty string is
            no value here, as in rom 1.x: several entities may have it, required or not.
        index: the values can be searched with ``filter`` and ``get_by``, numbers also in ranges.
        keygen: ``keygen(value)`` gives what to index; strings with ``index=True`` need one. With
            ``prefix`` or ``suffix`` alone it is the whole string. See :mod:`rom.encoding.keygens`.
        prefix: ``startswith`` and ``like`` work.
        suffix: ``endswith`` works.
        keygen2: ``keygen2(column_name, values)``, instead of keygen, sees the values of
            all columns.

    Raises:
        ColumnError: options that do not go together.

    Example::

        class User(rom.Model):
            email = rom.Text(required=True, unique=True)
            age = rom.Integer(index=True)
    """

    #: Python types that may be set, as `isinstance` takes them.
    accepts: ClassVar[type | tuple[type, ...]] = object
    #: Python types that `accepts` covers and the column refuses all the same.
    refuses: ClassVar[tuple[type, ...]] = ()
    #: What an error calls the values that may be set.
    kind: ClassVar[str] = 'value'
    #: A column of strings: an index of it needs a keygen.
    is_string: ClassVar[bool] = False
    #: The keygen of a prefix or suffix index that is declared with none.
    whole: ClassVar[Keygen | None] = None
    #: A column of numbers: its index is a sorted set by score, and can be searched by ranges.
    is_numeric: ClassVar[bool] = False
    #: The score may stand for several values, which only the row tells apart.
    is_wide: ClassVar[bool] = False
    #: The Python value can change without being set.
    is_mutable: ClassVar[bool] = False
    can_be_unique: ClassVar[bool] = False
    #: The row holds the value. A column that only indexes others' values has entries without one.
    is_stored: ClassVar[bool] = True
    #: The value is an entity, and the row holds its id.
    is_relation: ClassVar[bool] = False
    #: The value is an object that is no entity, and the row holds its id.
    is_foreign: ClassVar[bool] = False

    def __init__(
        self,
        required: bool = False,
        default: T | Callable[[], T] | None = None,
        unique: bool = False,
        index: bool = False,
        keygen: Keygen | None = None,
        prefix: bool = False,
        suffix: bool = False,
        keygen2: Callable[[str, Mapping[str, Any]], Keys] | None = None,
    ) -> None:
        self.required = bool(required)
        self.default = default
        self.unique = bool(unique)
        self.index = bool(index)
        self.keygen = keygen
        self.prefix = bool(prefix)
        self.suffix = bool(suffix)
        self.keygen2 = keygen2
        self._check_options()

    def _check_options(self) -> None:
        if self.is_string and not self.index and (self.prefix or self.suffix):
            # There is but one way to take a whole string; which words to filter by is to be said.
            self.keygen = self.keygen or (None if self.keygen2 else self.whole)
        searched = self.index or self.prefix or self.suffix
        has_keygen = self.keygen or self.keygen2
        if self.keygen and self.keygen2:
            self._wrong('keygen and keygen2 cannot both be given: drop one of them')
        if has_keygen and not (searched or self.unique):
            self._wrong('a keygen without an index does nothing: add index, prefix or suffix=True')
        if searched and self.is_string and not has_keygen:
            self._wrong(f'an index of strings needs a keygen: one of {KEYGEN_NAMES}')
        if (self.prefix or self.suffix) and not self.is_string and not has_keygen:
            self._wrong('prefix and suffix are for strings: give a keygen that makes some')
        if self.index and not has_keygen and not self.has_default_keys:
            self._wrong('an index of it needs a keygen')
        if self.unique and not self.can_be_unique:
            self._wrong('unique is for strings and integers only')
        for option, given in (('keygen', self.keygen), ('keygen2', self.keygen2)):
            if given is not None and not callable(given):
                self._wrong(f'{option} must be callable, not {given!r}')

    def _wrong(self, what: str) -> NoReturn:
        raise ColumnError(f'{type(self).__name__} column: {what}')

    @property
    def has_default_keys(self) -> bool:
        """An index works without a keygen."""
        return self.is_numeric or type(self).default_keys is not Column.default_keys

    @property
    def searched(self) -> bool:
        """The column has entries in some index other than that of unique values."""
        return self.index or self.prefix or self.suffix

    @property
    def source(self) -> str:
        """The column whose value is indexed."""
        return self.name

    @cached_property
    def traits(self) -> Any:
        """What is known of the column's keygen."""
        return traits(self.keygen)

    # What a kind of column defines.

    def check(self, value: Any) -> T:
        """The value as the column keeps it.

        Raises:
            InvalidColumnValue: not a value of this column.
        """
        if not isinstance(value, self.accepts) or isinstance(value, self.refuses):
            self.refuse(value)
        checked: T = value  # type: ignore[assignment]
        return checked

    def encode(self, value: T) -> bytes:
        """The value as the row stores it."""
        raise NotImplementedError

    def decode(self, raw: bytes) -> T:
        """The value that `encode` made these bytes of.

        Raises:
            ValueError: (or any error) the bytes are none that `encode` makes.
        """
        raise NotImplementedError

    def canonical(self, raw: bytes) -> bytes:
        """Return the same bytes for all stored forms of equal values, for `unique_together`."""
        return raw

    def default_keys(self, value: T) -> Keys:
        """What an index without a keygen holds for the value: of numbers, the number."""
        return {'': self.number(value)}

    def number(self, value: T) -> float:
        """The number that the value stands for in the index, where the column `is_numeric`."""
        raise NotImplementedError

    def score(self, value: Any) -> float:
        """The number that a query's value stands for in the index.

        Raises:
            InvalidColumnValue: no value of this column.
        """
        raise NotImplementedError

    def refuse(self, value: Any, why: str | None = None) -> NoReturn:
        """Raise the error for a value that the column does not take."""
        reason = why or f'takes {self.kind}, not {type(value).__name__}'
        if isinstance(value, enum.Enum) and why is None:
            reason += '; its .value may be one'
        raise InvalidColumnValue(f'{self.name or type(self).__name__}: {show(value)}: it {reason}')

    def sortable(self, number: float, value: Any) -> float:
        """The number that a value stands for in an index. A NaN is refused: it sorts nowhere."""
        if math.isnan(number):
            self.refuse(value, 'is no number, and NaN has no place in an index')
        return number

    # The descriptor.

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = self.name or name  # the metaclass refuses a second one

    @overload
    def __get__(self, entity: None, owner: type) -> Self: ...
    @overload
    def __get__(self, entity: Holder, owner: type | None = None) -> T | None: ...
    def __get__(self, entity: Holder | None, owner: type | None = None) -> Self | T | None:
        if entity is None:
            return self
        values, name = entity._values, self.name
        return values[name] if name in values else self._read(entity)

    def _read(self, entity: Holder) -> T | None:
        raw = entity._stored.get(self.name)
        # A row from before the column was declared, too, has the default.
        value = self.make_default(entity) if raw is None else self.read_stored(raw, entity)
        if value is not None and self.is_mutable:
            entity._seen = {**entity._seen, self.name: self.encode(value)}
        entity._values[self.name] = value
        return value

    def make_default(self, entity: Holder) -> T | None:
        """The value where there is none. One that can change in place is a new one each time."""
        if callable(self.default):
            default: T | None = self.default()
        else:
            default = deepcopy(self.default) if self.is_mutable else self.default
        return None if default is None else self.accept(entity, default)

    def absent(self) -> T | None:
        """Return what a stored row that lacks the column reads as: the default, for all readers.

        A function makes another one at each call.
        """
        default = self.default
        if default is None:
            return None
        return self.check(default() if callable(default) else deepcopy(default))

    @property
    def lasting_default(self) -> T | None:
        """The default, where it is the same for all rows and always, so that an index can have it.

        What a function makes is another value at each reading.
        """
        return None if callable(self.default) else self.absent()

    def read_stored(self, raw: bytes, where: str | Keyed) -> T:
        """Decode what a row holds.

        Args:
            raw: what it holds.
            where: the key of the row, or what knows it, as the entity does.

        Raises:
            CorruptRowError: it does not decode; names the key and the column.
        """
        try:
            return self.decode(raw)
        except Exception as error:
            key = where if isinstance(where, str) else where._key
            raise CorruptRowError(
                f'{key}, column {self.name!r}: the stored {show(raw[:80])} is no '
                f'{type(self).__name__} ({error}); set the column to a good value and save with '
                'force=True, or delete the row',
                key=key,
                column=self.name,
                value=raw,
            ) from None

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        is_only_checked = (cls.prepare, cls.accept) == (Column.prepare, Column.accept)
        if not is_only_checked and cls.__set__ is Column.__set__:
            cls.__set__ = Column._set_prepared  # type: ignore[method-assign]

    def __set__(self, entity: Holder, value: T | None) -> None:
        # What `prepare` does, without its two calls: an assignment takes a fifth less time.
        if value is None:
            value = self.prepare(entity, value)
        else:
            try:
                value = self.check(value)
            except InvalidColumnValue as error:
                raise of_model(error, type(entity).__name__) from None
        entity._set(self.name, value)

    def _set_prepared(self, entity: Holder, value: T | None) -> None:
        entity._set(self.name, self.prepare(entity, value))

    def __delete__(self, entity: Holder) -> None:
        entity._set(self.name, self.prepare(entity, None))

    def prepare(self, entity: Holder, value: Any) -> T | None:
        """What is to be kept of a value that is set; None removes the column.

        Raises:
            InvalidColumnValue: the column does not take it.
            InvalidOperation: the column is required, or may not be set at all.
        """
        if value is not None:
            return self.accept(entity, value)
        if self.required:
            raise InvalidOperation(
                f'{type(entity).__name__}.{self.name} is required and cannot be removed; '
                'set another value, or declare it without required=True'
            )
        return None

    def accept(self, entity: Holder, value: Any) -> T:
        """The value as the column keeps it, or an error that names the model."""
        try:
            return self.check(value)
        except InvalidColumnValue as error:
            raise of_model(error, type(entity).__name__) from None

    def initial(self, entity: Holder, given: Mapping[str, Any]) -> T | None:
        """The value of a new entity.

        Raises:
            MissingColumn: required, and neither given nor by default.
        """
        value = given.get(self.name)
        if value is not None:
            return self.accept(entity, value)
        value = self.make_default(entity)
        if value is not None:
            return value
        if self.required:
            raise MissingColumn(
                f'{type(entity).__name__}.{self.name} is required: pass {self.name}=... '
                'or give the column a default'
            )
        return None
