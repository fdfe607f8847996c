"""The sync session that replaces an AsyncSession in threads without an event loop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
