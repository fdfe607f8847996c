"""The session that every thread and task has already, as one object: `rom.session`."""

from __future__ import annotations

from typing import Any, cast

from rom import current
from rom.drivers.connection import connection_of
from rom.sessions.sync import Session


class _CurrentSession:
    """Stands for the current thread's or task's session."""

    def __getattr__(self, name: str) -> Any:
        return getattr(current.session(), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(current.session(), name, value)

    def __delattr__(self, name: str) -> None:
        delattr(current.session(), name)

    def __repr__(self) -> str:
        return f'<the current one: {current.session()!r}>'


current.set_up(Session, connection_of)
session = cast(Session, _CurrentSession())
