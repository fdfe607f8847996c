"""Locks that programs on several machines share."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any

import redis
import redis.asyncio

from rom.drivers.connection import connection_of
from rom.drivers.eviction import noticed
from rom.drivers.sync import SyncDriver
from rom.encoding.text import show
from rom.exceptions import InvalidOperation, ORMError
from rom.model import Model
from rom.ops.locks import Claim, late_pauses

if TYPE_CHECKING:
    from typing import Self

#: How long who is about to raise an error waits for its lock to be given back, in seconds.
PATIENCE = 1.0


class Lock(Claim):
    """A lock that one holder has at a time, and loses when it does not refresh it in time.

    An ``acquire`` or ``release`` that raises gives the lock back, also where the server carries its
    request out later. It waits at most a second for the server, and goes on trying after that.

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
        while not self._try():
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
        begun = time.monotonic()
        return self._note(begun, self._step('refresh', self._token))

    def release(self) -> bool:
        """Give the lock back; False if it was ours no more.

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
            # Who had it before this try goes on having it.
            if not was_held:
                self._renounce()
                self._void(token)
            raise

    def _void(self, token: bytes) -> None:
        """Have the server give back what this token has, and refuse it from now on.

        The caller has an error to raise, so it does not wait for a server that hangs.
        """
        work = threading.Thread(target=self._void_at_last, args=(token,), daemon=True)
        try:
            work.start()
        except RuntimeError:  # the interpreter is about to end, or the system has no more threads
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
        raise InvalidOperation(f'an EntityLock takes an entity, not {show(entity)}')
    return entity
