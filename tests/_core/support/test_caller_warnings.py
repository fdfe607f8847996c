"""Each warning points at the line of the program that called rom, in both worlds."""

from __future__ import annotations

import asyncio
import gc
import linecache
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import redis

import rom
from rom._core.drivers import eviction_warning
from rom._core.support import caller_warnings
from tests.support.servers import Server

pytestmark = pytest.mark.one_server


class WarnedUser(rom.Model):
    name = rom.Text(index=True, keygen=rom.IDENTITY)
    until = rom.ExpireAt()


@pytest.fixture(autouse=True)
def connection(server: Server) -> Iterator[None]:
    with server.connect() as client:
        rom.util.CONNECTION = client
        yield


@contextmanager
def told(category: type[Warning], line: str) -> Iterator[None]:
    """One warning comes, of the line of this file that ends so."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        yield
    found = [one for one in caught if issubclass(one.category, category)]
    assert [one.filename for one in found] == [__file__]
    assert linecache.getline(__file__, found[0].lineno).rstrip().endswith(line)


def declared(**columns: rom.Column[Any]) -> Any:
    rom.MODELS.pop('WarnedThing', None)
    return type('WarnedThing', (rom.Model,), columns)


@pytest.fixture
def stale(raw: redis.Redis) -> Iterator[Callable[[], Any]]:
    """What makes a model whose index is not in the data."""
    declared(n=rom.Integer(index=True))(n=1).save()
    yield lambda: declared(n=rom.Integer(), m=rom.Integer(index=True))
    rom.MODELS.pop('WarnedThing', None)


def test_an_index_that_is_out_of_date(stale: Callable[[], Any]) -> None:
    model = stale()
    with told(rom.StaleIndexWarning, '# all'):
        model.query.all()  # all
    model = stale()
    with told(rom.StaleIndexWarning, '# first'):
        assert model.query.filter(m=1).first() is None  # first
    model = stale()
    with told(rom.StaleIndexWarning, '# save'):
        model(m=1).save()  # save
    model = stale()
    with told(rom.StaleIndexWarning, '# stream'):
        for _ in model.query:  # stream
            pass


def test_an_index_that_is_out_of_date_under_asyncio(stale: Callable[[], Any]) -> None:
    async def found(session: rom.AsyncSession, model: Any) -> Any:
        return await session.all(model.query)  # awaited here

    async def story() -> None:
        async with rom.AsyncSession() as session:
            model = stale()
            with told(rom.StaleIndexWarning, '# all'):
                await session.all(model.query)  # all
            model = stale()
            with told(rom.StaleIndexWarning, '# awaited here'):
                await found(session, model)
            model = stale()
            with told(rom.StaleIndexWarning, '# awaited here'):
                await asyncio.gather(found(session, model))
            session.add(stale()(m=2))
            with told(rom.StaleIndexWarning, '# commit'):
                await session.commit()  # commit

    asyncio.run(story())


@pytest.fixture
def evicting(raw: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A server that evicts keys, and a program that has not asked yet."""
    monkeypatch.setattr(eviction_warning, '_servers', set())
    monkeypatch.setattr(eviction_warning, '_pools', set())
    before = {name: raw.config_get(name)[name] for name in ('maxmemory', 'maxmemory-policy')}
    raw.config_set('maxmemory-policy', 'allkeys-lru')
    raw.config_set('maxmemory', '10gb')
    yield
    for name, value in before.items():
        raw.config_set(name, value)


@pytest.mark.usefixtures('evicting')
def test_a_server_that_evicts() -> None:
    with told(rom.EvictionWarning, '# get'):
        WarnedUser.get(1)  # get


@pytest.mark.usefixtures('evicting')
def test_a_server_that_evicts_under_asyncio() -> None:
    async def story() -> None:
        async with rom.AsyncSession() as session:
            with told(rom.EvictionWarning, '# get'):
                await session.get(WarnedUser, 1)  # get

    asyncio.run(story())


def test_what_was_never_written() -> None:
    with told(rom.UnwrittenWarning, '# entered'):
        with rom.Session():  # entered
            WarnedUser(name='a')


def test_what_was_never_written_under_asyncio() -> None:
    async def story() -> None:
        with told(rom.UnwrittenWarning, '# entered'):
            async with rom.AsyncSession():  # entered
                WarnedUser(name='a')

    asyncio.run(story())


def test_what_is_said_at_once() -> None:
    with told(UserWarning, "order_by('name')"):
        WarnedUser.query.order_by('name')
    with told(UserWarning, "replace(order_by='name')"):
        WarnedUser.query.replace(order_by='name')
    with told(UserWarning, 'until=(0, 1))'):
        WarnedUser.query.filter(until=(0, 1))
    with told(UserWarning, '_enable_lua_writes()'):
        rom._enable_lua_writes()


def test_where_no_line_of_a_program_is() -> None:
    """It points at what is nearest, and is told all the same."""

    def job() -> None:
        rom.session.rollback()
        WarnedUser(name='a')

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        thread = threading.Thread(target=job)
        thread.start()
        thread.join()
        gc.collect()
    assert [one.category for one in caught] == [rom.UnwrittenWarning]


def test_what_lies_between() -> None:
    """A helper of Python's own is no program: here it calls what rom would call."""
    within = {'__name__': 'contextlib', 'warn': caller_warnings.warn}
    exec('def call():\n    warn("said")', within)
    with told(UserWarning, '# here'):
        within['call']()  # type: ignore[operator]  # here
