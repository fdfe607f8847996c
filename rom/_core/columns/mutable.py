"""Mutable: the base class of columns whose values can change in place.

A read of such a value makes the entity one that the next commit looks at, because the program may
change what it got. The commit compares the encoded value with the one that the entity had.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, overload

from rom._core.columns.base import Column
from rom._core.columns.signatures import Read, T

if TYPE_CHECKING:
    from typing import Self


class Mutable(Column[T, Read]):
    """A column of objects that programs change in place; a save finds such changes."""

    is_mutable: ClassVar[bool] = True

    @overload
    def __get__(self, entity: None, owner: type) -> Self: ...
    @overload
    def __get__(self, entity: object, owner: type | None = None) -> Read: ...
    def __get__(self, entity: Any, owner: type | None = None) -> Any:
        if entity is None:
            return self
        value = super().__get__(entity, owner)
        if value is not None:
            entity._look_into()  # the program may change it in place
        return value
