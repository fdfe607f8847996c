"""Cluster slots: where a request goes in a cluster, and which requests it must refuse.

The keys of a model have one hash tag, so they are in one slot and on one node. rom sends each
request to that node by itself, instead of through `RedisCluster.execute_command`:

* It knows how often a request was sent. The client library repeats requests by itself, and says
  nothing of it; then an error would leave nothing in doubt that is in doubt.
* ASKING and the command go out in one trip on one connection. The asyncio client of the library
  sends ASKING on one connection and the command on another, if several tasks send at once.
* SCAN, DBSIZE and INFO concern the node that has the slot. The library sends them to all nodes.
* A pipeline repeats only those of its requests that were refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Final

import redis
import redis.asyncio
import redis.exceptions
from redis.crc import key_slot

from rom._core.encoding.keys import hash_tag
from rom._core.encoding.text import as_text
from rom._core.model_registry import MODELS
from rom._core.ops.requests import Command, Script
from rom.exceptions import InvalidOperation, ServerUnavailable

_CLUSTERS: Final = (redis.RedisCluster, redis.asyncio.RedisCluster)
# Known classes of clients: `isinstance` takes ten times as long, for the library's abstract bases.
_known: dict[type, bool] = {}

#: Appended to a key with a hash tag, this is a key of its slot that never exists.
NEVER: Final = b':rom-never'
#: The command that lets the next one on its connection use a slot that is about to arrive.
ASKING: Final = ('ASKING',)

# After these, a client asks the cluster again which node has which slots.
_LOST: Final = (
    redis.exceptions.ConnectionError,
    redis.exceptions.TimeoutError,
    ConnectionError,
    TimeoutError,
)
_MOVES: Final = (
    *_LOST,
    redis.exceptions.MovedError,
    redis.exceptions.ClusterDownError,
    redis.exceptions.ReadOnlyError,
)
# These are connection errors of the client library, and say nothing of connections.
_OTHERS: Final = (
    redis.exceptions.AuthenticationError,
    redis.exceptions.BusyLoadingError,
    redis.exceptions.MaxConnectionsError,
)
#: Errors of the client library where it finds no node that answers.
NO_NODE: Final = (
    redis.exceptions.RedisClusterException,
    redis.exceptions.RedisError,
    ConnectionError,
    TimeoutError,
)


def is_lost(error: object) -> bool:
    """Tell whether an error says that a connection could not be made or was lost."""
    return isinstance(error, _LOST) and not isinstance(error, _OTHERS)


def is_move(error: object) -> bool:
    """Tell whether an error says that the nodes may have other slots or roles by now."""
    return isinstance(error, _MOVES) and not isinstance(error, _OTHERS)


def is_ask(reply: object) -> bool:
    """Tell whether a reply asks to send this one command to another node."""
    moved = redis.exceptions.MovedError
    return isinstance(reply, redis.exceptions.AskError) and not isinstance(reply, moved)


def still_moves(error: Exception) -> redis.exceptions.TryAgainError:
    """Return an ASK to a node that the client does not know yet as an error that passes."""
    return redis.exceptions.TryAgainError(f'TRYAGAIN the slot moves: {error}')


def is_cluster(client: Any) -> bool:
    """Tell whether a client is one of a cluster, blocking or for asyncio."""
    kind = type(client)
    try:
        return _known[kind]
    except KeyError:
        return _known.setdefault(kind, issubclass(kind, _CLUSTERS))


def follows_master(client: Any) -> bool:
    """Tell whether a client finds the new master after a failover: one of a cluster or Sentinel."""
    if is_cluster(client):
        return True
    pool: Any = getattr(client, 'connection_pool', None)
    return hasattr(pool, 'sentinel_manager') and bool(pool.is_master)


def key_of(request: Command | Script) -> bytes | None:
    """Return a key of the slot where a request works; None: it works in any."""
    if request.key is not None or isinstance(request, Script) or len(request.args) < 2:
        return request.key
    if request.args[0] in WITHOUT_KEY:
        return None
    key = request.args[1]
    return key if isinstance(key, bytes) else str(key).encode('utf-8')


# Prefixes of keys of rom.repocket.
_RECORDS: Final = (b'repocket:', b'rom:repocket:')

#: Commands whose first argument is no key.
WITHOUT_KEY: Final = frozenset(('ECHO', 'EVAL', 'INFO', 'PING', 'SCAN'))


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


def _without_tag(key: bytes) -> InvalidOperation:
    """Return the error for a key whose model, lock or index has no hash tag."""
    model = next((model for model in MODELS.values() if _owns(model, key)), None)
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


class Scans:
    """The scans of a slot's keys, each of which must stay with one node.

    SCAN is no command of a slot, so a node that has lost the slot answers that there are no more
    keys. And a cursor means nothing to another node.
    """

    def __init__(self) -> None:
        self._begun: dict[bytes | None, str] = {}

    def reply(self, node: str, request: Command | Script, replies: Sequence[Any]) -> Any:
        """Return the reply of SCAN, or an error that passes.

        Args:
            node: the name of the node that answered.
            request: the SCAN.
            replies: the replies of SCAN and of `probe`.

        Raises:
            ServerUnavailable: the slot has moved since the scan began.
        """
        found, probed = replies
        is_first = isinstance(request, Command) and int(request.args[1]) == 0
        if is_first:
            self._begun[request.key] = node
        is_elsewhere = self._begun.get(request.key, node) != node
        if is_elsewhere or isinstance(probed, redis.exceptions.AskError):
            if not is_first:
                raise ServerUnavailable(
                    'the keys moved to another node of the cluster while they were scanned, so the '
                    'scan may have missed some: start again when no slot moves'
                )
            return still_moves(probed) if is_ask(probed) else probed
        return probed if isinstance(probed, Exception) else found


def probe(scan: Command | Script) -> tuple[bytes, ...]:
    """Return a command that a node refuses unless it has the whole slot of a SCAN."""
    return (b'EXISTS', (scan.key or b'') + NEVER)


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


def not_served(error: Exception) -> redis.exceptions.RedisError:
    """Return the error for a slot where the client library finds no node that serves it."""
    cause = error.__cause__
    if isinstance(cause, redis.exceptions.AuthenticationError):
        return cause
    if isinstance(cause, redis.exceptions.RedisClusterException):
        # The library says of each refusal that this is not a cluster; the server's own words are
        # better: it may be one, and the user may not run CLUSTER SLOTS.
        return redis.exceptions.ResponseError(str(cause.__context__ or cause))
    return redis.exceptions.ClusterDownError(f'CLUSTERDOWN {error}')


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
