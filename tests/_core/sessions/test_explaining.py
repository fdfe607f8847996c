"""`explain` of both sessions, and of a query in the current one."""

from __future__ import annotations

from typing import Any

import pytest
import redis

import rom
from rom._core.query.explanation import Explanation
from tests.support.servers import Server, dump
from tests.support.worlds import BOTH, World


class ExplainedUser(rom.Model):
    name = rom.Text(index=True, keygen=rom.IDENTITY)
    age = rom.Integer(index=True)


@pytest.fixture(params=BOTH)
def world(request: pytest.FixtureRequest, server: Server, client: redis.Redis) -> World:
    """Either session, with a client of the kind that `client` is."""
    settings = client.connection_pool.connection_kwargs
    kind = {name: settings[name] for name in ('protocol', 'decode_responses')}
    return World(request.param, server.socket, **kind)


def test_a_plan_and_a_run(world: World, raw: redis.Redis) -> None:
    async def story() -> Any:
        async with world.session() as session:
            for age in range(50):
                session.add(ExplainedUser(name=f'n{age % 5}', age=age))
            await session.commit()
            before = dump(raw)
            query = ExplainedUser.query.filter(name='n3').order_by('-age')
            found = await session.explain(query), await session.explain(query, run=True)
            count = await session.explain(query, of='count', run=True)
            assert dump(raw) == before
            return *found, count

    plan, run, count = world.run(story())
    assert isinstance(plan, Explanation)
    assert plan.plan == run.plan
    assert (plan.model, plan.plan.way, plan.run) == ('ExplainedUser', 'sort', None)
    assert [str(node.label) for node in plan.plan.filters] == ["name = 'n3'"]
    assert (run.run.results, len(run.run.calls), run.run.calls[0].rows) == (10, 1, 10)
    assert (count.plan.way, count.run.results) == ('known', 10)


def test_the_session_does_not_get_to_know_entities(world: World) -> None:
    async def story() -> Any:
        async with world.session() as session:
            session.add(ExplainedUser(name='a'))
            await session.commit()
        async with world.session() as session:
            await session.explain(ExplainedUser.query, run=True)
            return await session.get('ExplainedUser:1')

    assert world.run(story()) is None


@pytest.mark.one_server
def test_in_the_current_session(server: Server) -> None:
    with server.connect() as connection, rom.Session(connection):
        ExplainedUser(name='a', age=5).save()
        found = ExplainedUser.query.filter(age=(1, 9)).explain(run=True)
        assert found.run is not None
        assert (found.plan.way, found.run.results) == ('index', 1)
        assert '1 <= age <= 9' in str(found)
        assert ExplainedUser.query.explain(of='count').plan.way == 'known'
        with pytest.raises(rom.QueryError, match='of='):
            ExplainedUser.query.explain(of='first')  # type: ignore[arg-type]


class ExplainedShop(rom.Model):
    open = rom.Boolean(index=True)
    lon = rom.Float()
    lat = rom.Float()
    geo_index = [rom.GeoIndex('at', lambda e: {'lon': e.lon, 'lat': e.lat})]


def test_near(world: World) -> None:
    async def story() -> Any:
        async with world.session() as session:
            for step in range(20):
                session.add(ExplainedShop(open=step % 2 == 0, lon=10 + step / 100, lat=59.5))
            await session.commit()
            query = ExplainedShop.query.near('at', 10, 59.5, 3, 'km').filter(open=True)
            return await session.explain(query, run=True), await session.count(query)

    found, count = world.run(story())
    assert (found.plan.way, [node.role for node in found.plan.filters]) == (
        'near', ['drives', 'probed'],
    )  # fmt: skip
    assert found.plan.filters[0].size == 6
    assert found.run.results == count == 3
    assert [(step.way, step.looked) for step in found.run.calls[0].steps] == [('near', 6)]
    assert 'at within 3 km of 10, 59.5' in str(found)
