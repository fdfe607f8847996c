"""The hostile test for what is awaited, and for transfers: see `tests/support/hostile.py`."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import redis
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import rom
import rom.aio
from tests.support.hostile import ANYTHING, COLUMNS, NAMES, fill, survive_awaiting, thing
from tests.support.servers import Server

Draw = Callable[..., Any]
Call = Callable[[Any, Any, Draw], Awaitable[Any]]


async def entity(s: Any, m: Any) -> Any:
    found = await s.get(m, 1)
    assert found is not None
    return found


async def transferred(s: Any, m: Any, d: Draw) -> Any:
    one, other = await s.get(m, [1, 2])
    return await s.transfer(one, other, d(NAMES), d(ANYTHING), one, d(NAMES), d(ANYTHING))


async def transferred_numbers(s: Any, m: Any, d: Draw) -> Any:
    one, other = await s.get(m, [1, 2])
    return await s.transfer(one, other, 'f', d(ANYTHING), one, 'n', d(ANYTHING))


async def streamed(s: Any, m: Any, d: Draw) -> None:
    async for _ in s.stream(m.query.filter(**{d(NAMES): d(ANYTHING)}), d(ANYTHING)):
        pass


async def assigned(s: Any, m: Any, d: Draw) -> Any:
    found = await entity(s, m)
    setattr(found, d(st.sampled_from(COLUMNS)), d(ANYTHING))
    return await s.commit()


async def locked(s: Any, m: Any, d: Draw) -> None:
    lock = rom.aio.EntityLock(await entity(s, m), d(ANYTHING), d(ANYTHING))
    async with lock:
        pass


#: By name: what is awaited, of a session, a model and a source of arguments.
CALLS: dict[str, Call] = {
    'all': lambda s, m, d: s.all(m.query.filter(**{d(NAMES): d(ANYTHING)})),
    'all of anything': lambda s, m, d: s.all(d(ANYTHING)),
    'first': lambda s, m, d: s.first(m.query.like(**{d(NAMES): d(ANYTHING)})),
    'one': lambda s, m, d: s.one(m.query.filter(**{d(NAMES): (d(ANYTHING), d(ANYTHING))})),
    'count': lambda s, m, d: s.count(m.query.startswith(**{d(NAMES): d(ANYTHING)})),
    'exists': lambda s, m, d: s.exists(m.query.endswith(**{d(NAMES): d(ANYTHING)})),
    'ids': lambda s, m, d: s.ids(m.query.order_by(d(NAMES)).limit(d(ANYTHING), d(ANYTHING))),
    'near': lambda s, m, d: s.ids(m.query.near('at', *(d(ANYTHING) for _ in range(3)), 'km')),
    'page': lambda s, m, d: s.page(m.query.order_by('n'), d(ANYTHING), d(ANYTHING)),
    'sum': lambda s, m, d: s.sum(m.query, d(st.one_of(NAMES, ANYTHING))),
    'avg': lambda s, m, d: s.avg(m.query, d(st.one_of(NAMES, ANYTHING))),
    'min': lambda s, m, d: s.min(m.query, d(st.one_of(NAMES, ANYTHING))),
    'max': lambda s, m, d: s.max(m.query, d(st.one_of(NAMES, ANYTHING))),
    'facets': lambda s, m, d: s.facets(m.query, d(st.one_of(NAMES, ANYTHING))),
    'cached_result': lambda s, m, d: s.cached_result(m.query.order_by('n'), d(ANYTHING)),
    'explain': lambda s, m, d: s.explain(m.query, d(ANYTHING), d(ANYTHING)),
    'stream': streamed,
    'get': lambda s, m, d: s.get(m, d(ANYTHING)),
    'get many': lambda s, m, d: s.get(m, [d(ANYTHING), d(ANYTHING)]),
    'get_by': lambda s, m, d: s.get_by(m, **{d(NAMES): d(ANYTHING)}),
    'get_or_create': lambda s, m, d: s.get_or_create(m, d(ANYTHING), **{d(NAMES): d(ANYTHING)}),
    'upsert': lambda s, m, d: s.upsert(m, {d(NAMES): d(ANYTHING)}, n=d(ANYTHING)),
    'upsert, create': lambda s, m, d: s.upsert(
        m, {'f': 1}, d(st.one_of(ANYTHING, st.dictionaries(NAMES, ANYTHING))), n=7
    ),
    'update_all': lambda s, m, d: s.update_all(m.query, **{d(NAMES): d(ANYTHING)}),
    'update_all, blocks': lambda s, m, d: s.update_all(m.query, _blocksize=d(ANYTHING), f=1),
    'delete_all': lambda s, m, d: s.delete_all(m.query.filter(n=(1, 2)), d(ANYTHING)),
    'transfer': transferred,
    'transfer of numbers': transferred_numbers,
    'assign': assigned,
    'save': lambda s, m, d: s.save(d(ANYTHING)),
    'delete': lambda s, m, d: s.delete(d(ANYTHING)),
    'refresh': lambda s, m, d: s.refresh(d(ANYTHING)),
    'load': lambda s, m, d: s.load(d(ANYTHING), d(NAMES)),
    'commit': lambda s, m, d: s.commit(batch=d(ANYTHING)),
    'expire': lambda s, m, d: s.expire(m, d(ANYTHING), d(ANYTHING)),
    'EntityLock': locked,
}


@pytest.fixture
def model(raw: redis.Redis) -> Any:
    return thing(raw)


@pytest.mark.one_server
@pytest.mark.parametrize('name', CALLS)
@settings(max_examples=20, phases=(Phase.explicit, Phase.generate))
@given(data=st.data())
def test_hostile_arguments(name: str, data: Any, server: Server, model: Any) -> None:
    server.flush()
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        with rom.Session():
            fill(model)

        async def story() -> None:
            async with rom.AsyncSession() as session:
                try:
                    await survive_awaiting(lambda: CALLS[name](session, model, data.draw))
                finally:
                    session.rollback()

        asyncio.run(story())
