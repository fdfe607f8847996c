"""Transactions: writes of objects of any layers, all or none.

Each layer plans its tasks as pure data; one call of a script carries out all plans. The generators
here are operations, as in `rom._core.ops`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import redis

from rom._core.drivers.eviction_warning import noticed
from rom._core.drivers.server_identity import server_of
from rom._core.drivers.sync_driver import SyncDriver
from rom._core.ops.commits import raw_commands
from rom._core.ops.commits.commit import MOST_TRIES, commit
from rom._core.ops.one_slot import check_one_slot
from rom._core.ops.requests import Operation
from rom.exceptions import CorruptRowError, InvalidOperation, ORMError, ServerError
from rom.schematics.keys import ModelKeys
from rom.schematics.layers.base import PAGE, Layer, Plan, Task, race_error
from rom.schematics.loading import scan, wrong_type_error


def write(tasks: Sequence[Task]) -> Operation[None]:
    """Carry out tasks, all or none.

    Raises:
        DataRaceError: another writer changed an object that was set with `if_unchanged`.
        NotFound: a partial write of an object that is not stored.
        UniqueKeyViolation, CorruptRowError: nothing was written.
        InvalidOperation: on a cluster, the objects are in several slots.
    """
    yield from check_one_slot(task.keys.key('') for task in tasks)
    for _ in range(MOST_TRIES):
        plan = Plan()
        try:
            for layer, some in _by_layer(tasks).items():
                plan.add((yield from layer.plan(some)))
            return (yield from _execute(plan))
        except raw_commands.Differs as error:
            raise race_error(plan.checks[error.place][1]) from None
        except ServerError as error:
            raise wrong_type_error(error, tasks[0].keys, tasks[0].pk) from None
        except ORMError as error:
            task = _subject(error, plan)
            if task is None or not task.layer.can_retry(task, error):
                raise
    raise ServerError(
        f'{tasks[0].name}: another program changed it during each of {MOST_TRIES} tries to write '
        'it; find out which program writes it without pause'
    )


def _by_layer(tasks: Sequence[Task]) -> dict[Layer, list[Task]]:
    found: dict[Layer, list[Task]] = {}
    for task in tasks:
        found.setdefault(task.layer, []).append(task)
    return found


def _execute(plan: Plan) -> Operation[None]:
    checks = [check for check, _ in plan.checks]
    if not plan.changes:
        # Plain commands can be repeated safely. With checks, the commands must be an attempt,
        # because a repeated request would find its own writes, and fail.
        head = plan.checks[0][1].keys.prefix if checks else None
        yield from raw_commands.take(plan.steps, checks, head)
        return
    changes = [change for change, _ in plan.changes]
    also = raw_commands.as_map(plan.steps, checks) if plan.steps or checks else None
    yield from commit(changes, also=also)


def _subject(error: ORMError, plan: Plan) -> Task | None:
    """Return the task that an error of the commit is about, or None."""
    row = (getattr(error, 'namespace', None), getattr(error, 'id', None))
    for change, task in plan.changes:
        if (change.schema.keys.namespace, change.id) == row:
            return task
    return None


def remove_all(layer: Layer, keys: ModelKeys) -> Operation[int]:
    """Remove all objects of a model, and return their number.

    Raises:
        CorruptRowError: an object cannot be read, and may belong to another program. All others are
            removed.
    """
    clearing = layer.clear(keys)
    if clearing is not None:
        return (yield from clearing)
    found = yield from scan(layer, keys)
    broken: CorruptRowError | None = None
    count = 0
    for start in range(0, len(found), PAGE):
        tasks = []
        for pk, raw in found[start : start + PAGE]:
            try:
                if layer.owns(keys, pk, raw):
                    tasks.append(Task(layer, keys, pk))
            except CorruptRowError as error:
                broken = error
        yield from write(tasks)
        count += len(tasks)
    if broken is not None:
        raise broken
    return count


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


def refuse_inside(call: str) -> None:
    """Refuse a call that cannot be part of a transaction.

    Raises:
        InvalidOperation: a transaction is active.
    """
    if _current.get() is not None:
        raise InvalidOperation(
            f'{call} cannot be part of a transaction, because it works in several steps; call it '
            'outside, or delete() the objects one by one'
        )


def run_task(client: Any, task: Task, afterwards: Callable[[], None]) -> None:
    """Carry out a task now or, inside a transaction, at its end."""
    transaction = _current.get()
    if transaction is not None:
        transaction.add(client, task, afterwards)
        return
    SyncDriver(client).run(noticed(client, write([task])))
    afterwards()
