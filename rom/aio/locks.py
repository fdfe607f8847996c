"""Locks between programs on several machines, for asyncio."""

from __future__ import annotations

import asyncio
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any

from rom._core.drivers.eviction_warning import noticed
from rom._core.model import Model
from rom._core.ops.locks import Claim, late_pauses
from rom.aio.cancellation import finished, patiently, start
from rom.aio.clients import Client, client_of, driver_on
from rom.exceptions import ORMError
from rom.locks import checked_entity

if TYPE_CHECKING:
    from typing import Self


class Lock(Claim):
    """A lock that at most one holder has, and that expires unless its holder refreshes it.

    It is the lock of :class:`rom.util.Lock`, and the two exclude each other. Each object is one
    holder, so tasks that must exclude each other need an object each.

    A task that is cancelled releases the lock, even while it acquires it. So does an ``acquire`` or
    ``release`` that raises, even if the server executes its request later. The task waits at most a
    second for the server; after that, attempts to release go on in the background.

    Args:
        conn: an asyncio client; a model or an entity, for its client; or a sync client, for its
            server.
        lockname: name of the lock; the key is ``lock:`` and this name.
        acquire_timeout: the longest time to wait for the lock, in seconds; 0: try once.
        lock_timeout: the time after which the lock expires unless it is refreshed, in seconds.

    Raises:
        DataRaceError: (``async with``) another holder did not release the lock in time.
        InvalidOperation: a time is invalid.

    Example::

        async with rom.aio.Lock(User, 'nightly-report', acquire_timeout=1, lock_timeout=60) as lock:
            async for user in s.stream(User.query):
                await report(user)
                await lock.refresh()
    """

    def __init__(
        self, conn: Any, lockname: str | bytes, acquire_timeout: float, lock_timeout: float
    ) -> None:
        super().__init__(lockname, acquire_timeout, lock_timeout)
        self.conn: Client = conn if hasattr(conn, 'execute_command') else client_of(conn)

    async def acquire(self) -> bool:
        """Acquire the lock, waiting if necessary; return False if another holder keeps it.

        For a holder of the lock, the time until it expires starts again.

        Example::

            if await lock.acquire():
                ...
        """
        pauses = self._pauses()
        while not await self._try():
            pause = next(pauses, None)
            if pause is None:
                return False
            await asyncio.sleep(pause)
        return True

    async def refresh(self) -> bool:
        """Restart the time until the lock expires; return False if it is no longer held.

        Example::

            await lock.refresh()
        """
        begun = time.monotonic()
        return self._note(begun, await self._step('refresh', self._token))

    async def release(self) -> bool:
        """Release the lock; return False if it was no longer held.

        Example::

            await lock.release()
        """
        what, token = self._renounce()
        return await finished(self._released(what, token))

    async def _released(self, what: str, token: bytes) -> bool:
        try:
            return await self._step(what, token)
        except ORMError:
            await patiently(start(self._void_at_last(token)))
            raise

    async def _try(self) -> bool:
        was_held, begun, token = self._is_held, time.monotonic(), self._token
        step = start(self._step('acquire', token))
        try:
            return self._note(begun, await asyncio.shield(step))
        except BaseException:
            # A lock that was held before this attempt stays held.
            if not was_held:
                self._renounce()
                await patiently(start(self._give_back(step, token)))
            raise

    async def _give_back(self, step: asyncio.Task[bool], token: bytes) -> None:
        """Release the lock if an interrupted attempt acquired it, once the attempt has ended.

        Not earlier, because the key of a new entity's lock is known only then.
        """
        await asyncio.wait([step])
        if step.cancelled() or step.exception() is not None or step.result():
            await self._void_at_last(token)

    async def _void_at_last(self, token: bytes) -> None:
        for pause in late_pauses():
            try:
                await self._step('void', token)
            except ORMError:
                await asyncio.sleep(pause)
            else:
                return

    async def _step(self, what: str, token: bytes) -> bool:
        driver = await driver_on(self.conn)
        operation = noticed(driver.connection, self._operation(what, token))
        return await driver.run(operation)

    async def __aenter__(self) -> Self:
        if not await self.acquire():
            raise self._refusal()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.release()


class EntityLock(Lock):
    """A lock on one entity. It excludes other holders of the lock, but not commits of the entity.

    Args:
        entity: the entity; a new one takes its id when the lock is acquired.
        acquire_timeout: the longest time to wait for the lock, in seconds; 0: try once.
        lock_timeout: the time after which the lock expires unless it is refreshed, in seconds.

    Example::

        async with rom.aio.EntityLock(user, 1, 10):
            ...
    """

    def __init__(self, entity: Model, acquire_timeout: float, lock_timeout: float) -> None:
        self._entity = checked_entity(entity)
        super().__init__(entity, entity._key, acquire_timeout, lock_timeout)

    async def _step(self, what: str, token: bytes) -> bool:
        entity = self._entity
        if entity._id is None and what == 'void':
            return False  # without an id there is no key, so no request was sent
        session = entity._session_here
        if entity._id is None and session.is_async:
            await session.take_ids(entity)
        self._name(entity._pk)
        return await super()._step(what, token)
