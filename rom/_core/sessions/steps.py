"""Steps: the work of a session as generators, written once for both sessions.

A generator yields `On(model, operation)`, and is sent the result of that operation on the
connection of the model. Session runs it at once, AsyncSession awaits it.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, NamedTuple, TypeAlias, TypeVar

from rom._core.model import Model
from rom._core.ops.requests import Operation

T = TypeVar('T')


class On(NamedTuple):
    """An operation, with the model on whose connection it runs."""

    model: type[Model]
    operation: Operation[Any]


Work: TypeAlias = Generator[On, Any, T]
