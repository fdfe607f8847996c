"""One use of a session in ``with``, for all contexts that are copied before its end.

All code that begins inside works in the session, which writes its changes. So do threads whose job
runs in a copy of the context (`asyncio.to_thread`, anyio, asgiref, an executor's
``copy_context().run``).

An `AsyncSession` must be awaited, which a thread without an event loop cannot do. There, its
*partner* replaces it: a sync session with the same identity map, which writes the same changes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import Token
from threading import current_thread
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rom._core.session_protocols import SessionLike


class Entered:
    """A session that was entered, and the one entered around it.

    Args:
        session: the session.
        outer: the entry that was current before, or None.
        make_partner: makes the partner of an AsyncSession.

    Attributes:
        is_open: whether the session was not left yet. A copy of the context may exist longer.
        token: resets the context variable.
    """

    __slots__ = ('_make_partner', '_partner', '_thread', 'is_open', 'outer', 'session', 'token')

    token: Token[Any]

    def __init__(
        self,
        session: SessionLike,
        outer: Entered | None,
        make_partner: Callable[[Any], SessionLike],
    ) -> None:
        self.session = session
        self.outer = outer
        self.is_open = True
        self._thread = current_thread()
        self._partner: SessionLike | None = None
        self._make_partner = make_partner

    def session_here(self) -> SessionLike:
        """Return the session for the running code: this one, or its partner."""
        if not self.session.is_async or asyncio._get_running_loop() is not None:
            return self.session
        return self.session if current_thread() is self._thread else self._get_partner()

    def _get_partner(self) -> SessionLike:
        # Two threads may make one at once; either will do, because they share the identity map.
        if self._partner is None:
            self._partner = self._make_partner(self.session)
        return self._partner
