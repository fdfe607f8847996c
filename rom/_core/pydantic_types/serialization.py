"""Values of an entity for serialization. A relation gives its id, and loads nothing."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from rom._core.columns.relations import GivenId
from rom._core.pydantic_types.column_types import id_of


def shown(entity: Any, name: str) -> Any:
    """Return the value of a column; a relation gives its id, and a OneToMany a list of ids.

    Raises:
        CorruptRowError: the stored value does not decode.
        InvalidOperation: under an AsyncSession, a new entity without an id, or a list that is not
            loaded.
    """
    schema = entity._schema
    if name in schema.lists:
        return [one._need_id() for one in getattr(entity, name)]
    column = schema.columns.get(name)
    if column is None or not (column.is_relation or column.is_foreign):
        return getattr(entity, name)
    if name not in entity._values:
        raw = entity._stored.get(name)
        if raw is not None:
            return column.read_stored(raw, entity._key).id
    value = entity._values.get(name)
    if isinstance(value, GivenId):
        return value.id
    value = getattr(entity, name)
    return None if value is None else id_of(column, value)


class Seen:
    """View of an entity for pydantic: some attributes give ids, the others are unchanged."""

    __slots__ = ('_entity', '_ids')

    def __init__(self, entity: Any, ids: Container[str]) -> None:
        self._entity = entity
        self._ids = ids

    def __getattr__(self, name: str) -> Any:
        return shown(self._entity, name) if name in self._ids else getattr(self._entity, name)

    def __repr__(self) -> str:
        return repr(self._entity)  # for error messages
