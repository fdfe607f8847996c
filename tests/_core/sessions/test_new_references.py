"""References to entities that others have deleted meanwhile: the commit refuses them."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
import redis

import rom
from rom.exceptions import InvalidColumnValue
from tests.support.implied import assert_consistent
from tests.support.servers import Server
from tests.support.worlds import BOTH, World


class NrSoft(rom.Model):
    _soft_delete = 'gone'
    gone = rom.DateTime(index=True)


class NrHard(rom.Model):
    n = rom.Integer()


class NrPass(rom.Model):
    until = rom.ExpireAt()


class NrUser(rom.Model):
    name = rom.Text(unique=True)
    soft = rom.ManyToOne('NrSoft', on_delete='cascade')
    hard = rom.OneToOne('NrHard', on_delete='no action')
    card = rom.ManyToOne('NrPass', on_delete='set null')
    friend = rom.ManyToOne('NrUser', on_delete='set null')


@pytest.fixture(params=BOTH)
def world(request: pytest.FixtureRequest, server: Server) -> World:
    return World(request.param, server.socket)


@pytest.mark.one_server
def test_a_deleted_entity_is_refused_at_no_extra_trip(
    world: World, raw: redis.Redis, trips: list[Any]
) -> None:
    async def story() -> None:
        async with world.session() as s:
            soft, hard, card = NrSoft(), NrHard(n=1), NrPass()
            kept = NrUser(name='kept', soft=soft, hard=hard, card=card)
            await s.commit()
            async with world.session() as other:
                user = await other.get(NrUser, 1)
                user.soft = user.card = user.hard = None
                await other.commit()
                await other.delete(await other.get(NrSoft, 1), await other.get(NrHard, 1))
                (await other.get(NrPass, 1)).until = datetime.datetime(2001, 1, 1)
                await other.commit()
            for name, value in (('soft', soft), ('hard', hard), ('card', card)):
                model = type(value).__name__
                reason = 'was deleted' + (' or has expired' if value is card else '')
                trips.clear()
                new = NrUser(name=name, **{name: value})
                with pytest.raises(
                    InvalidColumnValue,
                    match=rf'NrUser\.{name}: 1: no {model} has this id, or it {reason};',
                ):
                    await s.commit()
                assert len(trips) == 1
                setattr(new, name, None)
                await s.commit()
            await s.refresh(kept)
            kept.soft, kept.name = soft, 'changed'
            with pytest.raises(InvalidColumnValue, match=r'nothing was written\. Set another, or'):
                await s.commit()
            assert raw.hget('NrUser:1', 'name') == b'kept'
            with pytest.raises(InvalidColumnValue, match=r'NrUser\.hard: 1: no NrHard'):
                await s.update_all(NrUser.query.filter(id=2), hard=hard)
            kept.soft = NrSoft()  # a new one is written with it
            kept.friend = kept
            await s.commit()
            assert raw.hmget('NrUser:1', 'name', 'soft', 'friend') == [b'changed', b'2', b'1']

    world.run(story())
    assert_consistent(raw, NrUser, NrSoft, NrHard, NrPass)


@pytest.mark.one_server
def test_what_did_not_change_is_not_checked(world: World, raw: redis.Redis) -> None:
    """A reference that another delete left behind does not forbid other changes of the row."""

    async def story() -> None:
        async with world.session() as s:
            user = NrUser(name='a', hard=NrHard())
            await s.commit()
            raw.delete('NrHard:1')
            user.name = 'b'
            await s.save(user)
            await s.save(user, full=True)
            assert await s.update_all(NrUser.query, name='c') == 1

    world.run(story())


@pytest.mark.one_server
def test_new_rows_of_the_same_commit_are_found(world: World) -> None:
    async def story() -> None:
        async with world.session() as s:
            first, second = NrUser(name='1', soft=NrSoft()), NrUser(name='2')
            first.friend, second.friend = second, first
            await s.commit()
            third = NrUser(name='3')
            third.friend = third
            await s.commit(batch=1)
            assert (first.friend, second.friend, third.friend) == (second, first, third)

    world.run(story())


@pytest.mark.one_server
def test_an_entity_on_another_server_is_not_looked_up(server: Server) -> None:
    class NrFar(rom.Model):
        _conn = server.connect(db=1)

    class NrNear(rom.Model):
        _conn = server.connect()
        far = rom.ManyToOne('NrFar', on_delete='no action')

    with rom.Session() as session:
        far = NrFar()
        session.commit()
        server.connect(db=1).delete('NrFar:1')
        assert NrNear(far=far).save() == 2
