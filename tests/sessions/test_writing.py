"""What a write leaves behind in an entity, in both sessions."""

import pytest
import redis

import rom
from rom.sessions.writing import with_referred
from tests.support.implied import assert_consistent
from tests.support.servers import Server
from tests.support.worlds import BOTH, World


class WrittenThing(rom.Model):
    name = rom.Text(unique=True)
    number = rom.Integer(index=True)
    next = rom.ManyToOne('WrittenThing', 'no action')


@pytest.fixture(params=BOTH)
def world(request: pytest.FixtureRequest, server: Server) -> World:
    return World(request.param, server.socket)


def test_what_was_set_back_is_not_modified(world: World, raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            thing = WrittenThing(number=1)
            await s.commit()
            thing.name = 'a'
            thing.name = None
            thing.number = 2
            assert await s.commit() == 1
            assert not thing._modified
            assert await s.commit() == 0
            thing.number = 2
            assert await s.save(thing) == 0
            assert not thing._modified
            assert_consistent(raw, WrittenThing)

    world.run(story())


def test_what_was_set_before_a_delete_comes_back_with_it(world: World, raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            thing = WrittenThing(name='a', number=1)
            await s.commit()
            thing.number = None
            await s.delete(thing)
            assert await s.commit() == 0
            await s.save(thing, force=True)
            assert thing.number is None
            assert raw.hgetall('WrittenThing:1') == {b'id': b'1', b'name': b'a'}
            assert_consistent(raw, WrittenThing)

    world.run(story())


def test_referred_ones_come_first() -> None:
    a, b, c = WrittenThing(), WrittenThing(), WrittenThing()
    a.next, b.next = b, c
    assert with_referred([a]) == [c, b, a]
    assert with_referred([b, a, c]) == [c, b, a]
    c.next = a  # a circle: any order, each once
    assert {id(e) for e in with_referred([b])} == {id(a), id(b), id(c)}
    assert len(with_referred([a, b, c, a])) == 3
    assert with_referred([]) == []
