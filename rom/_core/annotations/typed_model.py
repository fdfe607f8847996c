"""TypedModel and Mixin: the bases of classes whose columns are declared by annotations."""

from __future__ import annotations

from typing import Any, dataclass_transform

from rom._core.annotations.declaration import declare
from rom._core.annotations.specifiers import column, related, relation
from rom._core.columns import (
    Boolean,
    Column,
    Date,
    DateTime,
    Decimal,
    ExpireAt,
    Float,
    ForeignModel,
    Integer,
    Json,
    ManyToOne,
    OneToOne,
    SaferDateTime,
    String,
    Text,
    Time,
)  # fmt: skip
from rom._core.columns.addresses import IPAddress
from rom._core.columns.durations import Duration
from rom._core.columns.enums import Enum
from rom._core.columns.uuids import UUID
from rom._core.model import Model


class _ByAnnotations:
    """A class whose annotations are columns."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls._declare_columns()

    @classmethod
    def _declare_columns(cls) -> None:
        """Declare the columns of the class, and of its bases that were not declared yet.

        A base may have an `__init_subclass__` of its own, which does not call this one.
        """
        for base in reversed(cls.__mro__):
            if issubclass(base, _ByAnnotations) and not vars(base).get('_is_root', False):
                declare(base)


@dataclass_transform(
    kw_only_default=True,
    eq_default=False,
    field_specifiers=(
        column, relation, related, Boolean, Column, Date, DateTime, Decimal, Duration, Enum,
        ExpireAt, Float, ForeignModel, Integer, IPAddress, Json, ManyToOne, OneToOne, SaferDateTime,
        String, Text, Time, UUID,
    ),
)  # fmt: skip
class Mixin(_ByAnnotations):
    """The base of columns that several models share; it is not a model itself.

    Raises:
        ColumnError: as for :class:`rom.TypedModel`.

    Example::

        class Stamped(rom.Mixin):
            created: rom.Mapped[datetime.datetime] = rom.column(auto_now_add=True, init=False)

        class User(Stamped, rom.TypedModel):
            name: rom.Mapped[str]
    """

    _is_root = True


@dataclass_transform(
    kw_only_default=True,
    eq_default=False,
    field_specifiers=(
        column, relation, related, Boolean, Column, Date, DateTime, Decimal, Duration, Enum,
        ExpireAt, Float, ForeignModel, Integer, IPAddress, Json, ManyToOne, OneToOne, SaferDateTime,
        String, Text, Time, UUID,
    ),
)  # fmt: skip
class TypedModel(_ByAnnotations, Model):
    """The base of models whose columns are declared by annotations.

    The type of an annotation gives the kind of the column: ``Mapped[str]`` a `Text`, and so on. A
    type with ``| None`` gives a column that may be empty; any other is required. Options are those
    of :func:`rom.column`. A column of the other style, such as ``rom.Text()``, can stand beside
    them, with or without an annotation. The schema, the keys and the rows are those of a
    :class:`rom.Model` with the same columns.

    Raises:
        ColumnError: a type has no column, or the options do not fit it; an annotation lacks
            `Mapped` or `Ref`, or names what is not defined. The message names the attribute.

    Example::

        class User(rom.TypedModel):
            name: rom.Mapped[str]
            email: rom.Mapped[str] = rom.column(unique=True)
            age: rom.Mapped[int | None] = rom.column(index=True, default=None)
            team: rom.Ref[Team | None] = rom.relation(on_delete='set null', default=None)

        User(name='Ann', email='ann@example.org')
    """

    _is_root = True
