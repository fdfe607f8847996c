"""Models over partitions on a cluster: partitions are on different nodes, and answer as one."""

from __future__ import annotations

import pytest

import rom
from rom._core.sharding.tags import SLOTS, slot_of_tag
from rom.index_stats import index_stats
from tests.support.cluster import Cluster
from tests.support.fleet import HOST
from tests.support.moving import GROUP, after, assert_moved, before, fill
from tests.support.trips import note_trips
from tests.support.worlds import BOTH, SYNC, ClusterWorld, Front


class FleetUser(rom.Model):
    _shards, _shard_by = rom.Shards('fleet', 12), 'tenant'
    tenant = rom.Integer(required=True, index=True)
    name = rom.Text(index=True, prefix=True, keygen=rom.IDENTITY)
    about = rom.Text(rank=True)
    lon = rom.Float()
    geo_index = [rom.GeoIndex('place', lambda row: {'lon': row['lon'] or 0, 'lat': 0})]
    orders = rom.OneToMany('FleetOrder')
    friends = rom.ManyToMany('FleetUser', related_name='friends_of')
    log = rom.UnsafeColumn()


class FleetOrder(rom.Model):
    _shards, _shard_with = FleetUser._shards, 'user'
    user = rom.ManyToOne('FleetUser', on_delete='cascade')
    price = rom.Integer(index=True)


SHARDS = FleetUser._shards


def test_every_node_has_partitions(cluster: Cluster) -> None:
    tags = [SHARDS.tag(number) for number in range(12)]
    assert [slot_of_tag(tag.encode()) * 12 // SLOTS for tag in tags] == list(range(12))
    owners = [cluster.owner(f'{{{tag}}}').port for tag in tags]
    assert sorted(owners.count(port) for port in set(owners)) == [4, 4, 4]


@pytest.mark.parametrize('kind', BOTH)
def test_partitions_on_several_nodes(
    kind: str, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = ClusterWorld(kind, [(HOST, node.port) for node in cluster.nodes])

    async def story() -> None:
        async with world.session() as s:
            for tenant in range(10):
                about = 'red ' * (tenant % 4) + 'shoe'
                user = FleetUser(tenant=tenant, name=f'u{tenant}', about=about, lon=tenant)
                FleetOrder(user=user, price=tenant)
                await s.commit()
            seen = note_trips(monkeypatch)
            assert await s.count(FleetUser.query) == 10
            found = await s.all(FleetUser.query.order_by('-tenant').limit(3))
            assert [user.tenant for user in found] == [9, 8, 7]
            assert await s.sum(FleetOrder.query, 'price') == 45
            s.rollback()
            assert len(await s.get(FleetUser, [user.id for user in found])) == 3
            assert len(seen) == 4
            seen.clear()
            best = await s.all(FleetUser.query.search('red'))
            assert [user.tenant % 4 for user in best] == [3, 3, 2, 2, 1, 1, 1]
            near = FleetUser.query.near('place', 4.2, 0, radius=9000, unit='km', count=3)
            assert [user.tenant for user in await s.all(near)] == [4, 5, 3]
            assert len(seen) == 4
            for user in found:
                user.friends.add(*found)
            await s.commit()
            await s.delete_all(FleetUser.query.filter(tenant=[1, 2, 3, 9]))
            s.rollback()
            users = await s.all(FleetUser.query.filter(friends=found[1]))
            assert [user.friends.ids for user in users] == [sorted(u.id for u in found[1:])] * 2
            assert await s.count(FleetOrder.query) == 6

    world.run(story())


class FleetNode(rom.Model):
    _shards, _shard_with = FleetUser._shards, 'parent'
    parent = rom.ManyToOne('FleetNode', on_delete='cascade')
    size = rom.Integer(index=True)
    code = rom.Text(unique=True)


def test_trees_and_migrations_on_several_nodes(cluster: Cluster) -> None:
    world = ClusterWorld(SYNC, [(HOST, node.port) for node in cluster.nodes])
    rom.util.CONNECTION = client = world.connect()
    for number in range(8):
        root = FleetNode(size=number)
        root.save()
        FleetNode(size=100 + number, parent=root).save()
    user = FleetUser(tenant=1)
    user.log.rpush('x')  # takes its id
    user.save()
    user.delete()

    def up(row: rom.migrations.MigrationRow) -> None:
        row['size'] = row['size'] + 1000
        row['code'] = f'c{row["size"]}'

    migration = rom.migrations.Migration('fleet', FleetNode, up)
    assert [*rom.migrations.migrate(migration, reindex=False)][-1][2:4] == (16, 16)
    rom.session.rollback()
    assert sum(FleetNode.query.filter(size=(1000, None)).ids()) == sum(FleetNode.query.ids())
    child = FleetNode.get_by(code='c1105')
    assert child is not None and child.parent.code == 'c1005'
    assert list(rom.maintenance.check(FleetNode)) == []
    child.parent.delete()
    assert FleetNode.query.count() == 14
    assert not [key for node in cluster.masters() for key in node.client.keys('*:log')]
    client.close()


def test_memory_is_that_of_all_nodes(cluster: Cluster) -> None:
    url = ','.join(f'{HOST}:{node.port}' for node in cluster.nodes)
    rom.util.CONNECTION = client = rom.connect(f'redis+cluster://{url}')
    try:
        for tenant in range(24):
            FleetOrder(user=FleetUser(tenant=tenant, name='ann'), price=tenant)
        rom.session.commit()
        *steps, found = index_stats([FleetUser, FleetOrder], 20)
        assert isinstance(found, dict) and not any(isinstance(step, dict) for step in steps)
        for model in (FleetUser, FleetOrder):
            assert found[model]['rows', ''].keys == 24
            assert found[model]['rows', ''].memory
        assert found[FleetUser]['words', 'name'].entries == 24
    finally:
        rom.session.rollback()
        client.close()


@pytest.mark.parametrize('kind', BOTH)
def test_rows_are_moved_to_several_nodes(kind: str, cluster: Cluster) -> None:
    """And to their replicas, before they are given up."""
    world = ClusterWorld(SYNC, [(HOST, node.port) for node in cluster.nodes])
    rom.util.CONNECTION = client = world.connect()
    old = before(_namespace='{Resident}')
    expected = fill(old, 20)
    list(rom.migrations.migrate(rom.migrations.Migration('fleet', old, lambda row: None)))
    model = after()
    with pytest.raises(rom.ModelMovedError):
        model.get(1)
    with Front(kind) as front:
        steps = list(front.shard(model, GROUP, batch=6, durable=1))
    assert steps[-1] == (32, 32)
    assert_moved(model, expected)
    with pytest.raises(rom.ModelMovedError):
        old.get(1)
    moved = rom.migrations.Migration('fleet', model, lambda row: None)
    assert [one.state for one in rom.migrations.status(moved)] == ['done']
    client.close()
