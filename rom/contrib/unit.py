"""The story of one request, whatever the framework.

A request has sessions of its own, one that blocks and one to await: plain code finds the first as
`rom.session`, new entities of a coroutine belong to the other. All threads and tasks that work for
the request find the same two, and nobody else does. They use the connection of the application that
serves the request.

What was changed is written in parts, each all or nothing:

    1. the response is about to leave: committed if its status is a success. So a violation can
       still become a response of its own;
    2. its end is about to leave: what a stream changed. A stream that failed, or that the client
       did not wait for, writes nothing more;
    3. all is over: what was done after the response, as by background tasks, whatever its status.

Where a part failed, nothing of it is written. In the end all is forgotten.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, TypeVar, cast

from rom import current
from rom.exceptions import InvalidOperation
from rom.sessions import AsyncSession, Session

if TYPE_CHECKING:
    from rom.contrib.settings import Settings
    from rom.current import AnySession

T = TypeVar('T')

_END: Any = object()


class Unit:
    """One request's sessions, from its beginning to its end.

    Args:
        settings: what becomes of its changes.
        blocks: coroutines get the session that blocks, too.

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
        # One within another, as a part of an application, has what the other one has.
        self._connection = own if own is not None else current.connection()
        self._writes = False
        self._has_failed = False
        self._is_over = False

    @contextmanager
    def active(self) -> Iterator[None]:
        """Have all that runs inside use these sessions, and the application's connection."""
        with current.connected(self._connection), current.shared(self):
            yield

    def session_of(self, is_task: bool) -> AnySession | None:
        """What `rom.current` asks."""
        if self._is_over:
            return None
        return self.awaited if is_task and not self._blocks else self.blocking

    def respond(self, status: int) -> None:
        """A response with this status is about to leave.

        Raises:
            ORMError: its changes cannot be written; nothing of them was.
        """
        self._judge(status)
        self.proceed()

    async def arespond(self, status: int) -> None:
        """The same, awaited."""
        self._judge(status)
        await self.aproceed()

    def proceed(self) -> None:
        """A part is done: commit what it changed, or forget it, as the response was judged.

        Raises:
            ORMError: it cannot be written; nothing of it was.
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

    async def aproceed(self) -> None:
        """The same, awaited."""
        try:
            for session in self._changed():
                if isinstance(session, AsyncSession):
                    await session.commit()
                else:
                    await asyncio.to_thread(session.commit)
        except BaseException:
            self.fail()
            raise

    def answered(self) -> None:
        """The response has left, whatever its status. What follows is judged by itself."""
        self._writes = self._settings.commit

    def fail(self) -> None:
        """Write nothing of what was changed, nor of what will be."""
        self._has_failed = True
        self.blocking.rollback()
        self.awaited.rollback()

    def end(self) -> None:
        """Forget everything. Who asks for a session from now on gets another one.

        What was to be written, and was changed after the last commit, as by a hook, is told of.
        """
        for session in (self.blocking, self.awaited):
            if self._writes and not self._has_failed:
                session._end()
            else:
                session.rollback()
        self._is_over = True

    def _judge(self, status: int) -> None:
        self._writes = self._settings.is_success(status)

    def _changed(self) -> list[AnySession]:
        """The session with something to write. If nothing is to be written, it is forgotten."""
        if not self._writes or self._has_failed:
            self.blocking.rollback()
            self.awaited.rollback()
            return []
        sessions: tuple[AnySession, ...] = (self.blocking, self.awaited)
        changed = [session for session in sessions if session._identity.modified]
        if len(changed) > 1:
            raise InvalidOperation(
                'one request has changed entities both in rom.session (plain functions) and in '
                'its AsyncSession (coroutines), which cannot be written in one step; nothing was '
                'written. Do it in one of them, or commit one of them yourself'
            )
        return changed


def _run(work: Coroutine[Any, Any, Any]) -> None:
    """Await something in plain code, in a thread of its own: this one's event loop is not ours."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(copy_context().run, asyncio.run, work).result()


class Stream(Iterator[T]):
    """A response's body, each step of which has the request's sessions; ``close`` ends it.

    Args:
        unit: the request, which has responded.
        chunks: the body.
        closers: what else is to be called at the end.
    """

    def __init__(
        self, unit: Unit, chunks: Iterable[T], closers: Iterable[Callable[[], object]] = ()
    ) -> None:
        self._unit = unit
        self._chunks = chunks
        self._closers = [getattr(chunks, 'close', None), *closers]
        self._iterator: Iterator[T] | None = None
        self._is_whole = False

    def __next__(self) -> T:
        chunk: Any = _END
        if not self._is_whole:
            with self._unit.active():
                if self._iterator is None:
                    self._iterator = iter(self._chunks)
                chunk = next(self._iterator, _END)
                if chunk is _END:
                    # Before the client is told that this was all: what cannot be written shows.
                    self._unit.proceed()
                    self._is_whole = True
        if chunk is _END:
            raise StopIteration
        return cast(T, chunk)

    def close(self) -> None:
        """The response has left, or nobody waits for it any more."""
        try:
            with self._unit.active():
                if not self._is_whole:
                    self._unit.fail()
                while self._closers:
                    if (close := self._closers.pop(0)) is not None:
                        close()
                self._unit.proceed()
        finally:
            self._unit.end()


async def stream(unit: Unit, chunks: Any) -> AsyncIterator[Any]:
    """The same for a body that is awaited: an asynchronous generator, whose end is the end.

    Args:
        unit: the request, which has responded.
        chunks: the body, to iterate over with ``async for``.
    """
    iterator = aiter(chunks)
    try:
        while True:
            with unit.active():
                chunk = await anext(iterator, _END)
                if chunk is _END:
                    await unit.aproceed()
                    return
            yield chunk
    finally:
        with unit.active():
            if hasattr(iterator, 'aclose'):
                await iterator.aclose()
        unit.end()
