"""Registry of models by name, for references that give a name. It holds weak references."""

from __future__ import annotations

import weakref
from typing import Any

_models: weakref.WeakValueDictionary[str, type[Any]] = weakref.WeakValueDictionary()


def register(model: type[Any]) -> None:
    """Register a model, in place of an earlier one of the same name."""
    _models[model.__name__] = model


def named(name: str) -> type[Any] | None:
    """Return the model with a name, or None."""
    return _models.get(name)


def models() -> list[type[Any]]:
    """Return all models."""
    return list(_models.values())
