"""Queries by ids and by unique values, without an index of either, in both sessions."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import rom
from tests.support.servers import Server
from tests.support.worlds import BOTH, World


class IdsGuest(rom.Model):
    number = rom.PrimaryKey()
    email = rom.Text(unique=True)
    ticket = rom.Integer(unique=True)
    age = rom.Integer(index=True)
    left = rom.ExpireAt()


QUERY = IdsGuest.query
NUMBER = IdsGuest.number


@pytest.fixture(params=BOTH)
def world(request: pytest.FixtureRequest, server: Server) -> World:
    return World(request.param, server.socket)


def tell(world: World, story: Callable[[Any], Awaitable[None]]) -> None:
    """Run a story with a session and nine guests, of whom the fifth has left."""

    async def whole() -> None:
        async with world.session() as s:
            for n in range(1, 10):
                IdsGuest(email=f'{n}@a', ticket=100 * n, age=n % 3, left=0 if n == 5 else None)
            await s.commit()
            s.rollback()
            await story(s)

    world.run(whole())


def test_every_way_to_an_answer(world: World) -> None:
    async def story(s: Any) -> None:
        query = QUERY.filter(number=(3, 7)).order_by('-number')
        assert [guest.number for guest in await s.all(query)] == [7, 6, 4, 3]
        assert [guest.number async for guest in s.stream(query, 1)] == [7, 6, 4, 3]
        assert (await s.first(query)).number == 7
        assert (await s.count(query), await s.ids(query.limit(1, 2))) == (4, [6, 4])
        assert await s.ids(query.with_expired()) == [7, 6, 5, 4, 3]
        assert await s.count(QUERY.filter(number=(3, 7)).with_expired()) == 5
        assert await s.exists(QUERY.filter(number=4))
        assert not await s.exists(QUERY.filter(number=[5, 77]))
        assert (await s.one(QUERY.filter(number=4, age=1))).email == '4@a'
        assert (await s.all(query.select('ticket')))[0] == {'ticket': 700}
        assert await s.sum(query, 'age') == 1 + 0 + 1 + 0
        assert await s.facets(query, 'age') == {0: 2, 1: 2}
        assert (await s.min(QUERY, 'number'), await s.max(query, 'number')) == (1, 7)
        assert [guest.number for guest in await s.get_by(IdsGuest, number=(8, None))] == [8, 9]
        by_unique = QUERY.filter(email=['4@a', '5@a', '6@a', '?'])
        assert await s.ids(by_unique) == [4, 6]
        assert await s.ids(by_unique.filter(age=1)) == [4]
        assert await s.count(by_unique.with_expired()) == 3
        assert await s.ids(QUERY.filter(ticket=800)) == [8]
        assert await s.ids(QUERY.where((IdsGuest.email == '1@a') | (NUMBER > 8))) == [1, 9]
        assert await s.ids(QUERY.where(~(IdsGuest.email == '1@a'), NUMBER <= 3)) == [2, 3]

    tell(world, story)


@pytest.mark.one_server
def test_orders_and_pages(world: World) -> None:
    async def story(s: Any) -> None:
        query = QUERY.order_by('-age', 'number')
        assert await s.ids(query) == [2, 8, 1, 4, 7, 3, 6, 9]
        found, after = [], None
        while True:
            page = await s.page(query, 3, after)
            found += [guest.number for guest in page]
            after = page.next
            if after is None:
                break
        assert found == [2, 8, 1, 4, 7, 3, 6, 9]
        page = await s.page(QUERY.order_by('-number'), 3)
        await s.delete(page.items[2])
        new = IdsGuest(age=0)
        await s.commit()
        page = await s.page(QUERY.order_by('-number'), 2, page.next)
        assert [guest.number for guest in page] == [6, 4]
        assert await s.ids(QUERY.order_by('-number').limit(0, 2)) == [new.number, 9]
        with pytest.raises(rom.QueryError, match='another order_by'):
            await s.page(QUERY.order_by('number'), 2, page.next)

    tell(world, story)


@pytest.mark.one_server
def test_what_is_changed(world: World) -> None:
    async def story(s: Any) -> None:
        assert await s.update_all(QUERY.filter(number=[1, 2, 5]), age=50) == 2
        assert await s.update_all(QUERY.filter(email='3@a'), age=IdsGuest.age + 60) == 1
        assert await s.ids(QUERY.filter(age=(50, None)).order_by('-number')) == [3, 2, 1]
        last_two = QUERY.order_by('-number').limit(0, 2)
        assert await s.update_all(last_two, email=None, ticket=None) == 2
        assert await s.ids(QUERY.filter(email=['8@a', '9@a', '7@a'])) == [7]
        assert await s.delete_all(QUERY.where(NUMBER >= 8)) == 2
        assert await s.delete_all(QUERY.filter(email='7@a')) == 1
        assert await s.ids(QUERY.order_by('number')) == [1, 2, 3, 4, 6]

    tell(world, story)


@pytest.mark.one_server
def test_what_explain_says(world: World) -> None:
    async def story(s: Any) -> None:
        found = await s.explain(QUERY.with_expired().filter(number=(2, 4)).order_by('-number'))
        [one] = found.plan.filters
        assert (found.plan.way, one.kind, one.size, one.role) == ('ids', 'ids', 3, 'drives')
        assert 'order: -number, by the ids' in str(found)
        assert '2 <= number <= 4' in str(found)
        found = await s.explain(QUERY.filter(email='1@a', age=1))
        unique, age = found.plan.filters
        assert (unique.kind, unique.key, unique.role) == ('unique', 'IdsGuest:email:uidx', 'drives')
        assert age.role == 'probed'
        assert "email = '1@a'" in str(found)
        assert 'number = [1, 2]' in str(await s.explain(QUERY.filter(number=[1, 2])))

    tell(world, story)


class IdsMany(rom.Model):
    age = rom.Integer(index=True)


@pytest.mark.one_server
def test_what_is_looked_at_is_what_was_asked_for(world: World) -> None:
    """The last twenty of many are found without a look at the others; so is a range of ids."""

    async def story() -> None:
        async with world.session() as s:
            for n in range(5_000):
                IdsMany(age=n % 2)
            await s.commit()
            for query, looked in [
                (IdsMany.query.order_by('-id').limit(0, 20), 300),
                (IdsMany.query.filter(age=1).order_by('-id').limit(0, 20), 300),
                (IdsMany.query.filter(id=(3_000, 3_019)).order_by('-id'), 300),
                (IdsMany.query.filter(id=(3_000, 3_019)), 100),
                (IdsMany.query.filter(id=[3_000, 5_000], age=1), 2),
            ]:
                run = (await s.explain(query, run=True)).run
                assert (len(run.calls), run.results > 0) == (1, True)
                assert run.looked <= looked, query

    world.run(story())
