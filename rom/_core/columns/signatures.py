"""Type variables and options of the constructors of columns, for type checkers.

Each class of columns has a type variable for the type that reading gives. Its default is the type
with None; the overloads of the constructor choose the type without None for a column that is
required, or has a default. At run time the type variables have no meaning: see
`Column.__class_getitem__`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from rom._core.columns.column_rules import ColumnOptions

if TYPE_CHECKING:
    import datetime as dt
    import decimal
    import ipaddress
    import uuid
    from collections.abc import Callable, Mapping

    from typing_extensions import TypeVar

    from rom._core.encoding.keygens import Keygen, Keys

    T = TypeVar('T')
    #: The type that reading a column of the values T gives.
    Read = TypeVar('Read', default='T | None', covariant=True)
    Str = TypeVar('Str', default='str | None', covariant=True)
    Bytes = TypeVar('Bytes', default='bytes | None', covariant=True)
    Int = TypeVar('Int', default='int | None', covariant=True)
    Real = TypeVar('Real', default='float | None', covariant=True)
    Exact = TypeVar('Exact', default='decimal.Decimal | None', covariant=True)
    Bool = TypeVar('Bool', default='bool | None', covariant=True)
    Document = TypeVar('Document', default='Any | None', covariant=True)
    Moment = TypeVar('Moment', default='dt.datetime | None', covariant=True)
    Day = TypeVar('Day', default='dt.date | None', covariant=True)
    Clock = TypeVar('Clock', default='dt.time | None', covariant=True)
    Span = TypeVar('Span', default='dt.timedelta | None', covariant=True)
    Key = TypeVar('Key', default='uuid.UUID | None', covariant=True)
    Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
    Host = TypeVar('Host', default='Address | None', covariant=True)
    Target = TypeVar('Target', default=Any, covariant=True)

    V = TypeVar('V')
    #: The default of a column: a value, or a function that returns it.
    Default: TypeAlias = V | Callable[[], V]
    Yes: TypeAlias = Literal[True]

    class IndexOptions(ColumnOptions, total=False):
        """The options of a column that can have an index."""

        unique: bool
        index: bool
        keygen: Keygen | None
        prefix: bool
        suffix: bool
        keygen2: Callable[[str, Mapping[str, Any]], Keys] | None

    class StringOptions(IndexOptions, total=False):
        """The options of a column of strings."""

        max_length: int | None

    class TextOptions(StringOptions, total=False):
        """The options of a column of text."""

        rank: bool
        stem: str | None

    class CollectionOptions(ColumnOptions, total=False):
        """The options of a `List` or a `Set`."""

        index: bool
        keygen: Keygen | None
        prefix: bool
        suffix: bool
        max_length: int | None

    class TimeOptions(IndexOptions, total=False):
        """The options of a column of dates or times."""

        auto_now: bool
        auto_now_add: bool

    class DateTimeOptions(TimeOptions, total=False):
        """The options of a `DateTime`."""

        tz: bool
else:
    from typing import TypeVar

    T = TypeVar('T')
    Read = TypeVar('Read', covariant=True)
    Str = Bytes = Int = Real = Exact = Bool = Document = Read
    Moment = Day = Clock = Span = Key = Host = Target = Read
