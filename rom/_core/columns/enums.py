"""Enum: a column of the members of an enum, each stored as its value or its name."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar, Unpack, overload

from rom._core.columns.base import Column
from rom._core.columns.column_rules import ColumnOptions
from rom._core.columns.scalars import Integer
from rom._core.columns.text import Text
from rom._core.encoding.keygens import IDENTITY, Keygen, Keys
from rom._core.encoding.text import show, show_names
from rom.exceptions import InvalidColumnValue

E = TypeVar('E', bound=enum.Enum)
N = TypeVar('N', bound=enum.Enum)
if TYPE_CHECKING:
    from typing_extensions import TypeVar as DefaultedTypeVar

    from rom._core.columns.signatures import Default, IndexOptions, Yes

    Member = DefaultedTypeVar('Member', default='E | None', covariant=True)
else:
    Member = E

# Up to here, each integer has a double of its own as its score.
_EXACT: Final = 2**53


class Enum(Column[E, Member]):
    """A member of an enum, which reads as that member.

    A member is stored as its value where all values of the enum are strings, or all are integers;
    otherwise as its name. Queries treat it as a `Text` or an `Integer` column treats that value.
    So an enum of integers has ranges and an order, and any other has ``startswith``. Set and
    search a member or its stored value. A `Flag` is stored as an integer, also where it combines
    several members.

    Args:
        of: the enum.
        index: enables ``filter``, where the values are integers also by ranges. It needs no keygen.
        prefix: enables ``startswith`` and ``order_by``, where the values are not integers.

    Raises:
        ColumnError: `of` is not an enum or has no members, or the options do not fit its values.
        InvalidColumnValue: something is set that is neither a member nor the stored form of one.
        CorruptRowError: a row holds a value that the enum does not have.

    Example::

        class State(enum.Enum):
            OPEN = 'open'
            DONE = 'done'

        class Task(rom.Model):
            state = rom.Enum(State, index=True, default=State.OPEN)

        Task.query.filter(state=[State.OPEN, State.DONE])
    """

    can_be_unique = True
    whole = staticmethod(IDENTITY)
    is_whole = True

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: Enum[N, N],
            of: type[N],
            required: Yes,
            default: Default[N] | None = None,
            **options: Unpack[IndexOptions],
        ) -> None: ...
        @overload
        def __init__(
            self: Enum[N, N],
            of: type[N],
            required: bool = False,
            *,
            default: Default[N],
            **options: Unpack[IndexOptions],
        ) -> None: ...
        @overload
        def __init__(
            self: Enum[N, N | None],
            of: type[N],
            required: bool = False,
            default: None = None,
            **options: Unpack[IndexOptions],
        ) -> None: ...

    def __init__(
        self,
        of: type[Any],
        required: bool = False,
        default: Any = None,
        unique: bool = False,
        index: bool = False,
        keygen: Keygen | None = None,
        prefix: bool = False,
        suffix: bool = False,
        keygen2: Callable[[str, Mapping[str, Any]], Keys] | None = None,
        **options: Unpack[ColumnOptions],
    ) -> None:
        if not (isinstance(of, type) and issubclass(of, enum.Enum)) or not len(of.__members__):
            self._wrong(f'expected an enum with members, got {show(of)}')
        #: The enum.
        self.of: type[E] = of  # type: ignore[assignment]
        raws = {_kind(member.value) for member in of}
        #: A member is stored as its name.
        self.is_by_name = not issubclass(of, enum.Flag) and raws not in ({str}, {int})
        #: The column of the stored values.
        self.stored: Column[Any] = Integer() if self._has_numbers(raws) else Text()
        self.is_numeric = self.stored.is_numeric  # type: ignore[misc]
        self.is_string = self.stored.is_string  # type: ignore[misc]
        self.accepts = of  # type: ignore[misc]
        self.kind = self._expected()  # type: ignore[misc]
        super().__init__(
            required, default, unique, index, keygen, prefix, suffix, keygen2, **options
        )

    def _has_numbers(self, raws: set[type | None]) -> bool:
        return issubclass(self.of, enum.Flag) or raws == {int}

    def _expected(self) -> str:
        shown = show_names(show(self.stored_form(member)) for member in self.of)
        return f'a member of {self.of.__name__} or one of {shown}'

    def _check_options(self) -> None:
        super()._check_options()
        if not (self.searched or self.unique):
            return
        for member in self.of:
            value = self.stored_form(member)
            if value == '':
                self._wrong(f'{member} has an empty value, which no index holds: give it another')
            if self.is_numeric and abs(value) >= _EXACT:
                self._wrong(f'{member} is too large for an index: expected less than 2**53')

    def stored_form(self, member: E) -> Any:
        """Return the value or the name by which a member is stored."""
        value = member.name if self.is_by_name else member.value
        return value if type(value) in (str, int) else self.stored.check(value)

    def check(self, value: Any) -> E:
        if isinstance(value, self.of):
            return value
        if isinstance(value, (enum.Enum, bool)):
            self.refuse(value)
        try:
            return self._member(self.stored.check(value))
        except (InvalidColumnValue, ValueError, KeyError):
            self.refuse(value)

    def _member(self, stored: Any) -> E:
        return self.of[stored] if self.is_by_name else self.of(stored)

    def encode(self, value: E) -> bytes:
        return self.stored.encode(self.stored_form(value))

    def decode(self, raw: bytes) -> E:
        stored = self.stored.decode(raw)
        try:
            return self._member(stored)
        except KeyError:
            raise ValueError(f'{show(stored)} is not a name in {self.of.__name__}') from None

    def indexed(self, value: E) -> Any:
        return self.stored_form(value)

    def number(self, value: E) -> float:
        return float(self.stored_form(value))

    def shares_score(self, value: E) -> bool:
        return False

    def score(self, value: Any) -> float:
        if isinstance(value, self.of):
            return self.number(value)
        if isinstance(value, enum.Enum):
            self.refuse(value)
        return self.stored.score(value)  # the end of a range needs not be a member

    @property
    def index_kind(self) -> str:
        return f'{super().index_kind} of {"integers" if self.is_numeric else "strings"}'

    @property
    def every_value(self) -> tuple[E, ...] | None:
        return None if issubclass(self.of, enum.Flag) else tuple(self.of)

    def to_json(self, value: E) -> Any:
        return self.stored_form(value)

    @property
    def json_schema(self) -> Mapping[str, Any]:  # type: ignore[override]
        """The JSON schema of the stored forms."""
        if issubclass(self.of, enum.Flag):
            return {'type': 'integer'}
        kind = 'integer' if self.is_numeric else 'string'
        forms = [self.stored_form(member) for member in self.of]
        return {'enum': forms, 'type': kind, 'title': self.of.__name__}


def _kind(value: object) -> type | None:
    """Return str or int for values that are stored as such, else None."""
    if isinstance(value, bool):
        return None
    return next((kind for kind in (str, int) if isinstance(value, kind)), None)
