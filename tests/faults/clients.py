"""The clients of workers, on a server or on a cluster."""

import random
from typing import Any

import redis
import redis.asyncio
import redis.asyncio.cluster
import redis.asyncio.retry
import redis.retry
from redis.asyncio.sentinel import Sentinel as AsyncSentinel
from redis.backoff import NoBackoff
from redis.sentinel import Sentinel

from tests.faults.worker_task import Task
from tests.support.fleet import NAME

#: Seconds until a client believes that no answer comes; less where a node may be stopped.
TIMEOUT, FLEET_TIMEOUT = 10, 2
#: What clients do by themselves, and how: repetitions, and the protocol.
CLIENTS = ((0, 2), (3, 2), (3, 3), (0, 3))


def blocking(task: Task) -> Any:
    """Return a client whose calls block, of a kind that the dice of the task choose."""
    return blocking_like(task, *random.Random(task.seed).choice(CLIENTS))


def blocking_like(task: Task, retries: int, protocol: int) -> Any:
    """Return a client whose calls block.

    Args:
        task: has the address.
        retries: how often it repeats a command by itself.
        protocol: 2 or 3.
    """
    retry = redis.retry.Retry(NoBackoff(), retries)
    if task.sentinels:
        watch = Sentinel(task.sentinels, **_of_fleet(protocol))
        return watch.master_for(NAME, retry=retry, **_of_fleet(protocol))
    if not task.nodes:
        return redis.Redis(retry=retry, **_settings(task, protocol))
    nodes = [redis.cluster.ClusterNode(*address) for address in task.nodes]
    return redis.RedisCluster(startup_nodes=nodes, **_repeating(retries), **_of_fleet(protocol))


def awaited(task: Task) -> Any:
    """Return a client of asyncio, of a kind that the dice of the task choose."""
    retries, protocol = random.Random(task.seed).choice(CLIENTS)
    retry = redis.asyncio.retry.Retry(NoBackoff(), retries)
    if task.sentinels:
        watch = AsyncSentinel(task.sentinels, **_of_fleet(protocol))
        return watch.master_for(NAME, retry=retry, **_of_fleet(protocol))
    if not task.nodes:
        return redis.asyncio.Redis(retry=retry, **_settings(task, protocol))
    nodes = [redis.asyncio.cluster.ClusterNode(*address) for address in task.nodes]
    return redis.asyncio.RedisCluster(
        startup_nodes=nodes, **_repeating(retries), **_of_fleet(protocol)
    )


def _repeating(retries: int) -> dict[str, Any]:
    # Without an option of its own, a client of a cluster does as the library would have it.
    return {'cluster_error_retry_attempts': retries} if retries else {}


def _settings(task: Task, protocol: int) -> dict[str, Any]:
    return {'unix_socket_path': task.address, 'protocol': protocol, 'socket_timeout': TIMEOUT}


def _of_fleet(protocol: int) -> dict[str, Any]:
    return {'protocol': protocol, 'socket_timeout': FLEET_TIMEOUT}
