"""Checks of what programs pass to a session: entities, lists of them, and queries."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rom._core.encoding.text import show
from rom._core.model import Model
from rom.exceptions import ArgumentError, ORMError


def check_entity(entity: object) -> None:
    """Raise ORMError for an object that is not an entity."""
    if not isinstance(entity, Model):
        raise ORMError(f'a session takes entities of models, not {show(entity)}')


def flat(objects: Iterable[Any]) -> list[Any]:
    """Return entities, and those in nested lists, as one list.

    Raises:
        ORMError: an item is neither an entity nor a list.
    """
    found: list[Any] = []
    try:
        _collect(objects, found)
    except RecursionError:
        raise ORMError('lists of entities lie too deep in one another') from None
    return found


def _collect(objects: Iterable[Any], into: list[Any]) -> None:
    for item in objects:
        if isinstance(item, (list, tuple, set, frozenset)):
            _collect(item, into)
        else:
            check_entity(item)
            into.append(item)


def model_of(query: Any) -> Any:
    """Return the model of a query.

    Raises:
        ArgumentError: the argument is not a query.
    """
    from rom._core.query import Query

    if not isinstance(query, Query):
        raise ArgumentError(
            f'the session was given {show(query)}: expected a query, as User.query.filter(age=42)'
        )
    return query.model
