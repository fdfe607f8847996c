"""A commit tells of changes that it does not write, where they cannot be of its session's work."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import warnings
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis

import rom

pytestmark = [pytest.mark.one_server, pytest.mark.usefixtures('on_client')]


class Elsewhere(rom.Model):
    name = rom.Text()
    data = rom.Json(default=dict)


def told(call: Callable[[], Any]) -> list[str]:
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter('always')
        call()
    return [str(one.message) for one in seen if one.category is rom.UnwrittenWarning]


def commit() -> Any:
    return rom.session.commit()


def run_in_one_thread(story: Coroutine[Any, Any, None]) -> None:
    """Run a story whose jobs run one after the other: a job is over when the next one begins."""

    async def body() -> None:
        with ThreadPoolExecutor(1) as pool:
            asyncio.get_running_loop().set_default_executor(pool)
            await story

    asyncio.run(body())


async def in_task(job: Callable[[], Any]) -> Any:
    async def body() -> Any:
        return job()

    return await asyncio.create_task(body())


async def in_thread(job: Callable[[], Any]) -> Any:
    return await asyncio.to_thread(job)


beside = pytest.mark.parametrize('beside', [in_task, in_thread])


# --- nothing to write, where another one has changes ---------------------------------------------


@beside
def test_a_commit_beside_the_task_that_has_changes(beside: Callable[..., Any]) -> None:
    texts = []

    async def story() -> None:
        thing = Elsewhere(name='x')
        texts.extend(await beside(lambda: told(commit)))
        assert await beside(commit) == 0
        assert rom.session.commit() == 3
        thing.data['a'] = 1
        texts.extend(await beside(lambda: told(commit)))
        assert rom.session.commit() == 1
        texts.extend(await beside(lambda: told(commit)))

    with warnings.catch_warnings():
        warnings.simplefilter('ignore', rom.UnwrittenWarning)
        asyncio.run(story())
    first, second = texts
    assert 'Elsewhere Elsewhere:(new) (data, name): changed, and not written by this' in first
    assert 'Elsewhere Elsewhere:1 (data): changed, and not written by this commit()' in second
    assert 'another thread or task' in second


def test_a_loop_beside_the_thread_that_has_changes() -> None:
    async def story() -> Any:
        return rom.session.commit()

    Elsewhere(name='x')
    [text] = told(lambda: asyncio.run(story()))
    assert 'Elsewhere:(new)' in text
    assert rom.session.commit() == 3


def test_after_a_library_has_carried_a_context_back() -> None:
    """As asgiref does: a thread's or task's variables come back to the one that waited for it."""

    async def carry() -> contextvars.Context:
        rom.session.commit()
        return contextvars.copy_context()

    async def story() -> Any:
        return rom.session.commit()

    Elsewhere(name='x')
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        context = asyncio.run(carry())

    def carried() -> list[str]:
        for variable in context:
            variable.set(context[variable])
        return told(lambda: asyncio.run(story()))

    [text] = contextvars.copy_context().run(carried)
    assert 'Elsewhere:(new)' in text
    assert rom.session.commit() == 3


def test_the_line_of_the_program_is_named() -> None:
    async def story() -> None:
        rom.session.commit()

    Elsewhere(name='x')
    with pytest.warns(rom.UnwrittenWarning) as seen:
        asyncio.run(story())
    assert seen[0].filename == __file__


def test_as_an_error_it_leaves_all_as_it_was(raw: redis.Redis) -> None:
    async def story() -> None:
        with pytest.raises(rom.UnwrittenWarning):
            rom.session.commit()

    Elsewhere(name='x')
    with warnings.catch_warnings():
        warnings.simplefilter('error', rom.UnwrittenWarning)
        asyncio.run(story())
    assert rom.session.commit() == 3


def test_threads_that_know_nothing_of_each_other_are_left_alone() -> None:
    Elsewhere(name='x')
    with ThreadPoolExecutor(1) as pool:
        assert told(lambda: pool.submit(commit).result()) == []
    assert rom.session.commit() == 3


def test_nothing_is_said_by_a_commit_that_writes() -> None:
    async def story() -> None:
        Elsewhere(name='y')
        assert rom.session.commit() == 3

    Elsewhere(name='x')
    assert told(lambda: asyncio.run(story())) == []
    assert rom.session.commit() == 3


def test_nothing_is_said_of_what_surrounds_an_entered_session() -> None:
    Elsewhere(name='x')
    with rom.Session() as session:
        assert told(session.commit) == []
    assert rom.session.commit() == 3


# --- nothing to write, and an entity that nobody will write --------------------------------------


def test_an_entity_whose_session_has_ended_is_told_of_by_the_next_commit() -> None:
    def leave() -> Elsewhere:
        with rom.Session():
            return Elsewhere(name='x')

    kept: list[Elsewhere] = []
    assert len(told(lambda: kept.append(leave()))) == 1
    [text] = told(commit)
    assert 'Elsewhere:(new) (data, name): changed in a session that has ended' in text
    assert 'nor by this commit()' in text
    assert told(commit) == []  # each is told of once
    assert kept[0].save() == 3


@pytest.mark.parametrize('how', ['dropped', 'saved', 'added', 'changed', 'rolled back'])
def test_it_is_silent(how: str) -> None:
    def leave() -> Elsewhere:
        with rom.Session() as session:
            thing = Elsewhere(name='x')
            if how == 'rolled back':
                session.rollback()
            return thing

    kept: list[Elsewhere] = []
    told(lambda: kept.append(leave()))
    if how == 'dropped':
        kept.clear()
        gc.collect()
    elif how == 'saved':
        kept[0].save()
    elif how == 'added':
        rom.session.add(kept[0])
    elif how == 'changed':
        kept[0].name = 'y'
    assert told(commit) == []


def test_one_job_makes_and_the_next_commits() -> None:
    """Neither is inside a session: the first job's has ended with it."""
    counts = []

    async def story() -> None:
        thing = await asyncio.to_thread(Elsewhere, name='x')
        counts.append(await asyncio.to_thread(commit))
        thing.name = 'y'
        counts.append(rom.session.commit())

    at_the_end, at_the_commit = told(lambda: run_in_one_thread(story()))
    assert counts == [0, 3]
    assert 'Elsewhere:(new)' in at_the_end
    assert 'nor by this commit()' in at_the_commit


# --- a session that was entered in another context ----------------------------------------------


@pytest.mark.parametrize('where', ['job', 'task'])
@pytest.mark.parametrize('kind', ['sync', 'async'])
def test_a_commit_where_the_session_is_not_the_current_one(kind: str, where: str) -> None:
    """As FastAPI runs a ``def`` dependency, and older test plugins a fixture."""
    counts = []

    async def story() -> None:
        session: Any = rom.Session() if kind == 'sync' else rom.AsyncSession()
        if kind == 'sync':
            await asyncio.to_thread(session.__enter__)
        else:
            await asyncio.create_task(session.__aenter__())
        make = lambda: Elsewhere(name='x') and None  # noqa: E731
        if where == 'job':
            await asyncio.to_thread(make)
        else:
            make()
        if kind == 'sync':
            counts.append(await asyncio.to_thread(session.commit))
            await asyncio.to_thread(session.__exit__, None, None, None)
        else:
            counts.append(await asyncio.create_task(session.commit()))
            await asyncio.create_task(session.__aexit__(None, None, None))

    texts = told(lambda: run_in_one_thread(story()))
    assert counts == [0]
    [text] = [text for text in texts if 'was open, and not in it' in text]
    assert 'Elsewhere:(new) (data, name)' in text
    assert ('this Session' if kind == 'sync' else 'this AsyncSession') in text


def test_what_it_knows_is_written_wherever_it_commits() -> None:
    Elsewhere(name='x')
    rom.session.commit()
    rom.session.rollback()

    async def story() -> None:
        session = rom.Session()
        await asyncio.to_thread(session.__enter__)
        thing = await asyncio.to_thread(session.get, Elsewhere, 1)
        assert thing is not None
        thing.name = 'y'
        session.add(Elsewhere(name='z'))
        assert await asyncio.to_thread(session.commit) == 4
        await asyncio.to_thread(session.__exit__, None, None, None)

    assert told(lambda: asyncio.run(story())) == []


def test_one_session_inside_another_may_commit_either() -> None:
    with rom.Session() as outer, rom.Session() as inner:
        Elsewhere(name='x')
        assert told(outer.commit) == []
        assert told(lambda: contextvars.copy_context().run(outer.commit)) == []
        assert inner.commit() == 3
