"""Entities that were pickled or copied: they belong to no session, and remember what they were."""

from __future__ import annotations

import asyncio
import copy
import gc
import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import redis

import rom
from rom._core.ops.commits.attempts import Attempt
from tests.support.servers import Server
from tests.support.worlds import World

pytestmark = [pytest.mark.one_server, pytest.mark.usefixtures('on_client')]


class DetachedThing(rom.Model):
    n = rom.Integer(default=0)
    name = rom.Text(unique=True)
    data = rom.Json(default=dict)
    friend = rom.ManyToOne('DetachedThing', 'no action')


def pickled(protocol: int) -> Callable[[Any], Any]:
    return lambda entity: pickle.loads(pickle.dumps(entity, protocol))


WAYS: dict[str, Callable[[Any], Any]] = {
    'copy': copy.copy,
    'deepcopy': copy.deepcopy,
    **{f'pickle {n}': pickled(n) for n in range(pickle.HIGHEST_PROTOCOL + 1)},
}
ways = pytest.mark.parametrize('way', WAYS.values(), ids=WAYS)


def made(**values: Any) -> DetachedThing:
    thing = DetachedThing(**values)
    rom.session.commit()
    return thing


@ways
def test_what_arrives_is_equal_and_shares_nothing(way: Callable[[Any], Any]) -> None:
    thing = made(n=1, name='Ann', data={'a': [1]})
    thing.note = 'mine'  # type: ignore[attr-defined]
    other = way(thing)
    assert other is not thing
    assert other.to_dict() == thing.to_dict()
    assert other.note == 'mine'
    other.data['a'].append(2)
    assert thing.data == {'a': [1]}
    rom.session.rollback()


@ways
def test_what_arrives_belongs_to_no_session(way: Callable[[Any], Any]) -> None:
    thing = made(n=1)
    other = way(thing)
    assert DetachedThing.get(1) is thing
    del thing
    rom.session.rollback()
    assert other.data == {}
    assert DetachedThing.get(1) is not other
    assert rom.session.commit() == 0


@ways
def test_it_is_written_by_add_and_a_commit(way: Callable[[Any], Any], raw: redis.Redis) -> None:
    thing = made(n=1, data={'a': 1})
    thing.n = 5
    thing.data['b'] = 2
    other = way(thing)
    rom.session.rollback()
    assert rom.session.commit() == 0
    rom.session.add(other)
    assert rom.session.commit() == 2
    assert raw.hmget('DetachedThing:1', 'n', 'data') == [b'5', b'{"a": 1, "b": 2}']
    assert rom.session.get(DetachedThing, 1) is other


@ways
def test_a_change_brings_it_to_the_session_at_work(
    way: Callable[[Any], Any], raw: redis.Redis
) -> None:
    other = way(made(n=1))
    rom.session.rollback()
    other.n = 6
    assert rom.session.commit() == 1
    other.data['a'] = 1
    assert rom.session.commit() == 1
    assert other.save() == 0
    assert raw.hmget('DetachedThing:1', 'n', 'data') == [b'6', b'{"a": 1}']


@ways
def test_it_is_written_under_the_same_lock(way: Callable[[Any], Any], raw: redis.Redis) -> None:
    other = way(made(n=1))
    rom.session.rollback()
    raw.hset('DetachedThing:1', 'n', '9')
    other.n = 2
    with pytest.raises(rom.DataRaceError):
        rom.session.commit()
    other.refresh(force=True)
    assert other.n == 9


@ways
def test_of_another_life_of_the_database(way: Callable[[Any], Any], raw: redis.Redis) -> None:
    thing = made(n=1)
    thing._seen_at -= 10  # type: ignore[operator]
    other = way(thing)
    raw.flushdb()
    rom.session.rollback()
    made(n=1)
    rom.session.rollback()
    other.n = 2
    with pytest.raises(rom.StaleEntityError):
        rom.session.commit()


@ways
def test_a_new_one_is_written_when_it_is_added(way: Callable[[Any], Any], raw: redis.Redis) -> None:
    with rom.Session() as s:
        other = way(DetachedThing(name='new', data={'a': 1}))
        s.rollback()
    other.n = 3
    assert rom.session.commit() == 0
    rom.session.add(other)
    assert rom.session.commit() == 5
    assert raw.hget(f'DetachedThing:{other.id}', 'n') == b'3'
    other.n = 4
    assert rom.session.commit() == 1


@ways
def test_relations_are_read_when_they_are_asked_for(way: Callable[[Any], Any]) -> None:
    thing = made(friend=made(name='friend'))
    assert thing.friend.name == 'friend'
    other = way(thing)
    assert '_values' not in other.__dict__ or 'friend' not in other._values
    assert other.friend is thing.friend


@ways
def test_a_relation_that_was_set_goes_along(way: Callable[[Any], Any]) -> None:
    thing, friend = made(n=1), made(name='friend')
    thing.friend = friend
    other = way(thing)
    rom.session.rollback()
    other.save()
    rom.session.rollback()
    assert DetachedThing.get(1).friend.name == 'friend'


@ways
def test_two_that_refer_to_each_other(way: Callable[[Any], Any]) -> None:
    one, two = made(), made()
    one.friend, two.friend = two, one
    other = way(one)
    assert other.friend._id == two.id
    rom.session.rollback()


def test_a_deep_copy_has_no_session_in_it() -> None:
    things = [DetachedThing(n=number) for number in range(50)]
    rom.session.commit()
    gc.collect()
    before = sum(type(found) is DetachedThing for found in gc.get_objects())
    twin = copy.deepcopy(things[0])
    assert sum(type(found) is DetachedThing for found in gc.get_objects()) == before + 1
    assert len(pickle.dumps(twin)) < 1000


def test_one_in_doubt_is_refused(raw: redis.Redis) -> None:
    thing = made(n=1)
    thing.n = 2
    thing._attempt = Attempt(b'DetachedThing')
    thing._attempt.is_in_doubt = True
    for way in WAYS.values():
        with pytest.raises(rom.InvalidOperation, match='DetachedThing:1: its last write'):
            way(thing)
    thing._attempt = None
    rom.session.rollback()


def test_in_both_sessions(world: World) -> None:
    async def story() -> None:
        async with world.session() as s:
            thing = DetachedThing(n=1)
            await s.commit()
            other = pickle.loads(pickle.dumps(thing))
            s.rollback()
            other.n = 2
            s.add(other)
            assert await s.commit() == 1
            assert await s.get(DetachedThing, 1) is other

    world.run(story())


def test_in_another_process(server: Server, raw: redis.Redis) -> None:
    program = """
import pickle, sys, redis, rom
rom.util.CONNECTION = redis.Redis(unix_socket_path=sys.argv[1])
class Carried(rom.Model):
    n = rom.Integer()
    data = rom.Json(default=dict)
if sys.argv[2] == 'send':
    thing = Carried(n=1)
    rom.session.commit()
    thing.n = 2
    sys.stdout.buffer.write(pickle.dumps(thing))
    rom.session.rollback()
else:
    thing = pickle.load(sys.stdin.buffer)
    thing.data['seen'] = True
    rom.session.add(thing)
    print(rom.session.commit())
"""

    def run(what: str, given: bytes = b'') -> bytes:
        command = [sys.executable, '-c', program, server.socket, what]
        return subprocess.run(command, input=given, capture_output=True, check=True).stdout

    assert run('receive', run('send')).strip() == b'2'
    assert raw.hgetall('Carried:1') == {b'id': b'1', b'n': b'2', b'data': b'{"seen": true}'}


def test_what_arrives_in_a_task_is_awaited(server: Server) -> None:
    """It has the session that is the current one there."""
    other = pickle.loads(pickle.dumps(made(friend=made(name='friend'))))
    rom.session.rollback()

    async def story() -> None:
        async with redis.asyncio.Redis(unix_socket_path=server.socket) as client:
            async with rom.AsyncSession(client) as s:
                with pytest.raises(rom.InvalidOperation, match='await'):
                    assert other.friend
                await s.load(other, 'friend')
                assert other.friend.name == 'friend'

    asyncio.run(story())
