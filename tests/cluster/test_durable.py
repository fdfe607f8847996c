"""Durable commits while the master changes: what is acknowledged is not lost."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import redis

import rom
from rom._core.ops.commits import replication
from tests.support.cluster import Cluster, connect
from tests.support.cluster_views import seen_by
from tests.support.fleet import Process, until
from tests.support.patience import PATIENCE
from tests.support.servers import available

pytestmark = [
    pytest.mark.slow,
    # Redis ends the WAIT of a node that is no longer the master with an error.
    pytest.mark.parametrize(
        'each_cluster', [name for name in available() if 'valkey' in name], indirect=True
    ),
]
TAG = '{durable}'


class DurableDoor(rom.Model):
    _namespace = f'{TAG}.door'
    state = rom.Text()


@pytest.fixture
def client(each_cluster: Cluster) -> Iterator[redis.RedisCluster]:
    with connect(each_cluster) as client:
        yield client


def test_the_master_of_the_commit_comes_back_without_it(
    each_cluster: Cluster, client: redis.RedisCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node executes the commit, is replaced, takes the data of the new master, and replaces it.

    The client waits for replicas all the while.
    """
    monkeypatch.setattr(replication, 'LONGEST', int(1000 * PATIENCE))
    old = each_cluster.owner(TAG)
    [new] = each_cluster.replicas_of(old)
    replicate(old, False)
    errors: list[BaseException] = []

    def commit() -> None:
        with rom.Session(client, durable=True) as session:
            DurableDoor(state='open')
            try:
                session.commit()
            except rom.NotReplicatedError as error:
                errors.append(error)

    writer = threading.Thread(target=commit)
    writer.start()
    until(lambda: old.client.info('clients')['blocked_clients'])
    new.client.cluster('FAILOVER', 'TAKEOVER')
    until(lambda: not seen_by(old).itself.is_master)
    replicate(old, True)
    each_cluster.wait_until_healthy()
    # The replica will have read as much as before.
    until(lambda: each_cluster.owner(TAG).client.set(f'{TAG}.more', 'x' * 10_000))
    each_cluster.hand_over(TAG)
    assert each_cluster.owner(TAG) is old
    until(lambda: not writer.is_alive())
    assert old.client.exists(f'{TAG}.door:1') == 0
    [error] = errors
    assert isinstance(error, rom.NotReplicatedError)
    assert error.found is None


def replicate(master: Process, is_allowed: bool) -> None:
    """Let replicas read from a master, or no longer."""
    sign = '+' if is_allowed else '-'
    master.client.execute_command('ACL', 'SETUSER', 'default', f'{sign}psync', f'{sign}sync')
    if not is_allowed:
        master.client.client_kill_filter(_type='replica')
