"""The proxy for the current session, `rom.session`.

It imports the sessions, and the layers below them, when the first session is needed: a program
that only declares models needs none.
"""

from __future__ import annotations

from functools import cache, partial
from types import FunctionType
from typing import TYPE_CHECKING, Any, cast

from rom._core import session_context
from rom._core.drivers.connections import connection_of

if TYPE_CHECKING:
    from rom._core.sessions.async_session import AsyncSession
    from rom._core.sessions.sync_session import Session


class _Method:
    """A method that is looked up in the current session when it is called.

    A program may take it in one place and call it in another, for example in a thread: see
    `sync_to_async` of asgiref, `loop.run_in_executor`, `threading.Thread(target=...)`.
    """

    def __init__(self, method: FunctionType) -> None:
        self.__name__, self.__doc__ = method.__name__, method.__doc__
        self.__wrapped__ = partial(method, None)  # so that its signature has no `self`

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        return getattr(session_context.session(), self.__name__)(*args, **kwargs)


class _CurrentSession:
    """A proxy for the current session."""

    def __getattr__(self, name: str) -> Any:
        method = getattr(_class(), name, None)
        if type(method) is FunctionType:
            return _Method(method)
        if isinstance(method, property):
            return getattr(session_context.home(), name)  # a property such as `known` does no I/O
        return getattr(session_context.session(), name)

    def __dir__(self) -> list[str]:
        return [name for name in dir(_class()) if not name.startswith('_')]

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(session_context.session(), name, value)

    def __delattr__(self, name: str) -> None:
        delattr(session_context.session(), name)

    def __repr__(self) -> str:
        return f'<the current one: {session_context.session()!r}>'


@cache
def _class() -> type[Session]:
    """Return the class of sessions; cached, because an import at each call takes its time."""
    from rom._core.sessions.sync_session import Session

    return Session


def _make() -> Session:
    return _class()()


def _make_partner(session: AsyncSession) -> Session:
    from rom._core.sessions.partner import Partner

    return Partner(session)


session_context.set_up(_make, _make_partner, connection_of)
session = cast('Session', _CurrentSession())
