"""The stored declaration of a group: the first program stores it, another one is refused."""

from typing import Any

import pytest
import redis

import rom
from rom._core.drivers.sync_driver import SyncDriver
from rom._core.ops.requests import Command, Operation, Pipeline, Script
from rom._core.ops.shards.declaration import declared
from tests.support.servers import Server
from tests.support.trips import note_trips
from tests.support.worlds import BOTH, World

pytestmark = [pytest.mark.one_server, pytest.mark.usefixtures('on_client')]
SHARDS = rom.Shards('declared', 4)


class DeclaredUser(rom.Model):
    _shards, _shard_by = SHARDS, 'tenant'
    tenant = rom.Integer()


class DeclaredOrder(rom.Model):
    _shards, _shard_with = SHARDS, 'user'
    user = rom.ManyToOne('DeclaredUser', on_delete='cascade')


class DeclaredNote(rom.Model):
    _shards = SHARDS


def test_the_first_write_stores_it(raw: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    trips = note_trips(monkeypatch)
    assert DeclaredUser.query.count() == 0
    assert not raw.exists(SHARDS._key)
    DeclaredUser(tenant=1).save()
    assert raw.hgetall(SHARDS._key) == {
        b'partitions': b'4',
        b'tags': b'1',
        b'model DeclaredUser': b'by tenant',
        b'model DeclaredOrder': b'with user',
        b'model DeclaredNote': b'spread',
    }
    trips.clear()
    DeclaredUser(tenant=1).save()
    assert DeclaredOrder.query.count() == 0
    assert len(trips) == 2


def test_an_operation_that_does_not_know_partitions_is_refused(client: redis.Redis) -> None:
    keys = DeclaredUser._schema.keys
    for request in (
        Command('GET', keys.counter),
        Script('load', keys.counter, b''),
        Pipeline((Command('PING'), Command('GET', keys.row(1)))),
    ):

        def asked(request: Any = request) -> Operation[None]:
            yield request

        with pytest.raises(rom.InvalidOperation, match='DeclaredUser has _shards, and this oper'):
            SyncDriver(client).run(declared(DeclaredUser._schema, asked(), client, False))


@pytest.mark.parametrize(
    ('field', 'value'),
    [
        ('partitions', '8'),
        ('tags', '2'),
        ('model DeclaredUser', 'by region'),
        ('model DeclaredOrder', 'spread'),
    ],
)
def test_another_declaration_is_refused(raw: redis.Redis, field: str, value: str) -> None:
    raw.hset(SHARDS._key, field, value)
    keys = raw.dbsize()
    for ask in (
        lambda: DeclaredUser(tenant=1).save(),
        lambda: DeclaredUser.query.count(),
        lambda: DeclaredUser.get(5),
        lambda: (
            list(rom.maintenance.reindex(DeclaredUser))
            if field != 'model DeclaredOrder'
            else DeclaredOrder.get(1)
        ),
    ):
        with pytest.raises(rom.InvalidOperation) as caught:
            ask()
        assert f'{field} as' in str(caught.value) and repr(value) in str(caught.value)
        assert '{declared}:shards' in str(caught.value)
        rom.session.rollback()
    assert raw.dbsize() == keys


@pytest.mark.parametrize('kind', BOTH)
def test_both_worlds_compare_it(kind: str, server: Server, raw: redis.Redis) -> None:
    raw.hset(SHARDS._key, 'partitions', '8')
    world = World(kind, server.socket)

    async def story() -> None:
        async with world.session() as s:
            with pytest.raises(rom.InvalidOperation, match="partitions as '4'"):
                await s.get(DeclaredUser, [1, 2])
            DeclaredNote()
            with pytest.raises(rom.InvalidOperation, match="partitions as '4'"):
                await s.commit()
            s.rollback()

    world.run(story())
