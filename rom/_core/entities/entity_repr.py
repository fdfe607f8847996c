"""The one-line representation of an entity, for a shell, a log or a failed test.

It does no I/O, loads nothing and changes no state. It returns a line for any row, and for any
column that a program defines.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from rom._core.columns import Column
from rom._core.columns.relations import GivenId, Reference
from rom._core.encoding.text import shorten, show, show_name
from rom._core.model_registry import MODELS

if TYPE_CHECKING:
    from rom._core.entities.entity import Entity

#: The maximum number of characters.
MOST: Final = 400
# The number of bytes of a stored value that are decoded: enough for what `show` prints of it.
_ENOUGH: Final = 1000


def shown(entity: Entity) -> str:
    """Return the key of an entity's row and its values, of at most 400 printable characters.

    A relation is shown as the key of its target. A column without a value is left out.

    Example::

        shown(user)     # "<User:1 name='Ann', age=42, team=<Team:4>>"
    """
    try:
        parts = ', '.join(_parts(entity))
        line = f'{entity._key} {parts}' if parts else entity._key
    except Exception:  # raised by a property with which a program replaced a column
        line = f'{type(entity).__name__} object'
    return f'<{shorten(line, MOST - 2)}>'


def _parts(entity: Entity) -> Iterator[str]:
    values, stored, primary = entity._values, entity._stored, entity._schema.primary
    for name, column in entity._columns.items():
        if name in values:
            part = _value(column, values[name])
        elif name != primary and name in stored:
            part = _stored(column, stored[name])
        else:
            continue
        if part is not None:
            yield f'{show_name(name)}={part}'


def _value(column: Column[Any], value: Any) -> str | None:
    if value is None:
        return None
    if column.is_relation and isinstance(value, GivenId):
        return _target(column, value.id)
    return f'<{value._key}>' if column.is_relation else show(value)


def _stored(column: Column[Any], raw: bytes) -> str:
    """Show a stored value, decoded only for this; raw bytes if it does not decode."""
    if len(raw) > _ENOUGH:
        if not column.is_string:
            return show(raw)
        raw = raw[:_ENOUGH].decode('utf-8', 'ignore').encode('utf-8')
    try:
        value = column.decode(raw)
    except Exception:
        return show(raw)
    if isinstance(value, Reference):
        return _target(column, value.id) if column.is_relation else f'<id {value.id}>'
    return show(value)


def _target(column: Any, id: int | None) -> str:
    model = MODELS.get(column.ftable)
    return f'<{column.ftable if model is None else model._namespace}:{id}>'
