"""Locks that programs on several machines share."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING, Any

import redis
import redis.asyncio

from rom.drivers.connection import connection_of
from rom.drivers.sync import SyncDriver
from rom.exceptions import InvalidOperation
from rom.model import Model
from rom.ops.locks import Claim

if TYPE_CHECKING:
    from typing import Self


class Lock(Claim):
    """A lock that one holder has at a time, and loses when it does not refresh it in time.

    Args:
        conn: the client, or a model or an entity whose client it is.
        lockname: what is locked; the key is ``lock:`` and this name.
        acquire_timeout: how long to wait for it, in seconds; 0: one try.
        lock_timeout: how long it is held, unless it is refreshed, in seconds.

    Raises:
        DataRaceError: (``with``) another has it, and did not give it back in time.
        InvalidOperation: the times make no sense.

    Example::

        with rom.util.Lock(User, 'nightly-report', acquire_timeout=1, lock_timeout=60) as lock:
            for user in User.query:
                report(user)
                lock.refresh()
    """

    def __init__(
        self, conn: Any, lockname: str | bytes, acquire_timeout: float, lock_timeout: float
    ) -> None:
        super().__init__(lockname, acquire_timeout, lock_timeout)
        if isinstance(conn, redis.asyncio.Redis):
            raise InvalidOperation('a Lock takes a client that blocks; for asyncio, rom.aio.Lock')
        self.conn: redis.Redis = conn if hasattr(conn, 'execute_command') else connection_of(conn)

    def acquire(self) -> bool:
        """Take the lock, waiting for it if need be; False if another keeps it all that time.

        Who has it already holds it from now on for the whole time again.

        Example::

            if lock.acquire():
                ...
        """
        pauses = self._pauses()
        while not self._step('acquire'):
            pause = next(pauses, None)
            if pause is None:
                return False
            time.sleep(pause)
        return True

    def refresh(self) -> bool:
        """Hold the lock for the whole time again, from now on; False if it is ours no more.

        Example::

            lock.refresh()
        """
        return self._step('refresh')

    def release(self) -> bool:
        """Give the lock back; False if it was ours no more.

        Example::

            lock.release()
        """
        return self._step('release')

    def _step(self, what: str) -> bool:
        return SyncDriver(self.conn).run(self._operation(what))

    def __enter__(self) -> Self:
        if not self.acquire():
            raise self._refusal()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


class EntityLock(Lock):
    """A lock on one entity. It keeps out others that take the same lock, not those that save.

    Args:
        entity: what is locked; a new one gets its id now.
        acquire_timeout: how long to wait for it, in seconds; 0: one try.
        lock_timeout: how long it is held, unless it is refreshed, in seconds.

    Example::

        with rom.util.EntityLock(user, 1, 10):
            ...
    """

    def __init__(self, entity: Model, acquire_timeout: float, lock_timeout: float) -> None:
        checked_entity(entity)
        super().__init__(entity, entity._pk, acquire_timeout, lock_timeout)


def checked_entity(entity: Any) -> Model:
    """What an EntityLock takes.

    Raises:
        InvalidOperation: it is no entity.
    """
    if not isinstance(entity, Model):
        raise InvalidOperation(f'an EntityLock takes an entity, not {entity!r}')
    return entity
