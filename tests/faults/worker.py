"""A worker: a process of one actor, of several in threads, or of several in tasks of one loop.

Runs in a child that the nursery forked (`tests/faults/nursery.py`), and ends with it.
"""

import asyncio
import os
import random
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import redis

import rom
import rom.maintenance
from tests.faults.actor import Actor, drive
from tests.faults.acts import ACTS, RECORD_ACTS, Act, act_once, prepare, take_first_ids
from tests.faults.clients import awaited, blocking, blocking_like
from tests.faults.journal import ACKNOWLEDGED, TRY, WRONG, Journal
from tests.faults.looks import LOOKS, OWN_LOOKS
from tests.faults.models import MODELS
from tests.faults.worker_task import ACTORS, CHECK, PREPARE, PROCESS, READERS, TASKS, Task
from tests.support.worlds import Awaitable

#: What blocking and awaiting actors do on a single server; rom.repocket has no asyncio.
SINGLE, AWAITED = {**ACTS, **RECORD_ACTS}, ACTS


def run(task: Task) -> None:
    """Do all of a task."""
    if task.kind == PREPARE:
        with rom.Session(blocking_like(task, 3, 2)) as session:
            prepare(session)
            if task.nodes or task.sentinels:
                take_first_ids(session)
    elif task.kind == CHECK:
        _check(task)
    elif task.kind == TASKS:
        asyncio.run(_tasks(task))
    else:
        _threads(task)


def _threads(task: Task) -> None:
    """Blocking actors on one client: the first in the main thread, where signals arrive."""
    client = blocking(task)
    rom.util.CONNECTION = client  # of the records
    names = [f'{task.name}{letter}' for letter in 'abcdef'[: ACTORS[task.kind]]]
    with ThreadPoolExecutor(len(names)) as pool:
        others = [pool.submit(_block, task, name, client) for name in names[1:]]
        _block(task, names[0], client)
        for other in others:
            other.result()


def _block(task: Task, name: str, client: redis.Redis) -> None:
    """One blocking actor, and the children that it forks on the way."""
    dice = random.Random(f'{task.seed} {name}')
    # A fork beside other threads may inherit locks that they hold, of imports to begin with.
    forks = task.forks if task.kind == PROCESS else 0.0
    acts = _acts(task, SINGLE)
    children: list[int] = []
    with rom.Session(client, durable=task.is_durable) as session:
        actor = Actor(Awaitable(session), _journal(task, name), dice, task.disturb)
        for number in range(task.acts):
            if _is_over(task):
                break
            drive(act_once(actor, acts))
            if dice.random() < forks:
                children.append(_fork(task, f'{name}f{number}', client))
    for child in children:
        status = os.waitpid(child, 0)[1]
        if status:
            raise RuntimeError(f'a child of {name} ended with status {status}')


def _fork(task: Task, name: str, client: redis.Redis) -> int:
    """A child that writes through the client that it found."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        with rom.Session(client) as session:
            dice = random.Random(f'{task.seed} {name}')
            actor = Actor(Awaitable(session), _journal(task, name), dice)
            for _ in range(3):
                drive(act_once(actor, SINGLE))
        status = 0
    finally:
        os._exit(status)


async def _tasks(task: Task) -> None:
    """Awaiting actors on one client."""
    client = awaited(task)
    names = [f'{task.name}{letter}' for letter in 'abcdef'[: ACTORS[TASKS]]]
    try:
        async with asyncio.TaskGroup() as group:
            for name in names:
                group.create_task(_await(task, name, client))
    finally:
        await client.aclose()


async def _await(task: Task, name: str, client: Any) -> None:
    async with rom.AsyncSession(client, durable=task.is_durable) as session:
        dice = random.Random(f'{task.seed} {name}')
        actor = Actor(session, _journal(task, name), dice, task.disturb, is_async=True)
        acts = _acts(task, AWAITED)
        for _ in range(task.acts):
            if _is_over(task):
                break
            await act_once(actor, acts)


def _journal(task: Task, name: str) -> Journal:
    return Journal(Path(task.journals), name)


def _acts(task: Task, acts: dict[Act, int]) -> dict[Act, int]:
    """Return what a task's actors do: on a fleet no records, because a cluster cannot have them."""
    if task.kind == READERS:
        return LOOKS
    return {**ACTS, **LOOKS, **OWN_LOOKS} if task.nodes or task.sentinels else acts


def _check(task: Task) -> None:
    """Write down what rom itself finds wrong with what is stored."""
    rom.util.CONNECTION = blocking_like(task, 3, 2)
    journal = Journal(Path(task.journals), task.name)
    for model in MODELS:
        op = journal.new_operation()
        journal.write(op, TRY, act='check', row=model.__name__)
        try:
            found = list(rom.maintenance.check(model))
        except Exception as error:
            journal.write(op, WRONG, error=f'{type(error).__name__}: {error}'[:300])
            continue
        for finding in found:
            journal.write(op, WRONG, error=f'found: {finding}'[:300])
        journal.write(op, ACKNOWLEDGED)


def _is_over(task: Task) -> bool:
    if task.until and time.monotonic() > task.until:
        return True
    return bool(task.over) and os.path.exists(task.over)
