"""The sessions of one request, in any framework.

A request has a session of its own, in two forms with the same entities: a blocking one, which plain
code uses as `rom.session`, and an asyncio one for coroutines. So a dependency that runs in a thread
may load an entity, and the endpoint, a coroutine, may change it. All threads and tasks of the
request share them, and no other code uses them. They use the client of the application that serves
the request.

A request commits up to three times, each time all changes or none:

    1. before the response is sent, if its status is a success. So a conflict can still become a
       response of its own;
    2. before the end of a stream is sent: the changes of the stream. A stream that fails, or whose
       client disconnects, commits nothing more;
    3. at the end of the request: the changes made after the response, as by background tasks,
       with any status.

If a commit fails, nothing of it is written. In the end the session is rolled back.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar, cast

from rom._core import session_context
from rom._core.sessions import AsyncSession
from rom._core.sessions.partner import Partner

if TYPE_CHECKING:
    from rom._core.session_protocols import SessionLike
    from rom.contrib.settings import Settings

T = TypeVar('T')

_END: Any = object()


class RequestScope:
    """The session of one request, from its beginning to its end.

    Args:
        settings: the settings of the application.
        blocks: give coroutines the blocking form, too.

    Attributes:
        blocking: the form for plain code.
        awaited: the form for coroutines, with the same entities.
    """

    def __init__(self, settings: Settings, blocks: bool = False) -> None:
        self.awaited = AsyncSession()
        self.blocking = Partner(self.awaited)
        self._has_coroutines = False
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
        """Make the session and the application's client current within the context."""
        with session_context.connected(self._connection), session_context.shared(self):
            yield

    def session_of(self, is_task: bool) -> SessionLike | None:
        """Return the form for a task or for plain code, or None after the end of the request."""
        if self._is_over:
            return None
        if not is_task or self._blocks:
            return self.blocking
        self._has_coroutines = True
        return self.awaited

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
            if self._has_changes():
                self.blocking.commit()
        except BaseException:
            self.fail()
            raise

    async def acommit(self) -> None:
        """Asynchronous version of `commit`.

        An application of plain functions needs no asyncio client, so it commits in a thread.
        """
        try:
            if not self._has_changes():
                return
            if self._has_coroutines:
                await self.awaited.commit()
            else:
                await asyncio.to_thread(self.blocking.commit)
        except BaseException:
            self.fail()
            raise

    def note_response(self) -> None:
        """Note that the response was sent; its status does not decide on later changes."""
        self._writes = self._settings.commit

    def fail(self) -> None:
        """Roll back the changes, and commit none that follow."""
        self._has_failed = True
        self.awaited.rollback()

    def end(self) -> None:
        """Roll back the session, and stop being the current one.

        Warns of changes that were made after the last commit, as by a hook, and are lost.
        """
        if self._writes and not self._has_failed:
            self.awaited._end()
        else:
            self.awaited.rollback()
        self._is_over = True

    def _set_outcome(self, status: int) -> None:
        self._writes = self._settings.is_success(status)

    def _has_changes(self) -> bool:
        """Tell whether there are changes, or roll back if they are not to be committed."""
        if self._writes and not self._has_failed:
            return bool(self.awaited._identity.modified)
        self.awaited.rollback()
        return False


class Stream(Iterator[T]):
    """Iterator over a response's body that runs each step in the request's session.

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
