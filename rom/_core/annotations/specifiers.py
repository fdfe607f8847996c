"""Specifiers: the options of a column, which a class body assigns beside an annotation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar, Unpack, overload

from rom._core.columns.mapped import Mapped, Specifier
from rom._core.support.public_names import publish
from rom.exceptions import ColumnError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rom._core.columns.signatures import DateTimeOptions

T = TypeVar('T')

#: Stands for a default that was not given, because None is a default.
NOT_GIVEN: Final[Any] = object()

if TYPE_CHECKING:

    class Options(DateTimeOptions, total=False):
        """The options of `column`: those of every kind of column."""

        max_length: int | None


class ColumnSpecifier(Specifier):
    """The options of a column whose type an annotation gives."""

    call = 'rom.column()'

    def __init__(self, default: Any, options: dict[str, Any]) -> None:
        self.default = default
        self.options = options

    @classmethod
    def empty(cls) -> ColumnSpecifier:
        """Return the options of an annotation without a value."""
        return cls(NOT_GIVEN, {})


class RelationSpecifier(Specifier):
    """The options of a relation whose model an annotation gives."""

    call = 'rom.relation()'

    def __init__(self, default: Any, options: dict[str, Any]) -> None:
        self.default = default
        self.options = options


class RelatedSpecifier(Specifier):
    """The options of a list of entities that refer to this one."""

    call = 'rom.related()'

    def __init__(self, column: str | None) -> None:
        self.column = column


@overload
def column(
    *, default: T | Callable[[], T], init: bool = True, **options: Unpack[Options]
) -> Mapped[T]: ...
@overload
def column(*, init: bool = True, **options: Unpack[Options]) -> Mapped[Any]: ...
def column(*, default: Any = NOT_GIVEN, init: bool = True, **options: Any) -> Any:
    """Give the options of a column of a :class:`rom.TypedModel` or :class:`rom.Mixin`.

    The annotation gives the kind of the column, and whether it is required.

    Args:
        default: the value of a new entity that is given none, or a function that returns it.
        init: for type checkers: False leaves the column out of the constructor's arguments.
        **options: the other options of the kind, such as ``index``, ``unique``, ``keygen``,
            ``choices``, ``validators``, ``max_length``, ``tz``, ``auto_now`` and ``stored_as``.

    Raises:
        ColumnError: the class is defined, and the kind does not have such an option.

    Example::

        age: rom.Mapped[int | None] = rom.column(index=True, default=None)
        made: rom.Mapped[datetime.datetime] = rom.column(auto_now_add=True, init=False)
    """
    if 'required' in options:
        raise ColumnError(
            'rom.column(required=...): the annotation says whether a column is required: '
            'Mapped[str] is, Mapped[str | None] is not'
        )
    return ColumnSpecifier(default, options)


def relation(
    *,
    on_delete: Literal['no action', 'restrict', 'cascade', 'set null', 'set default'],
    default: Any = NOT_GIVEN,
    unique: bool = False,
    init: bool = True,
    stored_as: str | None = None,
) -> Any:
    """Give the options of a relation, whose annotation is a :class:`rom.Ref`.

    Args:
        on_delete: the effect of deleting the other entity, as for :class:`rom.ManyToOne`.
        default: the entity that a new entity refers to, or a function that returns it.
        unique: at most one entity refers to the other one: a :class:`rom.OneToOne`.
        init: as for :func:`rom.column`.
        stored_as: the column's former name, as for every :class:`rom.Column`.

    Example::

        team: rom.Ref[Team | None] = rom.relation(on_delete='set null', default=None)
    """
    options = {'on_delete': on_delete, 'unique': unique, 'stored_as': stored_as}
    return RelationSpecifier(default, options)


def related(column: str | None = None, *, init: Literal[False] = False) -> Any:
    """Declare the list of the entities that refer to this one: a :class:`rom.OneToMany`.

    Args:
        column: the column of the other model, where several refer to this one.
        init: for type checkers: such a list is not an argument of the constructor.

    Example::

        books: rom.Mapped[list[Book]] = rom.related()
    """
    return RelatedSpecifier(column)


publish('rom', column, relation, related)
