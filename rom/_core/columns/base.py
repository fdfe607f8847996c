"""The base class of columns: the options, the checks on them, and the descriptor.

A column object is created once, in a class body, and shared by the subclasses that inherit it. So
it knows its name, but no namespace; everything that depends on the namespace is in the schema.

An entity keeps two dicts: `_stored`, the encoded values that Redis is known to have, and `_values`,
the Python values that were read or set. A value is decoded when it is first read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, NoReturn, overload

from rom._core import migration_registry
from rom._core.columns.column_rules import ColumnRules, Validator
from rom._core.columns.conversion import Conversion
from rom._core.columns.mapped import Mapped
from rom._core.columns.signatures import Read, T
from rom._core.encoding.keygens import Keygen, Keys, traits
from rom._core.encoding.text import show
from rom.exceptions import (
    ColumnError,
    CorruptRowError,
    InvalidColumnValue,
    InvalidOperation,
    MissingColumn,
)

if TYPE_CHECKING:
    from typing import Self

    from rom._core.columns.column_owner import Holder, Keyed

KEYGEN_NAMES = (
    'FULL_TEXT, IDENTITY, IDENTITY_CI, IDENTITY_STRING, IDENTITY_STRING_CI, SIMPLE, SIMPLE_CI'
)


def of_model(error: InvalidColumnValue, name: str) -> InvalidColumnValue:
    """Return an error about a column's value with the model's name in front of its message."""
    if not isinstance(error, UnicodeEncodeError):
        return InvalidColumnValue(f'{name}.{error}')
    error.message = f'{name}.{error}'  # type: ignore[attr-defined]
    return error


class Column(Conversion[T], Mapped[Read], Generic[T, Read]):
    """The base class of all columns.

    Args:
        required: an entity must have a value when it is created and saved.
        default: the value of a new entity that is given none, or a function without arguments
            that returns it.
        unique: no two entities may have the same value. For strings and integers. As in rom 1.x,
            an empty string does not count as a value: several entities may have it, even where it
            is required.
        index: enables ``filter`` and ``get_by``, for numbers also by ranges.
        keygen: ``keygen(value)`` returns the words to index; strings with ``index=True`` need one.
            With only ``prefix`` or ``suffix``, the default is the whole string. See
            :mod:`rom._core.encoding.keygens`.
        prefix: enables ``startswith`` and ``like``.
        suffix: enables ``endswith``.
        keygen2: ``keygen2(column_name, values)``, instead of `keygen`, gets the values of all
            columns.
        choices: the only values that may be set.
        validators: functions that are called with each value that is set, as the column keeps it;
            one that raises ValueError refuses the value. Other results are ignored, except False,
            which refuses the value, too.
        stored_as: the column's name in rows and index keys, where it is not that of the attribute.
            With it, an attribute of a model with data can be renamed: no row, key or fingerprint
            changes. Everything in Python goes by the attribute: queries, updates, dumps, errors.

    Choices and validators apply to what is set: by an assignment, a constructor, an update, a
    transfer, a load or pydantic; where a `Json` was changed in place, by the save. They do not
    apply to stored values and filters.

    Raises:
        ColumnError: the options contradict each other.

    Example::

        def check_age(age):
            if age < 0:
                raise ValueError('expected at least 0')

        class User(rom.Model):
            email = rom.Text(required=True, unique=True)
            age = rom.Integer(index=True, validators=[check_age])
            plan = rom.Text(choices=['free', 'paid'], default='free')
    """

    #: The column has a ranked index, for `search`; and the language of its stems.
    rank: bool = False
    stem: str | None = None
    #: An insert without a value sets the current time, by `at`.
    stamps_insert: bool = False
    #: A write that changes the entity sets the current time, by `at`.
    stamps_update: bool = False
    #: The column is that of the elements of a collection, so that a row has several values of it.
    is_element: bool = False
    #: The annotated type of the values, where it says more than the column; for pydantic.
    value_type: Any = None

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
        *,
        choices: Iterable[Any] | None = None,
        validators: Iterable[Validator] = (),
        stored_as: str | None = None,
    ) -> None:
        self.stored_as = stored_as
        self.required = bool(required)
        self.default = default
        self.unique = bool(unique)
        self.index = bool(index)
        self.keygen = keygen
        self.prefix = bool(prefix)
        self.suffix = bool(suffix)
        self.keygen2 = keygen2
        self._check_options()
        self.rules = ColumnRules.of(self, choices, validators)

    if not TYPE_CHECKING:

        def __class_getitem__(cls, types: Any) -> type[Column[Any]]:
            """Return the class itself: only type checkers know the types of a column."""
            return cls

    def _check_options(self) -> None:
        is_open = self.index and not self.is_whole
        if self.is_string and not is_open and self.searched:
            # prefix and suffix have one sensible keygen: the whole string. `index` has several
            # (words, whole strings, either case), so the model must name it.
            self.keygen = self.keygen or (None if self.keygen2 else self.whole)
        searched = self.searched
        has_keygen = self.keygen or self.keygen2
        if self.keygen and self.keygen2:
            self._wrong('keygen and keygen2 cannot both be given: drop one of them')
        if has_keygen and not (searched or self.unique):
            self._wrong('a keygen has no effect without an index: add index, prefix or suffix=True')
        if searched and self.is_string and not has_keygen:
            self._wrong(f'an index of strings needs a keygen, such as {KEYGEN_NAMES}')
        if (self.prefix or self.suffix) and not self.is_string and not has_keygen:
            self._wrong('prefix and suffix are for strings: add a keygen that returns strings')
        if self.index and not has_keygen and not self.has_default_keys:
            self._wrong('index=True needs a keygen')
        if self.unique and not self.can_be_unique:
            self._wrong('unique=True is for strings and integers only')
        for option, given in (('keygen', self.keygen), ('keygen2', self.keygen2)):
            if given is not None and not callable(given):
                self._wrong(f'{option} must be callable, not {given!r}')

    def _wrong(self, what: str) -> NoReturn:
        raise ColumnError(f'{type(self).__name__} column: {what}')

    @property
    def has_default_keys(self) -> bool:
        """True where an index of the column needs no keygen."""
        return self.is_numeric or type(self).default_keys is not Column.default_keys

    @property
    def searched(self) -> bool:
        """True where the column has index entries, apart from unique values."""
        return self.index or self.prefix or self.suffix

    @property
    def index_kind(self) -> str:
        """The type of the column, as fingerprints name it: it changes with the index entries."""
        return type(self).__name__

    @property
    def source(self) -> str:
        """The column whose value is indexed."""
        return self.name

    @cached_property
    def traits(self) -> Any:
        """Traits of the column's keygen."""
        return traits(self.keygen)

    def take(self, value: Any) -> T:
        """Return a value to set as the column keeps it, by `check` and by the rules.

        Raises:
            InvalidColumnValue: the column does not accept it; or it is not a choice, or a validator
                refuses it.
        """
        checked = self.check(value)
        if self.rules is not None:
            self.rules.apply(self, checked)
        return checked

    def recheck(self, value: T) -> None:
        """Check a value that may have changed in place since it was set, before it is written.

        `encode` has accepted it already, so only the rules are left.

        Raises:
            InvalidColumnValue: the column does not accept it any longer.
        """
        if self.rules is not None:
            self.take(value)

    # The descriptor.

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = self.name or name  # the metaclass refuses a second one

    @overload
    def __get__(self, entity: None, owner: type) -> Self: ...
    @overload
    def __get__(self, entity: object, owner: type | None = None) -> Read: ...
    def __get__(self, entity: Any, owner: type | None = None) -> Any:
        if entity is None:
            return self
        values, name = entity._values, self.name
        return values[name] if name in values else self._read(entity)

    def _read(self, entity: Holder) -> T | None:
        raw = entity._stored.get(self.name)
        # A row that is older than the declaration of the column reads as the default, too.
        value = self.make_default(entity) if raw is None else self.read_stored(raw, entity)
        if value is not None and self.is_mutable:
            entity._seen = {**entity._seen, self.name: self.encode(value)}
        entity._values[self.name] = value
        return value

    def make_default(self, entity: Holder) -> T | None:
        """Return the default; a new object at each call where it can change in place."""
        if callable(self.default):
            default: T | None = self.default()
        else:
            default = deepcopy(self.default) if self.is_mutable else self.default
        return None if default is None else self.accept(entity, default)

    def absent(self) -> T | None:
        """Return the value of a stored row that lacks the column: the default.

        A default that is a function is called each time.
        """
        default = self.default
        if default is None:
            return None
        return self.check(default() if callable(default) else deepcopy(default))

    @property
    def lasting_default(self) -> T | None:
        """The default where it is constant, so that index entries can be made from it.

        None where the default is a function, because it may return another value at each call.
        """
        return None if callable(self.default) else self.absent()

    def read_stored(self, raw: bytes, where: str | Keyed) -> T:
        """Decode a stored value.

        Args:
            raw: the stored bytes.
            where: the key of the row, or an object that has it, such as the entity.

        Raises:
            CorruptRowError: the bytes do not decode; the error names the key and the column.
        """
        try:
            return self.decode(raw)
        except Exception as error:
            key = where if isinstance(where, str) else where._key
            raise CorruptRowError(
                f'{key}, column {self.name!r}: the stored {show(raw[:80])} is not a valid '
                f'{type(self).__name__} ({error}); assign a valid value and save with '
                f'force=True, or delete the row{migration_registry.advice(key)}',
                key=key,
                column=self.name,
                value=raw,
            ) from None

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.indexes_itself = cls.indexed is Column.indexed
        cls.takes_ranges = cls.as_range is not Column.as_range
        # A subclass that overrides `prepare` or `accept` needs a __set__ that calls them.
        is_only_checked = (cls.prepare, cls.accept) == (Column.prepare, Column.accept)
        if not is_only_checked and cls.__set__ is Column.__set__:
            cls.__set__ = Column._set_prepared  # type: ignore[method-assign]

    def __set__(self, entity: Any, value: Read) -> None:  # type: ignore[misc]
        # Do what `prepare` does, without its two calls: an assignment takes a fifth less time.
        kept: T | None
        if value is None:
            kept = self.prepare(entity, value)
        else:
            try:
                kept = self.check(value) if self.rules is None else self.take(value)
            except InvalidColumnValue as error:
                raise of_model(error, type(entity).__name__) from None
        entity._set(self.name, kept)

    def _set_prepared(self, entity: Any, value: Any) -> None:
        entity._set(self.name, self.prepare(entity, value))

    def __delete__(self, entity: Any) -> None:
        entity._set(self.name, self.prepare(entity, None))

    def prepare(self, entity: Holder, value: Any) -> T | None:
        """Return an assigned value as the column keeps it; None removes the value.

        Raises:
            InvalidColumnValue: the column does not accept it.
            InvalidOperation: the column is required, or cannot be assigned.
        """
        if value is not None:
            return self.accept(entity, value)
        if self.required:
            raise InvalidOperation(
                f'{type(entity).__name__}.{self.name} is required and cannot be removed; '
                'assign another value, or declare the column without required=True'
            )
        return None

    def accept(self, entity: Holder, value: Any) -> T:
        """Return the value as the column keeps it, or raise an error that names the model."""
        try:
            # As `take`, without another call for each value of most columns.
            return self.check(value) if self.rules is None else self.take(value)
        except InvalidColumnValue as error:
            raise of_model(error, type(entity).__name__) from None

    def initial(self, entity: Holder, given: Mapping[str, Any]) -> T | None:
        """Return the value of a new entity.

        Raises:
            MissingColumn: the column is required, and has neither a value nor a default.
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
