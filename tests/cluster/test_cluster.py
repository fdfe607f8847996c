"""Clusters for tests: what is stored survives whatever befalls them, and what is wrong is seen."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis
from redis.crc import key_slot

from tests.support.cluster import Cluster, connect
from tests.support.cluster_views import complaint
from tests.support.fleet import Process, until
from tests.support.servers import available
from tests.support.slot_moves import can_move_by_itself, move_by_hand, move_by_server

pytestmark = [
    pytest.mark.slow,
    pytest.mark.parametrize('each_cluster', list(available()), indirect=True),
]
TAG = '{fleet}'
KEYS = [f'{TAG}{number}' for number in range(100)]
#: Names two keys, and reads one that it does not name.
SCRIPT = "return redis.call('GET', ARGV[1])"


@pytest.fixture
def client(each_cluster: Cluster) -> Iterator[redis.RedisCluster]:
    client = connect(each_cluster, protocol=2)
    for key in KEYS:
        client.set(key, key)
    yield client
    client.close()


def on_replica(cluster: Cluster) -> bool:
    """The replica of the keys' master has them all."""
    return all(
        node.client.dbsize() == len(KEYS) for node in cluster.replicas_of(cluster.owner(TAG))
    )


def values(client: redis.RedisCluster) -> list[str]:
    return [value.decode() for value in client.mget_nonatomic(KEYS)]


def test_slots_move_and_masters_change(each_cluster: Cluster, client: redis.RedisCluster) -> None:
    cluster, owners = each_cluster, [each_cluster.owner(TAG)]
    assert move_by_hand(cluster, TAG) == (len(KEYS), [])
    owners.append(cluster.owner(TAG))
    if can_move_by_itself(cluster):
        move_by_server(cluster, TAG)
        owners.append(cluster.owner(TAG))
    owners.append(cluster.hand_over(TAG))
    assert owners[-1] is cluster.owner(TAG)
    assert len(set(owners)) == len(owners)
    cluster.wait_until_healthy()
    assert values(client) == KEYS


def test_masters_fail(each_cluster: Cluster, client: redis.RedisCluster) -> None:
    cluster, owner = each_cluster, each_cluster.owner(TAG)
    until(lambda: on_replica(cluster))
    assert cluster.kill(TAG) is owner
    assert owner not in cluster.running()
    new = cluster.owner(TAG)
    assert [value.client.dbsize() for value in (new,)] == [len(KEYS)]
    cluster.restart(owner)
    assert cluster.replicas_of(new) == [owner]
    until(lambda: on_replica(cluster))
    assert cluster.stop(TAG) is new
    assert cluster.owner(TAG) is owner
    cluster.cont(new)
    assert cluster.replicas_of(owner) == [new]
    cluster.wait_until_healthy()
    client.nodes_manager.initialize()
    assert values(client) == KEYS


def test_while_a_slot_moves(each_cluster: Cluster, client: redis.RedisCluster) -> None:
    """What the engine has to come through: keys here and there, and errors that say so."""
    source = each_cluster.owner(TAG)
    target = next(node for node in each_cluster.masters() if node is not source)
    new, slot = (f'{TAG}new', f'{TAG}newer'), key_slot(TAG.encode())
    told: list[str] = []

    def between() -> None:
        if told:
            return
        here = source.client.execute_command('CLUSTER', 'GETKEYSINSLOT', slot, 1)[0].decode()
        gone = next(key for key in KEYS if not is_at(source, key))
        told.append(complaint(each_cluster.nodes))
        told.append(answer(source, here, gone))
        told.append(answer(source, *new))
        told.append(answer(target, *new, asking=True))

    moved = move_by_hand(each_cluster, TAG, target, 3, between)
    assert moved == (len(KEYS), [])
    assert 'moving=' in told[0]
    mixed, missing, there = (one.split()[0] for one in told[1:])
    assert mixed in ('TRYAGAIN', 'ASK')  # before 7.0
    assert (missing, there) == ('ASK', 'TRYAGAIN')
    each_cluster.wait_until_healthy()


def is_at(source: Process, key: str) -> bool:
    try:
        return bool(source.client.exists(key))
    except redis.exceptions.AskError:
        return False


def answer(node: Process, *keys: str, asking: bool = False) -> str:
    """What a node answers to a script of two keys that reads a third one."""
    with node.client.pipeline(transaction=False) as pipe:
        if asking:
            pipe.execute_command('ASKING')
        pipe.execute_command('EVAL', SCRIPT, len(keys), *keys, KEYS[50])
        reply = pipe.execute(raise_on_error=False)[-1]
    code = {redis.exceptions.AskError: 'ASK ', redis.exceptions.TryAgainError: 'TRYAGAIN '}
    return f'{code.get(type(reply), "")}{reply}'


def test_a_key_at_two_masters_is_told(each_cluster: Cluster, client: redis.RedisCluster) -> None:
    source = each_cluster.owner(TAG)
    target = next(node for node in each_cluster.masters() if node is not source)
    written: list[str] = []

    def between() -> None:
        if written:
            return
        written.append(next(key for key in KEYS if is_at(source, key)))
        with target.client.pipeline(transaction=False) as pipe:
            pipe.execute_command('ASKING')
            pipe.set(written[0], 'twice')
            pipe.execute()

    moved = move_by_hand(each_cluster, TAG, target, 5, between)
    assert moved == (len(KEYS), [written[0].encode()])
    assert values(client) == KEYS
