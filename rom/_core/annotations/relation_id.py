"""RelationId: an attribute that reads the id of a relation, and never the other entity."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

from rom._core.columns.mapped import Mapped
from rom._core.columns.relation_paths import path_of
from rom._core.support.public_names import publish
from rom.exceptions import ColumnError, InvalidOperation

if TYPE_CHECKING:
    from typing import Never


class RelationId:
    """The id of the entity that a relation refers to; see :func:`rom.id_of`."""

    name = ''

    def __init__(self, column: str) -> None:
        self.column = column

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, entity: None, owner: type) -> Mapped[int | None]: ...
    @overload
    def __get__(self, entity: object, owner: type | None = None) -> int | None: ...
    def __get__(self, entity: Any, owner: Any = None) -> Any:
        columns = owner._columns if entity is None else entity._columns
        column = columns.get(self.column)
        if column is None or not column.is_relation:
            model = owner if entity is None else type(entity)
            raise ColumnError(
                f'{model.__name__}.{self.name} = rom.id_of({self.column!r}): the model has no '
                'relation of that name'
            )
        return path_of(column) if entity is None else _id(entity, column)

    def __set__(self, entity: Any, value: Never) -> None:
        raise InvalidOperation(
            f'{type(entity).__name__}.{self.name} is read only; assign {self.column}, which takes '
            'an entity or its id'
        )


def _id(entity: Any, column: Any) -> int | None:
    name = column.name
    raw = entity._stored.get(name)
    if raw is not None and name not in entity._changed:
        id: int = column.read_stored(raw, entity).id
        return id
    value = entity._values[name] if name in entity._values else column.make_default(entity)
    return None if value is None or value._deleted else value._id


def id_of(column: str) -> RelationId:
    """Declare an attribute that reads the id of a relation, without a request.

    It is None for an entity that has no id yet. On the model, it is the relation itself, for
    queries. It cannot be set: assign an id to the relation. Any model can have one.

    Args:
        column: the name of the relation.

    Raises:
        ColumnError: on reading: the model has no such relation.

    Example::

        class Book(rom.TypedModel):
            author: rom.Ref[Author | None] = rom.relation(on_delete='cascade', default=None)
            author_id = rom.id_of('author')

        book.author_id
        Book.query.where(Book.author_id == 5)
    """
    return RelationId(column)


publish('rom', id_of)
