"""Stand-ins: `rom.session` for the current session, and a partner for one to be awaited."""

from __future__ import annotations

from functools import partial
from types import FunctionType
from typing import TYPE_CHECKING, Any, cast

from rom._core import session_context
from rom._core.drivers.connections import connection_of
from rom._core.sessions.sync_session import Session
from rom.exceptions import InvalidOperation

if TYPE_CHECKING:
    from rom._core.drivers.sync_driver import SyncDriver
    from rom._core.model import Model
    from rom._core.sessions.async_session import AsyncSession


class Partner(Session):
    """The sync session that replaces an AsyncSession in threads without an event loop.

    It has the same identity map: see `rom._core.entered_session`.

    Args:
        session: the AsyncSession, which also gives the warning of unwritten changes at its end.
    """

    def __init__(self, session: AsyncSession) -> None:
        super().__init__()
        self._identity = session._identity
        self._is_client_ours = session._connection is None

    def _end(self) -> None: ...

    def _driver(self, model: type[Model], from_replicas: bool = False) -> SyncDriver:
        self._check_client()
        return super()._driver(model, from_replicas)

    def _call(
        self, entity: Model, name: str | None, command: str, args: Any, kwargs: dict[str, Any]
    ) -> Any:
        self._check_client()
        return super()._call(entity, name, command, args, kwargs)

    def _check_client(self) -> None:
        """Raise InvalidOperation if the AsyncSession has its own client, which must be awaited."""
        if not self._is_client_ours:
            raise InvalidOperation(
                'this thread works in an AsyncSession that has an asyncio client of its own, and '
                'cannot await it: commit and read in the event loop, or enter a '
                '`rom.Session(connection)` in the thread'
            )


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
        method = getattr(Session, name, None)
        if type(method) is FunctionType:
            return _Method(method)
        if isinstance(method, property):
            return getattr(session_context.home(), name)  # a property such as `known` does no I/O
        return getattr(session_context.session(), name)

    def __dir__(self) -> list[str]:
        return [name for name in dir(Session) if not name.startswith('_')]

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(session_context.session(), name, value)

    def __delattr__(self, name: str) -> None:
        delattr(session_context.session(), name)

    def __repr__(self) -> str:
        return f'<the current one: {session_context.session()!r}>'


session_context.set_up(Session, Partner, connection_of)
session = cast(Session, _CurrentSession())
