"""Mapped and Ref: the types of columns in annotations.

At run time, every column is a `Mapped`, and every relation is a `Ref`; neither adds anything to the
methods of a column. They tell type checkers what reading an attribute gives, and which values can
be compared with it.

Both are covariant, although attributes can be set. So a column that always has a value is accepted
where a `Mapped[str | None]` is expected. In the self types below, `N | None` stands for a column
with or without None; the checker takes N from the column, and then checks the other values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, overload

from rom._core.columns.arithmetic import Computable
from rom._core.columns.expressions import Comparable

if TYPE_CHECKING:
    import decimal
    from collections.abc import Iterable
    from typing import Self

    from rom._core.columns.column_owner import Holder
    from rom._core.columns.element_changes import ElementChange
    from rom._core.columns.expressions import Expression
    from rom._core.columns.relation_paths import RelationPath

    H = TypeVar('H', bound=Holder)
    # A bound of a range of decimal numbers may be an int.
    _Decimals = decimal.Decimal | int

N = TypeVar('N')
T_co = TypeVar('T_co', covariant=True)


class Mapped(Comparable, Computable, Generic[T_co]):
    """The annotation of a column: on an entity its value, on the model the column itself.

    Example::

        class User(rom.TypedModel):
            name: rom.Mapped[str]
            age: rom.Mapped[int | None] = rom.column(index=True, default=None)

        User.query.where(User.age >= 18)
    """

    if TYPE_CHECKING:
        __hash__ = object.__hash__

        @overload  # a list of entities: a path to their columns
        def __get__(self: Mapped[list[H]], entity: None, owner: type) -> RelationPath[H]: ...
        @overload
        def __get__(self, entity: None, owner: type) -> Self: ...
        @overload
        def __get__(self, entity: object, owner: type | None = None) -> T_co: ...
        def __get__(self, entity: object, owner: type | None = None) -> Any: ...

        def __set__(self, entity: object, value: T_co) -> None: ...  # type: ignore[misc]
        def __delete__(self, entity: object) -> None: ...

        def __eq__(self: Mapped[N], other: N) -> Expression: ...  # type: ignore[override]
        def __ne__(self: Mapped[N], other: N) -> Expression: ...  # type: ignore[override]

        @overload
        def __lt__(self: Mapped[decimal.Decimal | None], other: _Decimals) -> Expression: ...
        @overload
        def __lt__(self: Mapped[N | None], other: N) -> Expression: ...
        def __lt__(self, other: Any) -> Expression: ...

        @overload
        def __le__(self: Mapped[decimal.Decimal | None], other: _Decimals) -> Expression: ...
        @overload
        def __le__(self: Mapped[N | None], other: N) -> Expression: ...
        def __le__(self, other: Any) -> Expression: ...

        @overload
        def __gt__(self: Mapped[decimal.Decimal | None], other: _Decimals) -> Expression: ...
        @overload
        def __gt__(self: Mapped[N | None], other: N) -> Expression: ...
        def __gt__(self, other: Any) -> Expression: ...

        @overload
        def __ge__(self: Mapped[decimal.Decimal | None], other: _Decimals) -> Expression: ...
        @overload
        def __ge__(self: Mapped[N | None], other: N) -> Expression: ...
        def __ge__(self, other: Any) -> Expression: ...

        def between(self: Mapped[N | None], low: N, high: N) -> Expression: ...
        def in_(self: Mapped[N | None], values: Iterable[N]) -> Expression: ...
        def startswith(self: Mapped[str | bytes | None], beginning: str | bytes) -> Expression: ...
        def endswith(self: Mapped[str | bytes | None], end: str | bytes) -> Expression: ...
        def like(self: Mapped[str | bytes | None], pattern: str | bytes) -> Expression: ...

        # Not of a Collection, because a str is one, too.
        def contains(self: Mapped[list[N] | set[N] | None], element: N) -> Expression: ...
        def overlaps(self: Mapped[list[N] | set[N] | None], *elements: N) -> Expression: ...
        def contains_all(self: Mapped[list[N] | set[N] | None], *elements: N) -> Expression: ...
        def add(self: Mapped[list[N] | set[N] | None], *elements: N) -> ElementChange: ...
        def remove(self: Mapped[list[N] | set[N] | None], *elements: N) -> ElementChange: ...
        def append(self: Mapped[list[N] | None], *elements: N) -> ElementChange: ...


class Specifier:
    """Base of the options that a class body assigns beside an annotation.

    Attributes:
        call: the call that makes it, for messages.
    """

    call: ClassVar[str]


class Ref(Mapped[T_co]):
    """The annotation of a relation: an entity when it is read; an entity or its id when it is set.

    Example::

        class Book(rom.TypedModel):
            author: rom.Ref[Author] = rom.relation(on_delete='cascade')

        Book(author=5)
    """

    if TYPE_CHECKING:
        __hash__ = object.__hash__

        @overload  # type: ignore[override]  # a path, to lead on to the other model
        def __get__(self, entity: None, owner: type) -> RelationPath[T_co]: ...
        @overload
        def __get__(self, entity: object, owner: type | None = None) -> T_co: ...
        def __get__(self, entity: object, owner: type | None = None) -> Any: ...

        def __set__(self, entity: object, value: T_co | int) -> None: ...

        def __eq__(self: Ref[N], other: N | int) -> Expression: ...  # type: ignore[override]
        def __ne__(self: Ref[N], other: N | int) -> Expression: ...  # type: ignore[override]
        def in_(self: Ref[N | None], values: Iterable[N | int]) -> Expression: ...
