"""UnsafeColumn (contract, section 4): any command of the client, on a key of the entity's own."""

import asyncio
from typing import Any

import pytest
import redis

import rom
from rom.exceptions import ColumnError, InvalidColumnValue, InvalidOperation, ServerError
from tests.support.implied import assert_consistent
from tests.support.stories import both


class UnsafeUser(rom.Model):
    name = rom.Text(index=True, keygen=rom.IDENTITY)
    visits = rom.UnsafeColumn()
    tags = rom.UnsafeColumn()


class UnsafeNote(rom.Model):
    user = rom.ManyToOne('UnsafeUser', 'cascade')
    lines = rom.UnsafeColumn()


def test_it_is_no_column() -> None:
    user = UnsafeUser(name='Ann')
    assert 'visits' not in UnsafeUser._columns
    assert isinstance(UnsafeUser.visits, rom.UnsafeColumn)
    with pytest.raises(InvalidColumnValue, match="no column 'visits'"):
        UnsafeUser(visits='x')
    with pytest.raises(InvalidColumnValue, match="no column 'visits'"):
        user.update(visits='x')
    for wrong in ('x', None):
        with pytest.raises(InvalidOperation, match='call a command'):
            user.visits = wrong  # type: ignore[assignment]
    with pytest.raises(rom.QueryError):
        UnsafeUser.query.filter(visits='x')


def test_names() -> None:
    for name in ('save', '_stored'):
        with pytest.raises(ColumnError):
            type('Thing', (rom.Model,), {name: rom.UnsafeColumn()})

    class Base(rom.Model):
        a = rom.UnsafeColumn()
        b = rom.UnsafeColumn()

    class Child(Base):
        b = None  # type: ignore[assignment]
        c = rom.UnsafeColumn()

    assert Child._schema.unsafe == ('a', 'c')


def test_commands(client: redis.Redis, raw: redis.Redis) -> None:
    rom.util.CONNECTION = client
    user = UnsafeUser(name='Ann')
    user.save()
    assert user.visits.rpush('x', b'y') == 2
    assert user.visits.llen() == 2
    assert raw.lrange('UnsafeUser:1:visits', 0, -1) == [b'x', b'y']
    assert user.visits.lrange(start=0, end=-1) == client.lrange('UnsafeUser:1:visits', 0, -1)
    assert user.tags.sadd('a', 'b') == 2
    assert len(list(user.tags.sscan_iter(count=1))) == 2
    assert user.tags.ping(skip_key=True)
    assert user.tags.exists('UnsafeUser:1', skip_key=True) == 1
    # As in rom 1.x, what is selected of it are the commands.
    [selected] = UnsafeUser.query.select('name', 'visits').all()
    assert (selected['name'], selected['visits'].llen()) == ('Ann', 2)
    assert user.save() == 0 and 'visits' not in user.to_dict()
    assert_consistent(raw, UnsafeUser)
    with pytest.raises(AttributeError):
        user.tags.no_such_command()
    with pytest.raises(AttributeError):
        user.tags._private
    with pytest.raises(ServerError, match='WRONGTYPE'):
        user.tags.lpush('x')
    del user.tags
    assert raw.exists('UnsafeUser:1:tags') == 0


def test_it_is_deleted_with_the_entity(client: redis.Redis, raw: redis.Redis) -> None:
    rom.util.CONNECTION = client
    user, other = UnsafeUser(name='Ann'), UnsafeUser(name='Bob')
    note = UnsafeNote(user=user)
    rom.session.commit()
    user.visits.rpush('x')
    user.tags.set('x')
    other.tags.set('y')
    note.lines.rpush('z')
    assert_consistent(raw, UnsafeUser, UnsafeNote)
    held = user.visits
    user.delete()
    assert raw.keys('UnsafeUser:1*') == raw.keys('UnsafeNote:1*') == []
    assert_consistent(raw, UnsafeUser, UnsafeNote)
    with pytest.raises(ValueError, match='UnsafeUser:1 was deleted'):
        user.visits
    # As in rom 1.x, what a program holds goes on answering.
    assert held.llen() == 0
    assert held.rpush('late') == held.llen() == 1
    assert rom.util.clean_unsafe_cols(UnsafeUser) == (2, 1)
    assert held.llen() == 0
    held.rpush('late')
    del user.visits
    assert raw.keys('UnsafeUser:1*') == []
    user.save(force=True)
    assert user.visits.llen() == 0


@pytest.mark.one_server
def test_what_forbids_the_delete_keeps_the_key(client: redis.Redis, raw: redis.Redis) -> None:
    """The same atomic commit: nothing is gone where the entity stays."""

    class Team(rom.Model):
        things = rom.UnsafeColumn()

    class Player(rom.Model):
        team = rom.ManyToOne('Team', 'restrict')

    rom.util.CONNECTION = client
    team = Team()
    Player(team=team).save()
    team.things.rpush('x')
    with pytest.raises(rom.RestrictError):
        team.delete()
    assert team.things.llen() == 1
    assert_consistent(raw, Team, Player)


@pytest.mark.one_server
def test_an_unsaved_entity_takes_its_id_first(client: redis.Redis, raw: redis.Redis) -> None:
    rom.util.CONNECTION = client
    user = UnsafeUser(name='Ann')
    assert user.visits.rpush('x') == 1
    assert raw.lrange('UnsafeUser:1:visits', 0, -1) == [b'x']
    user.save()
    assert user.id == 1
    assert_consistent(raw, UnsafeUser)


@pytest.mark.one_server
def test_the_sessions_own_client_is_used(client: redis.Redis, server: Any) -> None:
    rom.util.CONNECTION = redis.Redis(port=1)
    with rom.Session(client) as session:
        user = UnsafeUser(name='Ann')
        session.commit()
        user.visits.rpush('x')
        assert client.llen('UnsafeUser:1:visits') == 1


@pytest.mark.one_server
def test_no_server() -> None:
    rom.util.CONNECTION = redis.Redis(port=1, retry=None)
    with pytest.raises(rom.ServerUnavailable):
        UnsafeUser().visits.llen()


def test_under_an_async_session(server: Any, raw: redis.Redis) -> None:
    async def story() -> None:
        async with server.connect_async() as client, rom.AsyncSession(client) as s:
            user = UnsafeUser(name='Ann')
            assert await user.visits.rpush('x') == 1, 'the id is taken first'
            await s.commit()
            assert user.id == 1
            assert await user.visits.lrange(0, -1) == [b'x']
            assert await user.tags.exists('UnsafeUser:1', skip_key=True) == 1
            await user.tags.sadd('a')
            found = await user.tags.sscan_iter()
            assert [tag async for tag in found] == [b'a']
            with pytest.raises(ServerError, match='WRONGTYPE'):
                await user.tags.lpush('x')
            with pytest.raises(InvalidOperation, match=r'await entity\.tags\.delete\(\)'):
                del user.tags
            held = user.tags
            assert_consistent(raw, UnsafeUser)
            await s.delete(user)
            with pytest.raises(ValueError, match='was deleted'):
                user.visits
            assert await held.scard() == 0
            assert_consistent(raw, UnsafeUser)

    asyncio.run(story())


UNSAFE_SHARDS = rom.Shards('unsafe', 5)


class UnsafePlayer(rom.Model):
    _shards = UNSAFE_SHARDS
    name = rom.Text(index=True, keygen=rom.IDENTITY)
    visits = rom.UnsafeColumn()


class UnsafePart(rom.Model):
    _shards, _shard_with = UNSAFE_SHARDS, 'player'
    player = rom.ManyToOne('UnsafePlayer', 'cascade')
    lines = rom.UnsafeColumn()


async def call(commands: Any, method: str, *args: Any) -> Any:
    """Call a command, and await its reply if that must be awaited."""
    reply = getattr(commands, method)(*args)
    return await reply if asyncio.iscoroutine(reply) else reply


@pytest.mark.one_server
@both(UnsafePlayer, UnsafePart)
async def test_over_partitions(s: Any, raw: redis.Redis) -> None:
    players = [UnsafePlayer(name=name) for name in 'ab']
    for player in players:
        await s.save(player)
    part = UnsafePart(player=players[0])
    with pytest.raises(InvalidColumnValue, match=r'UnsafePart.player: a new UnsafePart needs a v'):
        await call(UnsafePart().lines, 'set', 'x')
    await call(part.lines, 'set', 'text')  # an unsaved one takes its id first
    for player in players:
        await call(player.visits, 'rpush', player.name, 'x')
    await s.save(part)
    assert await call(players[1].visits, 'lrange', 0, -1) == [b'b', b'x']
    for one in (*players, part):
        name = 'lines' if one is part else 'visits'
        key = b'%b:%b' % (one._schema.row_key(one.id), name.encode())
        assert raw.exists(key) and raw.hget(key.rpartition(b':')[0], 'id')
    await s.delete(players[0])
    keys = sorted(key.rpartition(b':')[2] for key in raw.scan_iter() if b':visits' in key)
    assert keys == [b'visits'] and not [key for key in raw.scan_iter() if b':lines' in key]
    left = UnsafePlayer._schema.row_key(99) + b':visits'
    raw.set(left, 1)
    if isinstance(s, rom.AsyncSession):
        assert await rom.aio.clean_unsafe_cols(UnsafePlayer) == (2, 1)
    else:
        rom.util.CONNECTION = raw
        assert rom.util.clean_unsafe_cols(UnsafePlayer) == (2, 1)
    assert not raw.exists(left)
