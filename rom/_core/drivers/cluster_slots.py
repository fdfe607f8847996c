"""Cluster slots: the slot of a request, and the requests that a cluster must refuse.

The keys of a model have one hash tag, so they are in one slot and on one node. A script computes
most of its keys from the request. If they were in several slots, it would read nil for those that
are on other nodes. So each key needs a tag.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Final

import redis
import redis.asyncio
from redis.crc import key_slot

from rom._core.encoding.keys import hash_tag
from rom._core.encoding.text import as_text
from rom._core.model_registry import MODELS
from rom._core.ops.requests import Command, Script
from rom.exceptions import InvalidOperation

_CLUSTERS: Final = (redis.RedisCluster, redis.asyncio.RedisCluster)
# Known classes of clients: `isinstance` takes ten times as long, for the library's abstract bases.
_known: dict[type, bool] = {}

# Commands whose first argument is not a key.
_WITHOUT_KEY: Final = frozenset(('ECHO', 'EVAL', 'INFO', 'PING', 'SCAN'))
# Prefixes of keys of rom.repocket.
_RECORDS: Final = (b'repocket:', b'rom:repocket:')


def is_cluster(client: Any) -> bool:
    """Tell whether a client is one of a cluster, blocking or for asyncio."""
    kind = type(client)
    try:
        return _known[kind]
    except KeyError:
        return _known.setdefault(kind, issubclass(kind, _CLUSTERS))


def key_of(request: Command | Script) -> bytes | None:
    """Return a key of the slot where a request works; None: it works in any."""
    if request.key is not None or isinstance(request, Script) or len(request.args) < 2:
        return request.key
    if request.args[0] in _WITHOUT_KEY:
        return None
    key = request.args[1]
    return key if isinstance(key, bytes) else str(key).encode('utf-8')


def slot_of_request(request: Command | Script) -> int | None:
    """Return the slot of a request; None: any.

    Raises:
        InvalidOperation: its key has no hash tag.
    """
    key = key_of(request)
    return None if key is None else slot_of(key)


def slot_of(key: bytes) -> int:
    """Return the slot of a key.

    Raises:
        InvalidOperation: the key has no hash tag, so the keys that belong together would be in
            several slots.
    """
    tag = hash_tag(key)
    if not tag:
        raise _without_tag(key)
    return _slot_of_tag(tag)


@lru_cache(maxsize=1024)
def _slot_of_tag(tag: bytes) -> int:
    return int(key_slot(tag))


def master_of(nodes: Any, slot: int) -> Any:
    """Return the master of a slot, as far as the client knows.

    The method of the library takes several microseconds, and a pipeline may have many slots.

    Args:
        nodes: the `nodes_manager` of the client.
        slot: the slot.

    Raises:
        redis.exceptions.RedisError: no node has the slot.
    """
    known = nodes.slots_cache.get(slot)
    return known[0] if known else nodes.get_node_from_slot(slot)


def _without_tag(key: bytes) -> InvalidOperation:
    """Return the error for a key whose model, lock or index has no hash tag."""
    owners = [model for model in MODELS.values() if _owns(model, key)]
    model = max(owners, key=lambda owner: len(owner._namespace), default=None)
    if key.startswith(_RECORDS):
        return InvalidOperation(
            f'records of rom.repocket cannot be on a cluster: the key {as_text(key)!r} has no hash '
            'tag, because it is the one that repocket uses. Nothing was sent. Use a single server, '
            'or a rom.Model with a hash tag in its _namespace'
        )
    if model is None:
        what = f'the key {as_text(key)!r}'
        remedy = (
            "in braces in the namespace: _namespace = '{users}' in a rom.Model, __prefix__ = "
            "'{users}' in a model of rom.schematics, '{users}' in the name of a lock or an index"
        )
    else:
        what, remedy = model.__name__, f"as in _namespace = '{{{model._namespace}}}'"
    return InvalidOperation(
        f'{what} has no hash tag, and this client is one of a cluster: all keys that belong '
        'together must be in one hash slot there. Nothing was sent. Write the tag '
        f'{remedy}; models that are written in one commit need the same tag'
    )


def _owns(model: Any, key: bytes) -> bool:
    schema = getattr(model, '_schema', None)
    return schema is not None and key.startswith(schema.keys.head)


def check_one_tag(client: Any, heads: Iterable[bytes]) -> None:
    """Check that a script can write these models at once.

    Args:
        client: the client that sends it.
        heads: the prefixes of the models' keys.

    Raises:
        InvalidOperation: the client is one of a cluster, and the models have several hash tags.
    """
    if not is_cluster(client):
        return
    tags = {head: hash_tag(head) for head in heads}
    for head in tags:
        slot_of(head)
    if len(set(tags.values())) > 1:
        names = ' and '.join(sorted({as_text(head[:-1]) for head in tags}))
        raise InvalidOperation(
            f'{names} have different hash tags, and a commit on a cluster can write to one hash '
            'slot only: nothing was sent. Commit them one after the other, or give their '
            "namespaces the same tag, as in _namespace = '{shop}user' and _namespace = "
            "'{shop}order'"
        )


def in_groups(requests: Sequence[Command | Script]) -> list[tuple[int | None, list[int]]]:
    """Return the slots of a pipeline's requests, each with the positions of its requests.

    Requests that work in any slot go with the first one that does not.
    """
    groups: dict[int | None, list[int]] = {}
    slots = [slot_of_request(request) for request in requests]
    first = next((slot for slot in slots if slot is not None), None)
    for position, slot in enumerate(slots):
        groups.setdefault(first if slot is None else slot, []).append(position)
    return list(groups.items())
