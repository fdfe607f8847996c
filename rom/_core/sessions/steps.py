"""Work: what a session does, as generators, so that it is written once for both sessions.

A step of it is `On(model, operation)`: carry this out on the connection of that model. The sync
session does so at once, the other one awaits it.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, NamedTuple, TypeAlias, TypeVar

from rom._core.model import Model
from rom._core.ops.requests import Operation

T = TypeVar('T')


class On(NamedTuple):
    """An operation, and the model on whose connection it runs."""

    model: type[Model]
    operation: Operation[Any]


Work: TypeAlias = Generator[On, Any, T]
