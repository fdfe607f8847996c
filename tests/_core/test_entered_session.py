"""A session that was entered, in the threads that do jobs for it in copies of the context."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import warnings
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

import anyio.to_thread
import pytest
import redis
import redis.asyncio
from asgiref.sync import async_to_sync, sync_to_async
from starlette.concurrency import run_in_threadpool

import rom
from rom._core import session_context
from tests.support.servers import Server

pytestmark = [pytest.mark.one_server, pytest.mark.usefixtures('on_client')]

Way = Callable[[Callable[[], Any]], Awaitable[Any]]


class EnteredTeam(rom.Model):
    name = rom.Text()


class EnteredThing(rom.Model):
    _namespace = 'entered'
    n = rom.Integer(default=0)
    data = rom.Json(default=dict)
    team = rom.ManyToOne('EnteredTeam', on_delete='no action')


async def in_executor(job: Callable[[], Any]) -> Any:
    context = contextvars.copy_context()
    with ThreadPoolExecutor(1) as pool:
        return await asyncio.get_running_loop().run_in_executor(pool, context.run, job)


WAYS: dict[str, Way] = {
    'asyncio.to_thread': asyncio.to_thread,
    'anyio': anyio.to_thread.run_sync,
    'starlette': run_in_threadpool,
    'asgiref': lambda job: sync_to_async(job)(),
    'asgiref, any thread': lambda job: sync_to_async(job, thread_sensitive=False)(),
    'executor': in_executor,
}


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> Way:
    """How a task has a thread do a job."""
    return WAYS[request.param]


@asynccontextmanager
async def entered(kind: str) -> Any:
    """A session, and how its commit is awaited."""
    if kind == 'async':
        async with rom.AsyncSession() as awaited:
            yield awaited, awaited.commit
    else:
        with rom.Session() as session:

            async def commit() -> int:
                return session.commit()

            yield session, commit


both = pytest.mark.parametrize('kind', ['sync', 'async'])


def commit() -> Any:
    return rom.session.commit()


def told(call: Callable[[], Any]) -> list[str]:
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter('always')
        call()
    return [str(one.message) for one in seen if one.category is rom.UnwrittenWarning]


# --- what a job changes is written by the session's commit, and the other way round ---------------


@both
def test_what_a_job_makes_is_written_by_the_session(kind: str, way: Way, raw: redis.Redis) -> None:
    async def story() -> None:
        async with entered(kind) as (_, commit_session):
            await way(lambda: EnteredThing(n=5))
            assert await commit_session() == 4
            assert raw.hget('entered:1', 'n') == b'5'
            assert await way(commit) == 0

    assert told(lambda: asyncio.run(story())) == []


@both
def test_what_a_job_loads_and_changes_is_written_by_the_session(
    kind: str, way: Way, raw: redis.Redis
) -> None:
    raw.hset('entered:1', mapping={'id': '1', 'n': '1', 'data': '{}'})

    def job() -> None:
        thing = EnteredThing.get(1)
        thing.n += 1
        thing.data['seen'] = True

    async def story() -> None:
        async with entered(kind) as (_, commit_session):
            await way(job)
            gc.collect()
            assert await commit_session() == 2

    assert told(lambda: asyncio.run(story())) == []
    assert raw.hmget('entered:1', 'n', 'data') == [b'2', b'{"seen": true}']


@both
def test_a_job_commits_what_the_session_has(kind: str, way: Way, raw: redis.Redis) -> None:
    async def story() -> None:
        async with entered(kind) as (session, commit_session):
            thing = EnteredThing(n=5)
            assert await way(commit) == 4
            assert raw.hget('entered:1', 'n') == b'5'
            thing.data['a'] = 1
            assert await way(commit) == 1
            assert await commit_session() == 0
            assert session.known == {}
            found = EnteredThing.get(1) if kind == 'sync' else await session.get(EnteredThing, 1)
            assert found is thing

    assert told(lambda: asyncio.run(story())) == []


@both
def test_one_job_makes_and_the_next_commits(kind: str, way: Way) -> None:
    async def story() -> None:
        async with entered(kind) as (_, commit_session):
            for _ in range(2):
                await way(lambda: EnteredThing() and None)
                assert await way(commit) == 4
            assert await commit_session() == 0

    assert told(lambda: asyncio.run(story())) == []


@both
def test_a_row_is_one_object_in_the_loop_and_in_jobs(kind: str) -> None:
    async def story() -> None:
        async with entered(kind) as (session, commit_session):
            thing = await asyncio.to_thread(EnteredThing, n=1)
            await commit_session()
            assert await asyncio.to_thread(EnteredThing.get, 1) is thing
            thing.n = 2
            await asyncio.to_thread(lambda: EnteredThing.get(1).update(n=3))
            assert await commit_session() == 1
            await asyncio.to_thread(thing.delete)
            assert await commit_session() == 0
            assert session.known == {}

    assert told(lambda: asyncio.run(story())) == []


@both
def test_what_nobody_commits_is_told_once(kind: str, way: Way) -> None:
    async def story() -> None:
        async with entered(kind):
            await way(lambda: EnteredThing() and None)

    [text] = told(lambda: asyncio.run(story()))
    assert 'EnteredThing entered:(new) (data, n)' in text


@both
@pytest.mark.parametrize('where', ['loop', 'job'])
def test_it_is_silent_after_a_rollback(kind: str, where: str) -> None:
    async def story() -> None:
        async with entered(kind) as (session, commit_session):
            await asyncio.to_thread(lambda: EnteredThing() and None)
            if where == 'loop':
                session.rollback()
            else:
                await asyncio.to_thread(lambda: rom.session.rollback())
            assert await commit_session() == 0

    assert told(lambda: asyncio.run(story())) == []


@both
def test_jobs_at_once(kind: str) -> None:
    async def story() -> None:
        async with entered(kind) as (_, commit_session):
            await asyncio.gather(*(asyncio.to_thread(EnteredThing, n=n) for n in range(40)))
            assert await commit_session() == 160

    assert told(lambda: asyncio.run(story())) == []
    assert sorted(thing.n for thing in EnteredThing.query.all()) == list(range(40))


@both
def test_jobs_that_commit_at_once_write_one_after_the_other(kind: str) -> None:
    """Whichever commits first writes what all have made by then; none meets another's write."""

    def job(n: int) -> int:
        thing = EnteredThing(n=n)
        written: int = rom.session.commit()
        thing.n = n + 100
        return written + thing.save()

    async def story() -> None:
        async with entered(kind) as (_, commit_session):
            jobs = (asyncio.to_thread(job, n) for n in range(40))
            written = await asyncio.gather(*jobs, commit_session(), commit_session())
            assert sum(written) + await commit_session() >= 160 + 40

    assert told(lambda: asyncio.run(story())) == []
    assert sorted(thing.n for thing in EnteredThing.query.all()) == list(range(100, 140))


def test_a_session_that_is_over_is_none_for_its_copies() -> None:
    """Also where the same session is entered once more."""
    session = rom.Session()
    with session:
        context = contextvars.copy_context()
        assert context.run(session_context.home) is session
    with session, ThreadPoolExecutor(1) as pool:
        assert context.run(session_context.home) is not session
        assert pool.submit(context.copy().run, session_context.home).result() is not session


def test_a_thread_that_has_a_session_of_its_own_keeps_to_it() -> None:
    def job() -> int:
        with rom.Session() as own:
            EnteredThing()
            return own.commit()

    async def story() -> None:
        async with rom.AsyncSession() as session:
            EnteredThing()
            assert await asyncio.to_thread(job) == 4
            assert await session.commit() == 4

    asyncio.run(story())


# --- what waits for the server, in a thread under an AsyncSession --------------------------------


def test_ids_and_relations_are_read_where_the_code_runs() -> None:
    """A thread blocks for them; the loop never does, whoever has made or loaded the entity."""

    async def in_thread(entity: rom.Model, name: str) -> Any:
        with pytest.raises(rom.InvalidOperation, match='await'):
            getattr(entity, name)
        return await asyncio.to_thread(getattr, entity, name)

    async def story() -> None:
        async with rom.AsyncSession() as session:
            team = await asyncio.to_thread(EnteredTeam, name='Reds')
            assert await in_thread(team, 'id') == 1
            EnteredThing(team=team)
            await session.commit()
            del team
            for load in (session.get, lambda *a: asyncio.to_thread(rom.session.get, *a)):
                session.rollback()
                thing = await load(EnteredThing, 1)
                assert thing is not None
                assert (await in_thread(thing, 'team')).name == 'Reds'

    asyncio.run(story())


def test_a_client_to_be_awaited_is_of_no_use_to_a_thread(server: Server) -> None:
    async def story() -> None:
        async with redis.asyncio.Redis(unix_socket_path=server.socket) as client:
            async with rom.AsyncSession(client) as session:
                thing = await asyncio.to_thread(EnteredThing, n=1)
                for job in (commit, EnteredThing.query.count, thing.save):
                    with pytest.raises(rom.InvalidOperation, match='asyncio client of its own'):
                        await asyncio.to_thread(job)
                assert await session.commit() == 4

    asyncio.run(story())


# --- from threads into loops ---------------------------------------------------------------------


def test_a_loop_that_plain_code_starts_works_in_the_session_around() -> None:
    async def inner() -> int:
        EnteredThing()
        return rom.session.commit()

    with rom.Session() as session:
        EnteredThing()
        assert async_to_sync(inner)() == 8
        assert session.commit() == 0


def test_from_the_loop_to_a_thread_and_back_to_the_loop() -> None:
    async def inner() -> None:
        EnteredThing()

    async def story() -> int:
        async with rom.AsyncSession() as session:
            await sync_to_async(async_to_sync(inner))()
            return await session.commit()

    assert asyncio.run(story()) == 4


def test_a_thread_that_runs_a_loop_of_its_own(server: Server) -> None:
    async def inner() -> None:
        EnteredThing()

    async def story() -> int:
        async with rom.AsyncSession() as session:
            await asyncio.to_thread(lambda: asyncio.run(inner()))
            return await session.commit()

    assert asyncio.run(story()) == 4
