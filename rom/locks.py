"""Locks between programs on several machines."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any

import redis
import redis.asyncio

from rom._core.drivers.connections import connection_of
from rom._core.drivers.eviction_warning import noticed
from rom._core.drivers.sync_driver import SyncDriver
from rom._core.encoding.text import show
from rom._core.model import Model
from rom._core.ops.locks import Claim, late_pauses
from rom.exceptions import InvalidOperation, ORMError

__all__ = ['EntityLock', 'Lock']

if TYPE_CHECKING:
    from typing import Self

#: The longest time that an error waits until its lock is released, in seconds.
PATIENCE = 1.0


class Lock(Claim):
    """A lock that at most one holder has, and that expires unless its holder refreshes it.

    An ``acquire`` or ``release`` that raises releases the lock, even if the server executes its
    request later. It waits at most a second for the server; after that, attempts to release go on
    in a thread.

    Args:
        conn: the client; or a model or an entity, for its client.
        lockname: name of the lock; the key is ``lock:`` and this name.
        acquire_timeout: the longest time to wait for the lock, in seconds; 0: try once.
        lock_timeout: the time after which the lock expires unless it is refreshed, in seconds.

    Raises:
        DataRaceError: (``with``) another holder did not release the lock in time.
        InvalidOperation: a time is invalid, or `conn` is an asyncio client.

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
        if isinstance(conn, (redis.asyncio.Redis, redis.asyncio.RedisCluster)):
            raise InvalidOperation('Lock: expected a redis.Redis; for asyncio use rom.aio.Lock')
        self.conn: redis.Redis = conn if hasattr(conn, 'execute_command') else connection_of(conn)

    def acquire(self) -> bool:
        """Acquire the lock, waiting if necessary; return False if another holder keeps it.

        For a holder of the lock, the time until it expires starts again.

        Example::

            if lock.acquire():
                ...
        """
        pauses = self._pauses()
        while not self._try():
            pause = next(pauses, None)
            if pause is None:
                return False
            time.sleep(pause)
        return True

    def refresh(self) -> bool:
        """Restart the time until the lock expires; return False if it is no longer held.

        Example::

            lock.refresh()
        """
        begun = time.monotonic()
        return self._note(begun, self._step('refresh', self._token))

    def release(self) -> bool:
        """Release the lock; return False if it was no longer held.

        Example::

            lock.release()
        """
        what, token = self._renounce()
        try:
            return self._step(what, token)
        except BaseException:
            self._void(token)
            raise

    def _try(self) -> bool:
        was_held, begun, token = self._is_held, time.monotonic(), self._token
        try:
            return self._note(begun, self._step('acquire', token))
        except BaseException:
            # A lock that was held before this attempt stays held.
            if not was_held:
                self._renounce()
                self._void(token)
            raise

    def _void(self, token: bytes) -> None:
        """Release the lock of this token, and make the server refuse the token from now on.

        It runs in a thread, because the caller has an error to raise and the server may hang.
        """
        work = threading.Thread(target=self._void_at_last, args=(token,), daemon=True)
        try:
            work.start()
        except RuntimeError:  # the interpreter shuts down, or the system is out of threads
            with suppress(ORMError):
                self._step('void', token)
        else:
            work.join(PATIENCE)

    def _void_at_last(self, token: bytes) -> None:
        for pause in late_pauses():
            try:
                self._step('void', token)
            except ORMError:
                time.sleep(pause)
            else:
                return

    def _step(self, what: str, token: bytes) -> bool:
        return SyncDriver(self.conn).run(noticed(self.conn, self._operation(what, token)))

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
    """A lock on one entity. It excludes other holders of the lock, but not commits of the entity.

    Args:
        entity: the entity; a new one takes its id now.
        acquire_timeout: the longest time to wait for the lock, in seconds; 0: try once.
        lock_timeout: the time after which the lock expires unless it is refreshed, in seconds.

    Example::

        with rom.util.EntityLock(user, 1, 10):
            ...
    """

    def __init__(self, entity: Model, acquire_timeout: float, lock_timeout: float) -> None:
        checked_entity(entity)
        super().__init__(entity, entity._pk, acquire_timeout, lock_timeout)


def checked_entity(entity: Any) -> Model:
    """Return the entity of an EntityLock.

    Raises:
        InvalidOperation: the argument is not an entity.
    """
    if not isinstance(entity, Model):
        raise InvalidOperation(f'EntityLock: expected an entity, got {show(entity)}')
    return entity
