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
import redis.asyncio
import redis.asyncio.retry
import redis.retry
from redis.backoff import NoBackoff

import rom
from tests.faults.actor import Actor, drive
from tests.faults.acts import act_once, prepare
from tests.faults.journal import Journal
from tests.faults.worker_task import ACTORS, PREPARE, PROCESS, TASKS, Task
from tests.support.worlds import Awaitable

#: Seconds until a client believes that no answer comes.
TIMEOUT = 10
#: What clients do by themselves, and how: repetitions, and the protocol.
CLIENTS = ((0, 2), (3, 2), (3, 3), (0, 3))


def run(task: Task) -> None:
    """Do all of a task."""
    if task.kind == PREPARE:
        with rom.Session(_client(task.socket, 3, 2)) as session:
            prepare(session)
    elif task.kind == TASKS:
        asyncio.run(_tasks(task))
    else:
        _threads(task)


def _threads(task: Task) -> None:
    """Blocking actors on one client: the first in the main thread, where signals arrive."""
    retries, protocol = random.Random(task.seed).choice(CLIENTS)
    client = _client(task.socket, retries, protocol)
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
    children: list[int] = []
    with rom.Session(client) as session:
        actor = Actor(Awaitable(session), _journal(task, name), dice, task.disturb)
        for number in range(task.acts):
            if _is_over(task):
                break
            drive(act_once(actor))
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
                drive(act_once(actor))
        status = 0
    finally:
        os._exit(status)


async def _tasks(task: Task) -> None:
    """Awaiting actors on one client."""
    retries, protocol = random.Random(task.seed).choice(CLIENTS)
    client = redis.asyncio.Redis(
        retry=redis.asyncio.retry.Retry(NoBackoff(), retries), **_settings(task.socket, protocol)
    )
    names = [f'{task.name}{letter}' for letter in 'abcdef'[: ACTORS[TASKS]]]
    try:
        async with asyncio.TaskGroup() as group:
            for name in names:
                group.create_task(_await(task, name, client))
    finally:
        await client.aclose()


async def _await(task: Task, name: str, client: Any) -> None:
    async with rom.AsyncSession(client) as session:
        dice = random.Random(f'{task.seed} {name}')
        actor = Actor(session, _journal(task, name), dice, task.disturb, is_async=True)
        for _ in range(task.acts):
            if _is_over(task):
                break
            await act_once(actor)


def _client(socket: str, retries: int, protocol: int) -> redis.Redis:
    retry = redis.retry.Retry(NoBackoff(), retries)
    return redis.Redis(retry=retry, **_settings(socket, protocol))


def _settings(socket: str, protocol: int) -> dict[str, Any]:
    return {'unix_socket_path': socket, 'protocol': protocol, 'socket_timeout': TIMEOUT}


def _journal(task: Task, name: str) -> Journal:
    return Journal(Path(task.journals), name)


def _is_over(task: Task) -> bool:
    return bool(task.until) and time.monotonic() > task.until
