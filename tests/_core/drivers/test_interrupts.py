"""Ctrl-C, and handlers that raise, in the midst of a call: the next one gets its own reply."""

from __future__ import annotations

import asyncio
import dis
import functools
import itertools
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest
import redis
import redis.asyncio
from redis.backoff import NoBackoff
from redis.retry import Retry

from rom._core.drivers import (
    busy_wait,
    errors,
    kept_connections,
    pool_connection,
    send_outcome,
    sync_driver,
)
from rom._core.drivers.async_driver import AsyncDriver
from rom._core.drivers.sync_driver import SyncDriver
from rom._core.ops.requests import Command, Pipeline
from tests.support.patience import PATIENCE
from tests.support.servers import Server

pytestmark = pytest.mark.one_server

ROOT = Path(__file__).parents[3]
MAX_BACKOFF = 3
OURS = {
    module.__file__
    for module in (pool_connection, kept_connections, errors, send_outcome, sync_driver, busy_wait)
}
KEYS = ('a', 'b', 'c')
# Behind these the interpreter looks whether a signal came; others are one step with the next.
LOOKS = ('CALL', 'CALL_KW', 'CALL_FUNCTION_EX', 'RESUME', 'JUMP_BACKWARD')


class Stopped(BaseException):
    """What a handler raises."""


def pool_of(path: str) -> redis.ConnectionPool:
    return redis.ConnectionPool(
        connection_class=redis.UnixDomainSocketConnection,
        path=path,
        max_connections=MAX_BACKOFF,
        retry=Retry(NoBackoff(), 3),
    )


@pytest.fixture
def pool(server: Server) -> Iterator[redis.ConnectionPool]:
    pool = pool_of(server.socket)
    redis.Redis(connection_pool=pool).mset({key: f'of {key}' for key in KEYS})
    yield pool
    pool.disconnect()


def get(driver: SyncDriver, key: str = 'a') -> None:
    assert driver.perform(Command('GET', key)) == f'of {key}'.encode()


def several(driver: SyncDriver) -> None:
    commands = tuple(Command('GET', key) for key in KEYS)
    assert driver.perform(Pipeline(commands)) == [b'of a', b'of b', b'of c']


def one_by_one(driver: SyncDriver) -> None:
    commands = tuple(Command('GET', key) for key in KEYS)
    assert [*driver.perform(Pipeline(commands, one_by_one=True))] == [b'of a', b'of b', b'of c']


def half_of_them(driver: SyncDriver) -> None:
    commands = tuple(Command('GET', key) for key in KEYS)
    assert next(driver.perform(Pipeline(commands, one_by_one=True))) == b'of a'


WORK = (get, several, one_by_one, half_of_them)


@functools.cache
def _places(code: CodeType) -> frozenset[int]:
    """Where in a function a handler may run."""
    found, steps = set(), list(dis.get_instructions(code))
    for step, after in itertools.pairwise(steps):
        if step.opname.startswith('JUMP_BACKWARD'):
            found.add(step.argval)
        elif step.opname in LOOKS:
            found.add(after.offset)
    return frozenset(found)


def interrupt(work: Callable[[], object], at: int) -> bool:
    """Raise at the so manyth place of the driver's own code; whether there was one."""
    left = at

    def trace(frame: FrameType, event: str, arg: Any) -> Any:
        nonlocal left
        if frame.f_code.co_filename not in OURS:
            return None
        frame.f_trace_opcodes = True
        if event == 'opcode' and frame.f_lasti in _places(frame.f_code):
            left -= 1
            if not left:
                raise Stopped
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    except Stopped:
        pass
    finally:
        sys.settrace(before)
    return left <= 0


def is_whole(pool: redis.ConnectionPool) -> bool:
    """The pool can give away as many connections as it may have, and each works."""
    taken = [pool.get_connection() for _ in range(MAX_BACKOFF)]
    for connection in taken:
        connection.send_command('ECHO', 'x')
        assert connection.read_response() in (b'x', 'x')
        pool.release(connection)
    return True


@pytest.mark.parametrize('work', WORK)
@pytest.mark.parametrize('is_new', [False, True], ids=['idle', 'new'])
def test_at_each_place_of_a_call(
    pool: redis.ConnectionPool,
    work: Callable[[SyncDriver], None],
    is_new: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of our own code; with a line that is there, and with one that is to be made."""
    # What is raised while a generator is taken apart is nobody's; who keeps it keeps the line.
    monkeypatch.setattr(sys, 'unraisablehook', lambda unraisable: None)
    driver = SyncDriver(redis.Redis(connection_pool=pool))
    at, ended = 0, False
    while not ended:
        at += 1
        if is_new:
            pool.reset()
        else:
            get(driver, 'c')
        ended = not interrupt(lambda: work(driver), at)
        get(driver, 'b')
        several(driver)
        one_by_one(driver)
        assert is_whole(pool), at
        assert pool._available_connections.lines  # type: ignore[attr-defined]
    assert at > 30


def of_the_program(driver: SyncDriver) -> None:
    """A command of the program's own, as those of an UnsafeColumn are."""
    with errors.translate_errors(driver.connection):
        assert driver.connection.get('a') == b'of a'


@pytest.mark.parametrize('work', [get, several, of_the_program])
def test_at_each_place_of_the_client_library(
    server: Server, work: Callable[[SyncDriver], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a pool that has no lines; a connection may be lost to it, and none is mixed up."""
    # The library's own: the interrupt may come between the sending of a command and its reply.
    library = {module.__file__ for module in (redis.client, redis.connection)}
    monkeypatch.setattr(sys.modules[__name__], 'OURS', library)
    # A pipeline is taken apart by the interpreter, and what is raised then is nobody's.
    monkeypatch.setattr(sys, 'unraisablehook', lambda unraisable: None)
    pool = redis.BlockingConnectionPool(
        connection_class=redis.UnixDomainSocketConnection, path=server.socket, max_connections=500
    )
    client = redis.Redis(connection_pool=pool)
    client.mset({key: f'of {key}' for key in KEYS})
    driver = SyncDriver(client)
    at, ended = 0, False
    while not ended:
        at += 1
        ended = not interrupt(lambda: work(driver), at)
        get(driver, 'b')
        several(driver)
    assert at > 30
    client.close()


class Alarm:
    """Raises, once or twice, whatever is being done."""

    def __init__(self) -> None:
        self.left = 0
        self.rung = 0
        self.again = 0.0

    def ring(self, number: int, frame: FrameType | None) -> None:
        if self.left:
            self.left -= 1
            self.rung += 1
            signal.setitimer(signal.ITIMER_REAL, self.again)
            raise Stopped

    def interrupt(self, work: Callable[[], object], after: float, again: float) -> None:
        """Work; the alarm rings after some seconds, and once more `again` seconds later."""
        try:
            try:
                try:
                    self.left, self.again = 2, again
                    signal.setitimer(signal.ITIMER_REAL, after)
                    work()
                except Stopped:
                    pass
                self.left = 0
            except Stopped:
                pass
            self.left = 0
        except Stopped:
            pass
        signal.setitimer(signal.ITIMER_REAL, 0)


def campaign(path: str, rounds: int) -> None:
    """Be interrupted so many times, in a process of its own: the tests have an alarm, too."""
    pool = pool_of(path)
    driver, dice, alarm = SyncDriver(redis.Redis(connection_pool=pool)), random.Random(7), Alarm()
    # One that comes while a generator is being taken apart is nobody's.
    sys.unraisablehook = lambda unraisable: None
    signal.signal(signal.SIGALRM, alarm.ring)
    for _ in range(rounds):
        again = dice.choice((0, dice.uniform(5e-6, 3e-5)))
        work = functools.partial(dice.choice(WORK), driver)
        alarm.interrupt(work, dice.uniform(1e-6, 2e-4), again)
        get(driver, 'b')
        several(driver)
    print(alarm.rung)


def test_signals_at_any_time(server: Server, pool: redis.ConnectionPool) -> None:
    """Of the system's own, as they come: in the client library's code too, and twice in a call."""
    code = (
        'from tests._core.drivers.test_interrupts import campaign; '
        f'campaign({server.socket!r}, 1500)'
    )
    done = subprocess.run(
        [sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 0


def test_a_task_is_cancelled_at_each_step(server: Server, pool: redis.ConnectionPool) -> None:
    """With asyncio: the next task gets its own reply, and the pool has all its connections."""

    async def cancel_each() -> None:
        client = redis.asyncio.Redis(unix_socket_path=server.socket, max_connections=MAX_BACKOFF)
        async with client:
            driver = AsyncDriver(client)
            several = Pipeline(tuple(Command('GET', key) for key in KEYS))
            for request in (Command('GET', 'a'), several):
                for steps in range(40):
                    if steps % 2:  # a connection that is made anew
                        await client.connection_pool.disconnect()
                    task = asyncio.create_task(driver.perform(request))
                    for _ in range(steps // 2):
                        await asyncio.sleep(0)
                    task.cancel()
                    with suppress(asyncio.CancelledError):
                        await task
                    asked = [driver.perform(Command('GET', key)) for key in KEYS[:MAX_BACKOFF]]
                    assert await asyncio.gather(*asked) == [b'of a', b'of b', b'of c']

    asyncio.run(cancel_each())
