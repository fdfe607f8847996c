"""Slots that move from one master of a cluster to another, while programs use their keys.

By hand, as tools do it on every server: key after key, both masters open meanwhile. Or by the
servers themselves, which Valkey has from 9.0 on.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import redis
from redis.crc import key_slot

from tests.support.cluster import Cluster
from tests.support.fleet import HOST, Process, until

#: Milliseconds for one MIGRATE; and keys of one.
TIMEOUT = 60_000
BATCH = 10
#: States of a move by the servers that has ended.
_OVER = (b'success', b'failed', b'cancelled')


def move_by_hand(
    cluster: Cluster,
    key: str,
    target: Process | None = None,
    batch: int = BATCH,
    between: Callable[[], object] = lambda: None,
) -> int:
    """Move the slot of a key with MIGRATE; return how many keys moved.

    Args:
        cluster: where all is well.
        key: or a tag such as '{users}'.
        target: the new master; default: the next one.
        batch: keys moved at once.
        between: is called after each batch.
    """
    slot, source = key_slot(key.encode()), cluster.owner(key)
    target = target or _next(cluster, source)
    _set(target, slot, 'IMPORTING', cluster.id_of(source))
    _set(source, slot, 'MIGRATING', cluster.id_of(target))
    moved = 0
    while keys := _keys(source, slot, batch):
        source.client.migrate(HOST, target.port, keys, 0, TIMEOUT)
        moved += len(keys)
        between()
    others = [node for node in cluster.masters() if node not in (source, target)]
    for node in (target, source, *others):
        _set(node, slot, 'NODE', cluster.id_of(target))
    cluster.wait_until_healthy()
    return moved


def can_move_by_itself(cluster: Cluster) -> bool:
    """Tell whether the servers can move slots themselves."""
    server: dict[str, Any] = cluster.nodes[0].client.info('server')
    return int(server.get('valkey_version', '0').partition('.')[0]) >= 9


def move_by_server(cluster: Cluster, key: str, target: Process | None = None) -> None:
    """Move the slot of a key with CLUSTER MIGRATESLOTS; again, if the servers give it up."""
    slot, source = key_slot(key.encode()), cluster.owner(key)
    target = target or _next(cluster, source)
    id = cluster.id_of(target)

    def has_moved() -> bool:
        if cluster.owner(key) is target:
            return True
        if not _moves_now(source):
            with contextlib.suppress(redis.ResponseError):  # it has just ended
                source.client.execute_command(
                    'CLUSTER', 'MIGRATESLOTS', 'SLOTSRANGE', slot, slot, 'NODE', id
                )
        return False

    until(has_moved, f'the slot {slot} does not move from {source} to {target}')
    cluster.wait_until_healthy()


def _moves_now(source: Process) -> bool:
    told: Any = source.client.execute_command('CLUSTER', 'GETSLOTMIGRATIONS')
    jobs = [
        job if isinstance(job, dict) else dict(zip(job[::2], job[1::2], strict=True))
        for job in told
    ]
    return any(job[b'state'] not in _OVER for job in jobs)


def _next(cluster: Cluster, source: Process) -> Process:
    masters = cluster.masters()
    return masters[(masters.index(source) + 1) % len(masters)]


def _set(node: Process, slot: int, state: str, id: str) -> None:
    node.client.execute_command('CLUSTER', 'SETSLOT', slot, state, id)


def _keys(node: Process, slot: int, count: int) -> Any:
    return node.client.execute_command('CLUSTER', 'GETKEYSINSLOT', slot, count)
