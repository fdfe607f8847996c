"""Locks, maintenance, indexes without a model: on a cluster, in both worlds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import redis

import rom
import rom.maintenance
from rom.migrations import Migration, rename
from tests.support.cluster import Cluster, connect
from tests.support.migrating import Migrator
from tests.support.slot_moves import move_by_hand
from tests.support.worlds import SYNC, Front

TAG = '{clustered}'


class Clustered(rom.Model):
    _namespace = '{clustered}shop'
    name = rom.Text(index=True, prefix=True, unique=True, keygen=rom.FULL_TEXT)
    size = rom.Integer(index=True)
    notes = rom.UnsafeColumn()


@pytest.fixture
def client(cluster: Cluster) -> Iterator[redis.RedisCluster]:
    rom.util.CONNECTION = client = connect(cluster)
    for number in range(60):
        Clustered(name=f'shop {number}', size=number)
    rom.session.commit()
    yield client
    rom.session.rollback()
    client.close()


def lock_client(front: Front, cluster: Cluster, client: Any) -> Any:
    if front.kind == SYNC:
        return client
    nodes = [redis.asyncio.cluster.ClusterNode(*address) for address in cluster.startup]
    return redis.asyncio.RedisCluster(startup_nodes=nodes)


def test_locks(front: Front, cluster: Cluster, client: Any) -> None:
    own = lock_client(front, cluster, client)
    first = front.Lock(own, f'{TAG}lock', 0, 60)
    assert first.acquire() and first.refresh()
    move_by_hand(cluster, TAG)
    assert not front.Lock(own, f'{TAG}lock', 0, 60).acquire()
    assert first.release()
    with pytest.raises(rom.InvalidOperation, match=r"'\{users\}' in the name of a lock"):
        front.Lock(own, 'lock', 0, 60).acquire()
    if front.kind != SYNC:
        front.runner.run(own.aclose())


def test_maintenance(front: Front, cluster: Cluster, client: Any) -> None:
    Clustered.get(1).notes.set('x')
    owner = cluster.owner(TAG).client
    owner.zadd('{clustered}shop:size:idx', {'999': 5})
    owner.set('{clustered}shop:888:notes', 'of nobody')
    assert [finding.id for finding in front.check(Clustered)] != []
    assert front.clean_unsafe_cols(Clustered)[1] == 1
    assert [*front.clean_old_index(Clustered)]
    assert [*front.refresh_indices(Clustered)][-1] == (60, 60)
    assert [*front.check(Clustered)] == []
    owner.delete('{clustered}shop:size:idx')
    assert [*front.reindex(Clustered, everything=True)]
    assert [*front.check(Clustered)] == []
    assert [status.state for status in _statuses(front)] == ['right']


def test_migrations(front: Front, cluster: Cluster, client: Any) -> None:
    rom.session.rollback()
    rom.MODELS.clear()
    named = rom.Text(index=True, unique=True, keygen=rom.IDENTITY)
    body = {'_namespace': '{clustered}shop', 'title': named, 'size': rom.Integer(index=True)}
    model: Any = type('Clustered', (rom.Model,), body)
    title = Migration('title', model, rename('name', 'title'))
    migrator = Migrator(front)
    steps = migrator.migrate(title, batch=20)
    assert [next(steps).done for _ in range(2)] == [0, 20]
    move_by_hand(cluster, TAG)
    assert [step.done for step in steps if step.name == 'title'] == [40, 60]
    assert [status.state for status in migrator.status(title)] == ['done']
    assert [*front.check(model)] == []
    owner = cluster.owner(TAG).client
    assert owner.hgetall('{clustered}shop:7') == {b'id': b'7', b'title': b'shop 6', b'size': b'6'}
    assert not owner.exists('{clustered}shop:name:uidx')


def _statuses(front: Front) -> Any:
    return front.status(Clustered)


def test_a_job_that_the_slot_leaves_says_so(
    front: Front, cluster: Cluster, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A scan that went on at the new node might miss keys."""
    from rom._core.ops.maintenance import keyspace

    monkeypatch.setattr(keyspace, '_SCAN', 10)
    whole = keyspace.find(Clustered._schema)
    from rom._core.drivers.sync_driver import SyncDriver

    driver = SyncDriver(client)
    request = next(whole)
    request = whole.send(driver.perform(request))
    move_by_hand(cluster, TAG)
    with pytest.raises(rom.ServerUnavailable, match='start again'):
        driver.perform(request)
    assert len(driver.run(keyspace.find(Clustered._schema)).ids) == 60


def test_an_index_without_a_model(cluster: Cluster, client: Any) -> None:
    index = rom.GeneralIndex('{clustered}shop')
    assert index.count(client, [('size', 5, 9)]) == 5
    cached = index.search(client, [('size', 5, 9)], timeout=10)
    move_by_hand(cluster, TAG)
    assert index.search(client, [('size', 5, 9)], '-size', 0, 1) == [b'10']
    assert cluster.owner(TAG).client.zcard(cached) == 5
    with pytest.raises(rom.InvalidOperation, match='has no hash tag'):
        rom.GeneralIndex('shop').count(client, [('size', 5, 9)])


def test_links_within_one_tag_and_across(cluster: Cluster, client: Any) -> None:
    class ClusteredTag(rom.Model):
        _namespace = '{clustered}tag'

    class ClusteredElsewhere(rom.Model):
        _namespace = '{elsewhere}tag'

    class ClusteredPost(rom.Model):
        _namespace = '{clustered}post'
        tags = rom.ManyToMany('ClusteredTag', related_name='posts')
        others = rom.ManyToMany('ClusteredElsewhere')

    tags = [ClusteredTag() for _ in range(3)]
    post = ClusteredPost(tags=tags)
    rom.session.commit()
    assert ClusteredPost.query.filter(tags=tags).all() == [post]
    tags[0].delete()
    assert (post.tags.ids, [one.posts.ids for one in tags[1:]]) == ([2, 3], [[1], [1]])
    other = ClusteredElsewhere()
    other.save()
    post.others.add(other)
    with pytest.raises(rom.InvalidOperation, match='elsewhere'):
        rom.session.commit()


def test_references_within_one_tag_and_across(cluster: Cluster, client: Any) -> None:
    """A commit sees one slot, so only references within it are checked; filters cross slots."""

    class ClusteredNear(rom.Model):
        _namespace = '{clustered}near'

    class ClusteredFar(rom.Model):
        _namespace = '{elsewhere}far'
        size = rom.Integer(index=True)
        heres = rom.OneToMany('ClusteredHere')

    class ClusteredHere(rom.Model):
        _namespace = '{clustered}here'
        near = rom.ManyToOne('ClusteredNear', on_delete='no action')
        far = rom.ManyToOne('ClusteredFar', on_delete='no action')

    near, far = ClusteredNear(), [ClusteredFar(size=size) for size in range(3)]
    for one in (near, *far):
        one.save()
    heres = [ClusteredHere(far=one) for one in far]
    rom.session.commit()
    assert ClusteredHere.query.filter(far__size=(1, 2)).ids() == [2, 3]
    assert ClusteredFar.query.filter(heres__id=[1, 3]).ids() == [1, 3]
    client.delete('{clustered}near:1')
    client.delete('{elsewhere}far:1')
    heres[1].far = far[0]
    assert heres[1].save() == 1
    heres[1].near = near
    with pytest.raises(rom.InvalidColumnValue, match=r'ClusteredHere\.near: 1: no ClusteredNear'):
        heres[1].save()
