"""One entering of a session: from ``with`` to its end, for all contexts that are copied meanwhile.

Everything that begins inside works in the session: it writes what they change. Threads do so too,
where a job runs in a copy of the context (`asyncio.to_thread`, anyio, asgiref, an executor's
``copy_context().run``).

An `AsyncSession` is awaited, and a thread without an event loop cannot do that. There, its
*partner* stands for it: a sync session that knows the same entities, and writes the same changes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import Token
from threading import current_thread
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from rom._core.session_context import AnySession
    from rom._core.sessions import AsyncSession, Session


class Entered:
    """A session that was entered, and what was entered around it.

    Args:
        session: which.
        outer: what was the current one before.
        make_partner: makes what stands for an AsyncSession.

    Attributes:
        is_open: it was not left yet. A copy of the context may be there for longer.
        token: what sets the context variable back.
    """

    __slots__ = ('_make_partner', '_partner', '_thread', 'is_open', 'outer', 'session', 'token')

    token: Token[Any]

    def __init__(
        self,
        session: AnySession,
        outer: Entered | None,
        make_partner: Callable[[AsyncSession], Session],
    ) -> None:
        self.session = session
        self.outer = outer
        self.is_open = True
        self._thread = current_thread()
        self._partner: Session | None = None
        self._make_partner = make_partner

    def session_here(self) -> AnySession:
        """The session that the running code works in: this one, or its partner."""
        if not self.session.is_async or asyncio._get_running_loop() is not None:
            return self.session
        return self.session if current_thread() is self._thread else self._get_partner()

    def _get_partner(self) -> Session:
        # Of two that are made at once, either will do: they know the same.
        if self._partner is None:
            self._partner = self._make_partner(cast('AsyncSession', self.session))
        return self._partner
