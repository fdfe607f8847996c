"""Steps: the work of a session as generators, written once for both sessions.

A generator yields `RunOn(model, operation)`, and is sent the result of that operation on the
connection of the model. Session runs it at once, AsyncSession awaits it.

A *part* of a session is an object with such generators for one task, as loading or deleting. It
has the identity map of the session and the parts that it calls. The few parts that need the session
itself refer to it weakly: a circle would keep a dropped session, and its warning of unwritten
changes, until Python's garbage collector runs.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, NamedTuple, TypeAlias, TypeVar

from rom._core.entered_session import SessionLike
from rom._core.model import Model
from rom._core.ops.requests import Operation

T = TypeVar('T')


class RunOn(NamedTuple):
    """An operation, with the model on whose connection it runs."""

    model: type[Model]
    operation: Operation[Any]


Work: TypeAlias = Generator[RunOn, Any, T]


#: Returns the session that has a part, while it lives.
SessionRef: TypeAlias = Callable[[], SessionLike]
