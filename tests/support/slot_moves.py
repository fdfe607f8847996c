"""Slots that move from one master of a cluster to another, while programs use their keys.

By hand, as tools do it on every server: key after key, both masters open meanwhile. Or by the
servers themselves, which Valkey has from 9.0 on.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, NamedTuple

import redis
from redis.crc import key_slot

from tests.support.cluster import Cluster
from tests.support.fleet import HOST, Process, until

#: Milliseconds for one MIGRATE.
TIMEOUT = 60_000
BATCHES = 20
#: States of a move by the servers that has ended.
_OVER = (b'success', b'failed', b'cancelled')


class Moved(NamedTuple):
    """What came of a move: how many keys moved, and which of them were at both masters."""

    keys: int
    twice: list[bytes]


def move_by_hand(
    cluster: Cluster,
    key: str,
    target: Process | None = None,
    batches: int = BATCHES,
    between: Callable[[], object] = lambda: None,
) -> Moved:
    """Move the slot of a key with MIGRATE.

    A key that is at both masters, because a program wrote to both, would stop the move for good. It
    is told, and the one of the old master replaces the other.

    Args:
        cluster: where all is well.
        key: or a tag such as '{users}'.
        target: the new master; default: the next one.
        batches: in about so many the keys move that are there at the beginning.
        between: is called after each batch.
    """
    slot, source = key_slot(key.encode()), cluster.owner(key)
    target = target or _next(cluster, source)
    _set(target, slot, 'IMPORTING', cluster.id_of(source))
    _set(source, slot, 'MIGRATING', cluster.id_of(target))
    try:
        return _move_keys(source, target, slot, batches, between)
    except BaseException:  # of `between`: the slot does not stay open
        _move_keys(source, target, slot, 1, lambda: None)
        raise
    finally:
        others = [node for node in cluster.masters() if node not in (source, target)]
        for node in (target, source, *others):
            _set(node, slot, 'NODE', cluster.id_of(target))
        cluster.wait_until_healthy()


def _move_keys(
    source: Process, target: Process, slot: int, batches: int, between: Callable[[], object]
) -> Moved:
    moved = Moved(0, [])
    left: Any = source.client.execute_command('CLUSTER', 'COUNTKEYSINSLOT', slot)
    size = max(1, left // batches)
    while keys := _keys(source, slot, size):
        size += 1  # where programs write many keys meanwhile, it comes to an end
        moved = Moved(moved.keys + len(keys), moved.twice + _migrate(source, target, keys))
        between()
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


def _migrate(source: Process, target: Process, keys: list[bytes]) -> list[bytes]:
    """Move keys; return those that were at the target already."""
    place = (HOST, target.port)
    try:
        source.client.migrate(*place, keys, 0, TIMEOUT)
        return []
    except redis.ResponseError as error:
        if 'BUSYKEY' not in str(error):
            raise
    twice = [key for key in keys if _has(source, key)]  # all others have moved
    source.client.migrate(*place, keys, 0, TIMEOUT, replace=True)
    return twice


def _has(source: Process, key: bytes) -> bool:
    try:
        return bool(source.client.exists(key))
    except redis.exceptions.AskError:
        return False


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
