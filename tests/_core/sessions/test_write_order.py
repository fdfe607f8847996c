"""Threads that share a session write one after the other, and none holds the others up for good."""

from __future__ import annotations

import asyncio
import contextvars
import gc
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
import redis

import rom
from rom._core.sessions import write_order
from rom._core.sessions.write_order import WriteQueue

pytestmark = pytest.mark.one_server


class OrderThing(rom.Model):
    n = rom.Integer(default=0)

    def _before_update(self) -> None:
        hook = HOOKS.get('before update')
        if hook is not None:
            hook()


HOOKS: dict[str, Callable[[], object]] = {}


@pytest.fixture(autouse=True)
def connection(client: redis.Redis) -> Iterator[None]:
    rom.util.CONNECTION = client
    rom.session.rollback()
    yield
    HOOKS.clear()
    rom.session.rollback()


def in_thread(job: Callable[[], Any]) -> Any:
    """Do a job in another thread that works in the same session."""
    context = contextvars.copy_context()
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(context.run, job).result()


def work() -> Generator[Any, Any, None]:
    yield


def is_free(one: WriteQueue) -> bool:
    """Another thread would not have to wait."""
    theirs = work()
    with ThreadPoolExecutor(1) as pool:
        number = pool.submit(one._enter, theirs).result()
    return one._is_next(number)


def test_another_thread_waits_until_the_work_has_ended() -> None:
    one, mine = WriteQueue(), work()
    one.take(mine)
    assert not is_free(one)
    next(mine)
    assert not is_free(one)
    mine.close()
    assert is_free(one)


def test_work_that_nobody_has_any_more_holds_nobody_up() -> None:
    one, mine = WriteQueue(), work()
    one.take(mine)
    del mine
    gc.collect()
    assert is_free(one)


def test_the_thread_that_writes_does_not_wait_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = SimpleNamespace(sleep=lambda seconds: pytest.fail('it waits'))
    monkeypatch.setattr(write_order, 'time', waiting)
    with rom.Session() as session:
        thing, other = OrderThing(), OrderThing()
        session.commit()
        HOOKS['before update'] = lambda: (HOOKS.clear(), other.update(n=2), other.save())
        thing.n = 1
        assert session.save(thing) == 1
        assert session.commit() == 0


def test_an_interrupt_before_the_write_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with rom.Session() as session:
        thing = OrderThing()
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt) as raised:
            patch.setattr(type(session), '_run', interrupt)
            session.commit()
        assert raised.tb is not None  # which holds the frames, and the work in them
        assert is_free(session._identity.write_queue)
        assert in_thread(rom.session.commit) == 2
        assert thing.id == 1


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_hook_may_wait_for_a_thread_that_writes_in_the_session(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Which would wait for the hook: after a while it goes ahead."""
    monkeypatch.setattr(write_order, 'PATIENCE', 0.0)
    with rom.Session() as session:
        thing, other = OrderThing(), OrderThing()
        session.commit()
        other.n = 2
        HOOKS['before update'] = lambda: (HOOKS.clear(), in_thread(other.save))
        thing.n = 1
        assert session.save(thing) == 1
        assert session.commit() == 0
    assert sorted(found.n for found in OrderThing.query.all()) == [1, 2]


def test_tasks_of_one_loop_wait_although_another_loop_has_written(raw: redis.Redis) -> None:
    """Of two loops that share an AsyncSession, each has its own lock as long as it is open."""

    async def until(is_so: Callable[[], bool]) -> None:
        while not is_so():
            await asyncio.sleep(0.001)

    async def story() -> list[int]:
        async with rom.AsyncSession() as session:
            mine, theirs = OrderThing(n=1), OrderThing(n=1)
            await session.commit()
            mine.n = theirs.n = 2
            raw.execute_command('CLIENT', 'PAUSE', 600_000, 'WRITE')
            try:
                first = asyncio.create_task(session.save(mine))
                await until(lambda: mine._attempt is not None)
                elsewhere = asyncio.create_task(
                    asyncio.to_thread(lambda: asyncio.run(session.save(theirs)))
                )
                await until(lambda: len(session._identity.write_queue._queue) == 2)
                second = asyncio.create_task(session.save(mine))
                for _ in range(10):
                    await asyncio.sleep(0)
            finally:
                raw.execute_command('CLIENT', 'UNPAUSE')
            return list(await asyncio.gather(first, elsewhere, second))

    assert asyncio.run(story()) == [1, 1, 0]
