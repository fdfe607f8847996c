"""The models of this package by name, for references that name theirs. It keeps none alive."""

from __future__ import annotations

import weakref
from typing import Any

_models: weakref.WeakValueDictionary[str, type[Any]] = weakref.WeakValueDictionary()


def register(model: type[Any]) -> None:
    """Enter a model; one of the same name gives way to it."""
    _models[model.__name__] = model


def named(name: str) -> type[Any] | None:
    """The model with a name, if there is one."""
    return _models.get(name)


def models() -> list[type[Any]]:
    """All models."""
    return list(_models.values())
