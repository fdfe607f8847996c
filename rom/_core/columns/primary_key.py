"""PrimaryKey: the column of the id, which the server gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, overload

from rom._core.columns.scalars import Integer
from rom.exceptions import InvalidColumnValue, InvalidOperation

if TYPE_CHECKING:
    from typing import Never, Self


#: The attribute that holds the id of an entity, whatever the name of the primary key.
OWN_ID: Final = '_id'


class PrimaryKey(Integer[int]):
    """The entity's id: a number from the counter of the model, in the order of creation.

    A model without one gets ``id = PrimaryKey()``. Queries filter and sort by it without an index;
    ``index=True`` is for data that rom 1.x writes at the same time, where ids are far apart.

    Example::

        number = rom.PrimaryKey()
        User.query.filter(number=(1000, None)).order_by('-number')
    """

    can_be_unique = False

    #: True for the key that rom adds to a model without one; a subclass may replace it.
    is_automatic = False

    def __init__(self, index: bool = False) -> None:
        super().__init__(index=index)

    if TYPE_CHECKING:

        def __set__(self, entity: object, value: Never) -> None: ...  # type: ignore[override]

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
            f'{type(entity).__name__}.{self.name} is the primary key and cannot be assigned; '
            'the counter of the model gives it'
        )

    def initial(self, entity: Any, given: Mapping[str, Any]) -> int | None:
        if given.get(self.name) is not None:
            raise InvalidColumnValue(self._given_by_server(entity))
        return None


class _KeyCalledLikeOurs(PrimaryKey):
    """A primary key whose name is that of the attribute in which rom itself keeps the id.

    A key of another name takes an id when the program reads it. Here rom reads the same attribute,
    so a read does not show that the program needs an id. A new entity takes its id at once, as in
    rom 1.x; under an AsyncSession the id stays None until the entity is saved.
    """

    @overload
    def __get__(self, entity: None, owner: type) -> Self: ...
    @overload
    def __get__(self, entity: object, owner: type | None = None) -> int: ...
    def __get__(self, entity: Any, owner: type | None = None) -> Any:
        return self if entity is None else vars(entity).get(OWN_ID)

    def __set__(self, entity: Any, value: Any) -> None:
        if vars(entity).get(OWN_ID, value) not in (None, value):
            raise InvalidOperation(self._given_by_server(entity))
        vars(entity)[OWN_ID] = value
