"""Locks that programs on several machines share."""

from __future__ import annotations

import secrets
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any

import redis

from rom.drivers.connection import connection_of
from rom.drivers.sync import SyncDriver
from rom.encoding.text import as_bytes
from rom.exceptions import DataRaceError, InvalidOperation
from rom.model import Model
from rom.ops.locks import lock_step

if TYPE_CHECKING:
    from typing import Self

# Between two tries to get a lock, in seconds.
_PAUSE = 0.005
_LONGEST_PAUSE = 0.1


class Lock:
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
        if not acquire_timeout >= 0 or not 0 < lock_timeout < 1e9:
            raise InvalidOperation(
                'a lock waits for 0 seconds or more and is held for more than 0, not '
                f'acquire_timeout={acquire_timeout!r}, lock_timeout={lock_timeout!r}'
            )
        self.conn: redis.Redis = conn if hasattr(conn, 'execute_command') else connection_of(conn)
        self.lockname = lockname
        self.acquire_timeout = acquire_timeout
        self.lock_timeout = lock_timeout
        self._key = b'lock:' + as_bytes(lockname)
        self._token = secrets.token_hex(16).encode('ascii')

    def acquire(self) -> bool:
        """Take the lock, waiting for it if need be; False if another keeps it all that time.

        Who has it already holds it from now on for the whole time again.

        Example::

            if lock.acquire():
                ...
        """
        give_up = time.monotonic() + self.acquire_timeout
        pause = _PAUSE
        while not self._step('acquire'):
            left = give_up - time.monotonic()
            if left <= 0:
                return False
            time.sleep(min(pause, left))
            pause = min(pause * 2, _LONGEST_PAUSE)
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
        operation = lock_step(what, self._key, self._token, self.lock_timeout)
        return SyncDriver(self.conn).run(operation)

    def __enter__(self) -> Self:
        if not self.acquire():
            raise DataRaceError(
                f'the lock {self.lockname!r} is held by another, who did not give it back within '
                f'{self.acquire_timeout} s; wait longer, or try again later'
            )
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
        if not isinstance(entity, Model):
            raise InvalidOperation(f'an EntityLock takes an entity, not {entity!r}')
        super().__init__(entity, entity._pk, acquire_timeout, lock_timeout)
