"""`where` in both sessions: every way to a query's answer takes expressions."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import redis

import rom
from tests.support.servers import Server
from tests.support.worlds import BOTH, World


class SeatHall(rom.Model):
    _namespace = 'seat-hall'


class Seat(rom.Model):
    _namespace = 'seat'
    name = rom.Text(index=True, prefix=True, suffix=True, keygen=rom.IDENTITY)
    row = rom.Integer(index=True)
    hall = rom.ManyToOne('SeatHall', on_delete='cascade')


HIGH = (Seat.row >= 2) & ~(Seat.name == 'b')
EITHER = (Seat.row < 2) | Seat.name.startswith('d') | Seat.row.is_none()


@pytest.fixture(params=BOTH)
def world(request: pytest.FixtureRequest, server: Server) -> World:
    return World(request.param, server.socket)


def tell(world: World, story: Callable[[Any], Awaitable[None]]) -> None:
    """Run a story with a session, in a hall with five seats; the last one has no row."""

    async def whole() -> None:
        async with world.session() as s:
            hall = SeatHall()
            for name, row in zip('abcde', (1, 2, 3, 4, None), strict=True):
                Seat(name=name, row=row, hall=hall if row in (1, 2) else None)
            await s.commit()
            s.rollback()
            await story(s)

    world.run(whole())


@pytest.mark.one_server
def test_every_way_to_an_answer(world: World) -> None:
    async def story(s: Any) -> None:
        query = Seat.query.where(HIGH).order_by('-row')
        assert [seat.name for seat in await s.all(query)] == ['d', 'c']
        assert [seat.name async for seat in s.stream(query, 1)] == ['d', 'c']
        assert (await s.first(query)).name == 'd'
        assert (await s.count(query), await s.ids(query)) == (2, [4, 3])
        assert await s.exists(query)
        assert not await s.exists(query.where(Seat.name == 'a'))
        assert (await s.one(query.where(Seat.row > 3))).name == 'd'
        assert await s.all(query.select('name')) == [{'name': 'd'}, {'name': 'c'}]

    tell(world, story)


@pytest.mark.one_server
def test_or_and_no_value(world: World) -> None:
    async def story(s: Any) -> None:
        assert await s.ids(Seat.query.where(EITHER)) == [1, 4, 5]
        assert await s.ids(Seat.query.where(~EITHER)) == [2, 3]
        assert await s.ids(Seat.query.where(EITHER, HIGH)) == [4]
        assert await s.ids(Seat.query.filter(name=['a', 'e']).where(EITHER)) == [1, 5]

    tell(world, story)


@pytest.mark.one_server
def test_relations(world: World) -> None:
    async def story(s: Any) -> None:
        hall = await s.get(SeatHall, 1)
        query = Seat.query.where(Seat.hall == hall).load('hall')
        assert [seat.hall is hall for seat in await s.all(query)] == [True, True]
        assert await s.ids(Seat.query.where(Seat.hall.is_none())) == [3, 4, 5]

    tell(world, story)


@pytest.mark.one_server
def test_writing(world: World, raw: redis.Redis) -> None:
    async def story(s: Any) -> None:
        key = await s.cached_result(Seat.query.where(EITHER).order_by('-row'), 30)
        assert raw.zrange(key, 0, -1) == [b'4', b'1', b'5']
        assert await s.delete_all(Seat.query.where(EITHER), 1) == 3
        assert await s.ids(Seat.query) == [2, 3]

    tell(world, story)


@pytest.mark.one_server
def test_what_is_wrong_is_wrong_before_anything_is_asked(world: World) -> None:
    async def story(s: Any) -> None:
        for misuse in (lambda: 1 < Seat.row < 3, lambda: HIGH or EITHER, lambda: not HIGH):
            with pytest.raises(rom.InvalidOperation, match=r'use & \| ~'):
                misuse()
        for wrong in (Seat.name < 'b', SeatHall.id == 1, True):
            with pytest.raises(rom.QueryError):
                Seat.query.where(wrong)

    tell(world, story)


@pytest.mark.one_server
def test_an_entity_without_an_id(world: World) -> None:
    """To ask for those that refer to it, it needs one: only without asyncio it can be taken."""

    async def story(s: Any) -> None:
        new = SeatHall()
        if s.is_async:
            with pytest.raises(rom.InvalidOperation, match=r'await s\.flush'):
                Seat.query.where(Seat.hall == new)
            await s.flush()
        assert await s.ids(Seat.query.where(Seat.hall == new)) == []

    tell(world, story)
