"""OneToMany: the entities of another model whose relation refers to an entity.

The other model stores the relation; its index finds the entities of the list.
"""

from __future__ import annotations

from typing import Any, overload

from rom._core.columns.column_owner import Holder
from rom._core.columns.relation_paths import RelationPath, path_of
from rom._core.columns.relations import model_called
from rom.exceptions import ColumnError, InvalidOperation


class OneToMany:
    """The entities of another model that refer to this one; the row stores nothing of it.

    Each read returns a new list, without deleted entities. Appending to the list changes nothing:
    assign the column of the other entity instead.

    Args:
        ftable: the other model's name; it may be defined later.
        column: the column of that model, where several refer to this one.

    Raises:
        ColumnError: several columns refer to this model and `column` is missing (raised as soon as
            both models are defined), or no column does (raised on read).
        InvalidOperation: the attribute is assigned or deleted.

    Example::

        books = rom.OneToMany('Book')
        ann.books
    """

    name = ''

    def __init__(self, ftable: str, column: str | None = None) -> None:
        self.ftable = ftable if isinstance(ftable, str) else getattr(ftable, '__name__', '')
        self.column = column

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = self.name or name  # the metaclass refuses a second one

    def get_related_model(self) -> Any:
        """Return the model of the listed entities.

        Raises:
            ORMError: no model of that name is defined yet.

        Example::

            Author.books.get_related_model()
        """
        return model_called(self.ftable, self.name)

    def candidates(self, model: Any, other: Any) -> list[str]:
        """Return the columns of the other model that refer to this one and match `column`."""
        names = (model.__name__, model._namespace)
        return [
            name
            for name, column in other._columns.items()
            if column.is_relation and column.ftable in names and self.column in (None, name)
        ]

    def referring_column(self, model: Any, other: Any = None) -> str:
        """Return the column of the other model that refers to this one.

        Raises:
            ORMError: the other model is not defined.
            ColumnError: the other model has no such column, or several.
        """
        other = other or self.get_related_model()
        found = self.candidates(model, other)
        if len(found) == 1:
            return found[0]
        named = f' {self.column!r}' if self.column else ''
        raise ColumnError(
            f'{model.__name__}.{self.name}: {other.__name__} has '
            + (
                f'several columns that refer to {model.__name__} ({", ".join(found)}): name one, '
                f'as OneToMany({self.ftable!r}, column={found[0]!r})'
                if found
                else f'no column{named} that refers to {model.__name__}'
            )
        )

    def targets_in(self, row: Any, name: str) -> list[int]:
        """Return the ids that a row of the other model refers to in a column."""
        id = row.refers(name)
        return [] if id is None else [id]

    @overload
    def __get__(self, entity: None, owner: type) -> RelationPath[Any]: ...
    @overload
    def __get__(self, entity: Holder, owner: type | None = None) -> list[Any]: ...
    def __get__(self, entity: Holder | None, owner: type | None = None) -> Any:
        if entity is None:
            return path_of(self)
        if self.name not in entity._related:
            return entity._load_related(self.name)
        return [other for other in entity._related[self.name] if not other._deleted]

    def __set__(self, entity: Holder, value: Any) -> None:
        self._refuse(entity)

    def __delete__(self, entity: Holder) -> None:
        self._refuse(entity)

    def _refuse(self, entity: Holder) -> None:
        raise InvalidOperation(
            f'{type(entity).__name__}.{self.name} lists the {self.ftable} entities that refer to '
            'this one and cannot be assigned; assign the column of those entities'
        )
