"""Reverses that ``related_name`` declares: attributes that one model gives to another.

The two models may be defined in any order, so the reverse is made when the second one is. A
subclass inherits the column, and not the reverse: its attribute would need a name of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rom._core.model_registry import MODELS, links_to
from rom.exceptions import ColumnError


def reverses_with(model: Any) -> list[tuple[Any, str, Any]]:
    """Return the reverses to add with a new model: the model of each, its name and the reverse.

    Raises:
        ColumnError: the name is taken on the other model.
    """
    found: list[tuple[Any, str, Any]] = []
    for linking, name in _pairs(model):
        column = linking._columns[name]
        target = model if column.ftable in _names(model) else MODELS.get(column.ftable)
        related_name = column.related_name
        if target is None or related_name is None or vars(linking).get(name) is not column:
            continue
        taken = [one for one in found if one[:2] == (target, related_name)]
        if taken or hasattr(target, related_name):
            raise ColumnError(
                f'{linking.__name__}.{name}: {target.__name__} has an attribute {related_name!r}; '
                'choose another related_name'
            )
        found.append((target, related_name, column.reverse_for(linking)))
    return found


def _pairs(model: Any) -> Iterator[tuple[Any, str]]:
    for name in model._schema.links:
        yield model, name
    for linking, name in links_to(model):
        if linking is not model:
            yield linking, name


def _names(model: Any) -> tuple[str, str]:
    return model.__name__, model._namespace


def add_reverses(reverses: list[tuple[Any, str, Any]]) -> None:
    """Make the reverses attributes of their models."""
    for target, name, reverse in reverses:
        reverse.name = name
        setattr(target, name, reverse)
        target._schema.lists[name] = reverse
