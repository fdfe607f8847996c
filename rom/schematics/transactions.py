"""Transactions: calls of `set()` and `delete()` that are written together, all or none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import redis

from rom._core.drivers.eviction_warning import noticed
from rom._core.drivers.server_identity import server_of
from rom._core.drivers.sync_driver import SyncDriver
from rom.exceptions import InvalidOperation
from rom.schematics.layers.base import Task
from rom.schematics.writing import write


class Transaction:
    """Collected writes of a ``with transaction():`` block."""

    def __init__(self) -> None:
        self._client: redis.Redis | None = None
        self._tasks: list[Task] = []
        self._afterwards: list[Callable[[], None]] = []

    def add(self, client: redis.Redis, task: Task, afterwards: Callable[[], None]) -> None:
        """Add a task.

        Args:
            client: the client of the object.
            task: the write.
            afterwards: a function to call after the commit.

        Raises:
            InvalidOperation: the client leads to another server, database or user than those of
                the earlier tasks.
        """
        if self._client is None:
            self._client = client
        elif self._client is not client and server_of(self._client) != server_of(client):
            raise InvalidOperation(
                f'{task.name} is on another connection than the earlier writes of this '
                'transaction, which must all go to one server; begin another transaction for it'
            )
        self._tasks.append(task)
        self._afterwards.append(afterwards)

    def _commit(self) -> None:
        if self._client is None:
            return
        SyncDriver(self._client).run(noticed(self._client, write(self._tasks)))
        for done in self._afterwards:
            done()


_current: ContextVar[Transaction | None] = ContextVar('rom_schematics_transaction', default=None)


def current() -> Transaction | None:
    """Return the transaction of this thread or task, or None."""
    return _current.get()


@contextmanager
def transaction() -> Iterator[Transaction]:
    """Collect ``set()`` and ``delete()``, and write all or none at the end of the block.

    ``set()`` validates an object at once, and its values at that time are written. Reads within the
    block do not see the writes yet. If the block raises, nothing is written. A nested transaction
    is part of the outer one.

    Raises:
        DataRaceError: another writer changed an object that was set with ``if_unchanged=True``.
        InvalidOperation: the objects are on different connections.
        UniqueKeyViolation: a unique value belongs to another object.

    Example::

        with rom.schematics.transaction():
            vanilla.amount_kg -= 5
            chocolate.amount_kg += 5
            vanilla.set(if_unchanged=True)
            chocolate.set(if_unchanged=True)
    """
    outer = _current.get()
    if outer is not None:
        yield outer
        return
    made = Transaction()
    token = _current.set(made)
    try:
        yield made
    finally:
        _current.reset(token)
    made._commit()


def refuse(what: str) -> None:
    """Refuse a call that cannot be part of a transaction.

    Raises:
        InvalidOperation: a transaction is active.
    """
    if _current.get() is not None:
        raise InvalidOperation(
            f'{what} cannot be part of a transaction, because it works in several steps; call it '
            'outside, or delete() the objects one by one'
        )


def carry_out(client: Any, task: Task, afterwards: Callable[[], None]) -> None:
    """Carry out a task now or, inside a transaction, at its end."""
    transaction = _current.get()
    if transaction is not None:
        transaction.add(client, task, afterwards)
        return
    SyncDriver(client).run(noticed(client, write([task])))
    afterwards()
