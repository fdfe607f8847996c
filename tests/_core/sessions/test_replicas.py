"""Sessions that read from replicas, and commits that wait for them: a real cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import rom
from rom._core.ops.commits import replication
from rom._core.ops.requests import Command, Pipeline
from rom._core.sharding.tags import number_of_value
from tests.support.cluster import Cluster
from tests.support.fleet import HOST, Process, until
from tests.support.trips import note_trips
from tests.support.worlds import BOTH, SYNC, ClusterWorld

TAG = '{copied}'


class Copied(rom.Model):
    _namespace = '{copied}'
    name = rom.Text(unique=True)
    size = rom.Integer(index=True)
    owner = rom.ManyToOne('CopiedOwner', on_delete='set null')


class CopiedOwner(rom.Model):
    _namespace = '{copied}owner'
    number = rom.Integer()


@pytest.fixture(params=BOTH)
def world(request: pytest.FixtureRequest, cluster: Cluster) -> ClusterWorld:
    master = cluster.owner(TAG)
    replica = cluster.replicas_of(master)[0]
    # A node lists a replica only once it knows how much that one has.
    until(lambda: str(replica.port) in str(master.client.execute_command('CLUSTER SLOTS')))
    return ClusterWorld(request.param, [(HOST, master.port)])


@contextmanager
def lagging(replica: Process) -> Iterator[None]:
    """The replica answers, and carries out nothing that its master sends."""
    replica.client.execute_command('CLIENT', 'PAUSE', 60_000, 'WRITE')
    try:
        yield
    finally:
        replica.client.execute_command('CLIENT', 'UNPAUSE')


def reads_of(node: Process) -> int:
    stats: dict[str, Any] = node.client.info('commandstats')
    names = ('cmdstat_evalsha_ro', 'cmdstat_eval_ro', 'cmdstat_fcall_ro')
    return sum(stats.get(name, {'calls': 0})['calls'] for name in names)


def scripts_of(node: Process) -> int:
    stats: dict[str, Any] = node.client.info('commandstats')
    names = ('evalsha', 'eval', 'fcall_ro')
    return sum(stats.get(f'cmdstat_{name}', {'calls': 0})['calls'] for name in names)


def counts_of(node: Process) -> int:
    stats: dict[str, Any] = node.client.info('commandstats')
    return stats.get('cmdstat_zcount', {'calls': 0})['calls']


def test_reads_go_to_replicas_and_writes_to_the_master(
    world: ClusterWorld, cluster: Cluster
) -> None:
    master = cluster.owner(TAG)
    replica = cluster.replicas_of(master)[0]

    async def story() -> None:
        client = world.connect()
        try:
            async with world.wrap(client, replicas=True, durable=True) as s:
                owner = CopiedOwner(number=1)
                for number in range(10):
                    s.add(Copied(name=f'n{number}', size=number, owner=owner))
                await s.commit()
                s.rollback()
                written, read = scripts_of(master), reads_of(replica)
                counted = counts_of(master), counts_of(replica)
                assert await s.count(Copied.query.filter(size=(3, 5))) == 3
                assert (counts_of(master), counts_of(replica)) == (counted[0], counted[1] + 1)
                # Two filters: a script counts them.
                assert await s.count(Copied.query.filter(size=(3, 5)).filter(size=(0, 9))) == 3
                assert (await s.get_by(Copied, name='n4')).size == 4
                found = await s.all(Copied.query.filter(size=(3, 5)))
                await s.load(found, 'owner')
                assert found[0].owner.number == 1
                assert await s.get(Copied, [1, 2]) != []
                assert await s.sum(Copied.query, 'size') == 45
                assert (scripts_of(master), reads_of(replica) - read >= 6) == (written, True)
                read = reads_of(replica)
                found[0].size = 100
                await s.save(found[0])
                assert await s.update_all(Copied.query.filter(size=4), size=40) == 1
                await s.refresh(found[1])
                await s.delete(found[2])
                assert reads_of(replica) == read
                assert scripts_of(master) > written
        finally:
            await world.close(client)

    world.run(story())


def test_a_replica_that_lags_answers_with_what_it_has(
    world: ClusterWorld, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The write itself is right, whatever the session has read."""
    replica = cluster.replicas_of(cluster.owner(TAG))[0]

    async def story() -> None:
        client = world.connect()
        try:
            async with world.wrap(client) as s:
                s.add(Copied(name='a', size=1))
                await s.commit(durable=True)
            with lagging(replica):
                async with world.wrap(client) as s:
                    one = await s.get_by(Copied, name='a')
                    one.size = 2
                    await s.commit()
                    monkeypatch.setattr(replication, 'LONGEST', 50)
                    with pytest.raises(rom.NotReplicatedError, match='0 of 1 replicas') as caught:
                        s.add(Copied(name='b'))
                        await s.commit(durable=True)
                    assert (caught.value.wanted, caught.value.found) == (1, 0)
                    assert await s.commit() == 0
                async with world.wrap(client, replicas=True) as s:
                    old = await s.get_by(Copied, name='a')
                    assert (old.size, await s.count(Copied.query)) == (1, 1)
                    old.size = 3
                    with pytest.raises(rom.DataRaceError):
                        await s.commit()
                    await s.refresh(old, force=True)
                    assert old.size == 2
                    assert await s.update_all(Copied.query.filter(name='a'), size=5) == 1
                    s.rollback()
        finally:
            await world.close(client)

    world.run(story())
    replica.client.execute_command('READONLY')
    until(lambda: replica.client.hget('{copied}:1', 'size') == b'5')


class CopiedPart(rom.Model):
    _shards = rom.Shards('copied', 3)  # one partition for each master
    _shard_by = 'place'
    place = rom.Integer(required=True)
    name = rom.Text(unique=True)
    size = rom.Integer()


def in_partition(number: int, **values: Any) -> CopiedPart:
    column = CopiedPart._columns['place']
    placement = CopiedPart._schema.placement
    assert placement is not None
    places = (n for n in range(100) if placement.number_by(column, b'%d' % n) == number)
    return CopiedPart(place=next(places), **values)


def home_of(value: str) -> int:
    return number_of_value(value.encode(), 3)


def test_a_durable_commit_over_partitions(
    world: ClusterWorld, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits for each partition that it writes to, and for the directories of its values."""
    tags = [f'{{{CopiedPart._shards.tag(number)}}}' for number in range(3)]
    replicas = [cluster.replicas_of(cluster.owner(tag))[0] for tag in tags]
    assert len({replica.port for replica in replicas}) == 3
    names = [name for name in map(str, range(50)) if home_of(name) == 2]
    trips = note_trips(monkeypatch)

    async def story() -> None:
        client = world.connect()
        try:
            async with world.wrap(client, durable=True) as s:
                one, other = in_partition(0, size=0), in_partition(1, size=0)
                await s.save(one, other)
                # After the trips that prepare, decide and apply; the last one forgets.
                waits = [['EXPIRE', 'WAIT', 'EXISTS']] * 3
                assert [names for names in map(names_of, trips) if 'WAIT' in names] == waits
                trips.clear()
                await s.save(in_partition(0, name=names[0]))
                waits = [['SET', 'WAIT', 'HGET'], ['EXPIRE', 'WAIT', 'EXISTS']]
                assert [names for names in map(names_of, trips) if 'WAIT' in names] == waits
                monkeypatch.setattr(replication, 'LONGEST', 60)
                one.size, other.size = 1, 1
                with lagging(replicas[1]):
                    with pytest.raises(rom.ServerUnavailable, match='nothing was written'):
                        await s.commit()
                with lagging(replicas[0]):
                    with pytest.raises(rom.NotReplicatedError, match='0 of 1 replicas'):
                        await s.commit()
                assert await s.commit() == 0, 'it was decided'
                with lagging(replicas[2]):
                    named = in_partition(0, name=names[1])
                    with pytest.raises(rom.ServerUnavailable, match='nothing was written'):
                        await s.save(named)
                    s.forget(named)
                    one.size, other.size = 9, 9
                    monkeypatch.setattr(replication, 'LONGEST', 2000)
                    assert await s.commit() == 2, 'partition 2 has no part in it'
        finally:
            await world.close(client)

    world.run(story())


def names_of(trip: Any) -> list[str]:
    requests = trip.requests if isinstance(trip, Pipeline) else ()
    return [str(request.args[0]) for request in requests if isinstance(request, Command)]


def test_what_durable_takes(world: ClusterWorld) -> None:
    async def story() -> None:
        async with world.session() as s:
            for wrong in (-1, 'x', 1.5):
                with pytest.raises(rom.ArgumentError, match='the number of replicas'):
                    await s.commit(durable=wrong)

    world.run(story())
    kind: Any = rom.Session if world.kind == SYNC else rom.AsyncSession
    with pytest.raises(rom.ArgumentError, match='the number of replicas'):
        kind(durable='two')


def test_a_durable_commit_outlives_its_master(world: ClusterWorld, cluster: Cluster) -> None:
    async def story() -> None:
        client = world.connect()
        try:
            async with world.wrap(client, durable=True) as s:
                for number in range(20):
                    s.add(Copied(name=f'n{number}', size=number))
                    await s.commit()
            killed = cluster.kill(TAG)
            try:
                async with world.wrap(client) as s:
                    assert await s.sum(Copied.query, 'size') == 190
            finally:
                cluster.restart(killed)
        finally:
            await world.close(client)

    world.run(story())
