"""The sessions of one request, in any framework.

A request has two sessions of its own, a blocking one and an asyncio one. Plain code uses the first
as `rom.session`; new entities of a coroutine belong to the second. All threads and tasks of the
request share these two, and no other code uses them. They use the client of the application that
serves the request.

A request commits up to three times, each time all changes or none:

    1. before the response is sent, if its status is a success. So a conflict can still become a
       response of its own;
    2. before the end of a stream is sent: the changes of the stream. A stream that fails, or whose
       client disconnects, commits nothing more;
    3. at the end of the request: the changes made after the response, as by background tasks,
       with any status.

If a commit fails, nothing of it is written. In the end the sessions are rolled back.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, TypeVar, cast

from rom._core import session_context
from rom._core.sessions import AsyncSession, Session
from rom.exceptions import InvalidOperation

if TYPE_CHECKING:
    from rom._core.session_protocols import SessionLike
    from rom.contrib.settings import Settings

T = TypeVar('T')

_END: Any = object()


class RequestScope:
    """The sessions of one request, from its beginning to its end.

    Args:
        settings: the settings of the application.
        blocks: give coroutines the blocking session, too.

    Attributes:
        blocking: the session of plain code.
        awaited: the session of coroutines.
    """

    def __init__(self, settings: Settings, blocks: bool = False) -> None:
        self.blocking = Session()
        self.awaited = AsyncSession()
        self._settings = settings
        self._blocks = blocks
        own = settings.own
        # An application that is mounted in another one inherits the client of that one.
        self._connection = own if own is not None else session_context.connection()
        self._writes = False
        self._has_failed = False
        self._is_over = False

    @contextmanager
    def active(self) -> Iterator[None]:
        """Make these sessions and the application's client current within the context."""
        with session_context.connected(self._connection), session_context.shared(self):
            yield

    def session_of(self, is_task: bool) -> SessionLike | None:
        """Return the session of a task or of plain code, or None after the end of the request."""
        if self._is_over:
            return None
        return self.awaited if is_task and not self._blocks else self.blocking

    def commit_for(self, status: int) -> None:
        """Commit or roll back the changes, before a response with this status is sent.

        Raises:
            ORMError: the commit failed; nothing was written.
        """
        self._set_outcome(status)
        self.commit()

    async def acommit_for(self, status: int) -> None:
        """Asynchronous version of `commit_for`."""
        self._set_outcome(status)
        await self.acommit()

    def commit(self) -> None:
        """Commit the changes, or roll them back if the status of the response was no success.

        Raises:
            ORMError: the commit failed; nothing was written.
        """
        try:
            for session in self._changed():
                if isinstance(session, AsyncSession):
                    _run(session.commit())
                else:
                    session.commit()
        except BaseException:
            self.fail()
            raise

    async def acommit(self) -> None:
        """Asynchronous version of `commit`."""
        try:
            for session in self._changed():
                if isinstance(session, AsyncSession):
                    await session.commit()
                else:
                    await asyncio.to_thread(session.commit)
        except BaseException:
            self.fail()
            raise

    def note_response(self) -> None:
        """Note that the response was sent; its status does not decide on later changes."""
        self._writes = self._settings.commit

    def fail(self) -> None:
        """Roll back the changes, and commit none that follow."""
        self._has_failed = True
        self.blocking.rollback()
        self.awaited.rollback()

    def end(self) -> None:
        """Roll back the sessions, and stop being the current ones.

        Warns of changes that were made after the last commit, as by a hook, and are lost.
        """
        for session in (self.blocking, self.awaited):
            if self._writes and not self._has_failed:
                session._end()
            else:
                session.rollback()
        self._is_over = True

    def _set_outcome(self, status: int) -> None:
        self._writes = self._settings.is_success(status)

    def _changed(self) -> list[Session | AsyncSession]:
        """Return the session that has changes, or roll back if they are not to be committed."""
        if not self._writes or self._has_failed:
            self.blocking.rollback()
            self.awaited.rollback()
            return []
        sessions: tuple[Session | AsyncSession, ...] = (self.blocking, self.awaited)
        changed = [session for session in sessions if session._identity.modified]
        if len(changed) > 1:
            raise InvalidOperation(
                'one request has changed entities both in rom.session (plain functions) and in '
                'its AsyncSession (coroutines), which cannot be committed together; nothing was '
                'written. Make all changes in one of them, or commit one of them yourself'
            )
        return changed


def _run(work: Coroutine[Any, Any, Any]) -> None:
    """Run a coroutine from plain code, in a new thread, because this one may run an event loop."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(copy_context().run, asyncio.run, work).result()


class Stream(Iterator[T]):
    """Iterator over a response's body that runs each step in the request's sessions.

    ``close`` ends the request.

    Args:
        request_scope: the request, after `commit_for`.
        chunks: the body.
        closers: further functions to call at the end.
    """

    def __init__(
        self,
        request_scope: RequestScope,
        chunks: Iterable[T],
        closers: Iterable[Callable[[], object]] = (),
    ) -> None:
        self._request_scope = request_scope
        self._chunks = chunks
        self._closers = [getattr(chunks, 'close', None), *closers]
        self._iterator: Iterator[T] | None = None
        self._is_whole = False

    def __next__(self) -> T:
        chunk: Any = _END
        if not self._is_whole:
            with self._request_scope.active():
                if self._iterator is None:
                    self._iterator = iter(self._chunks)
                chunk = next(self._iterator, _END)
                if chunk is _END:
                    # Commit before the server ends the body, so that a client whose changes
                    # cannot be written sees a broken response.
                    self._request_scope.commit()
                    self._is_whole = True
        if chunk is _END:
            raise StopIteration
        return cast(T, chunk)

    def close(self) -> None:
        """End the request, after the response was sent or the client disconnected."""
        try:
            with self._request_scope.active():
                if not self._is_whole:
                    self._request_scope.fail()
                while self._closers:
                    if (close := self._closers.pop(0)) is not None:
                        close()
                self._request_scope.commit()
        finally:
            self._request_scope.end()


async def stream(request_scope: RequestScope, chunks: Any) -> AsyncIterator[Any]:
    """Asynchronous version of `Stream`; the end of this generator ends the request.

    Args:
        request_scope: the request, after `commit_for`.
        chunks: the body, an async iterable.
    """
    iterator = aiter(chunks)
    try:
        while True:
            with request_scope.active():
                chunk = await anext(iterator, _END)
                if chunk is _END:
                    await request_scope.acommit()
                    return
            yield chunk
    finally:
        with request_scope.active():
            if hasattr(iterator, 'aclose'):
                await iterator.aclose()
        request_scope.end()
