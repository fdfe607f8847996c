"""Transactions: calls of `set()` and `delete()` are collected, and written all or none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import redis

from rom.drivers.destination import server_of
from rom.drivers.eviction import noticed
from rom.drivers.sync import SyncDriver
from rom.exceptions import InvalidOperation
from rom.schematics.layers.base import Task
from rom.schematics.writing import write


class Transaction:
    """What is written at the end of a ``with transaction():``."""

    def __init__(self) -> None:
        self._client: redis.Redis | None = None
        self._tasks: list[Task] = []
        self._afterwards: list[Callable[[], None]] = []

    def add(self, client: redis.Redis, task: Task, afterwards: Callable[[], None]) -> None:
        """Add a task.

        Args:
            client: the object's.
            task: what is to be done.
            afterwards: called when it was done.

        Raises:
            InvalidOperation: the object is on another connection than those before: another
                server, database or user.
        """
        if self._client is None:
            self._client = client
        elif self._client is not client and server_of(self._client) != server_of(client):
            raise InvalidOperation(
                f'{task.name} is on another connection than what was written before in this '
                'transaction; one transaction is on one server: begin another for it'
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
    """The transaction that this thread or task is in."""
    return _current.get()


@contextmanager
def transaction() -> Iterator[Transaction]:
    """Collect ``set()`` and ``delete()``, and write all of it or nothing, at the end, in one call.

    Objects are validated when they are set, and written as they are then. What is read meanwhile is
    what is stored, without it. When the block raises, nothing is written. One within another
    belongs to it.

    Raises:
        DataRaceError: an object that was set with ``if_unchanged=True`` has changed.
        InvalidOperation: objects of different connections.
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
    """Raise inside a transaction, for what cannot be a part of one.

    Raises:
        InvalidOperation: inside a transaction.
    """
    if _current.get() is not None:
        raise InvalidOperation(
            f'{what} cannot be part of a transaction, for it works in several steps; call it '
            'outside, or delete() the objects one by one'
        )


def carry_out(client: Any, task: Task, afterwards: Callable[[], None]) -> None:
    """Do it now; or at the end of the transaction that this is in."""
    transaction = _current.get()
    if transaction is not None:
        transaction.add(client, task, afterwards)
        return
    SyncDriver(client).run(noticed(client, write([task])))
    afterwards()
