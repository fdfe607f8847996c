"""Destinations: the server, database and user of a client, whichever objects lead there.

A program may make a client for each call, on one pool or on a new one each time. That must not
split a commit, so clients are compared by their address, database and user. Host names are not
resolved: ``localhost`` and ``127.0.0.1`` count as two servers, because a name's address may change.

* **Two databases are two destinations**, because a script writes to one.
* **Two users are two destinations**, because their permissions may differ, and a commit has the
  permissions of one user.
* **Other options do not count**: decoding, timeouts, retries, pools. A commit of several models
  uses the client of the first of them.
* **A cluster is one destination**, whichever of its nodes a client began with.
* **An unknown class is its own destination**, because a connection class or an ``execute_command``
  that is not the client library's may go anywhere. Then the pool, or the client, is the key.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any, Final

import redis

from rom._core.drivers.cluster_clients import Address, addresses_of, options_of
from rom._core.drivers.cluster_slots import is_cluster
from rom._core.encoding.keys import hash_tag
from rom._core.support.public_names import publish

#: Packages whose classes go where their options say.
_LIBRARIES: Final = frozenset(('redis', 'valkey'))


def server_of(client: Any) -> Hashable:
    """Return a key that is equal for clients of one database of one server with one user.

    The key holds no password. Do not read its parts: they may change.

    >>> first, second = redis.Redis(db=1), redis.Redis.from_url('redis://localhost/1?protocol=3')
    >>> server_of(first) == server_of(second)
    True
    >>> server_of(first) == server_of(redis.Redis(db=2))
    False
    """
    if not _is_usual(type(client)):
        return _itself(client)
    if is_cluster(client):
        return 'cluster', _cluster_of(addresses_of(client)), _user(options_of(client))
    pool = getattr(client, 'connection_pool', None)
    return _itself(client) if pool is None else _end_of(pool)


def reach_of(client: Any, head: bytes) -> Hashable:
    """Return a key that is equal for models that one script can use.

    Args:
        client: the client of the model.
        head: the prefix of its keys; on a cluster, its hash tag counts as well.
    """
    server = server_of(client)
    return (server, hash_tag(head)) if is_cluster(client) else server


def node_of(client: Any, head: bytes) -> Hashable:
    """Return a key that is equal for keys that one server has now.

    Args:
        client: a blocking client.
        head: the prefix of the keys; on a cluster, its hash tag decides the node.
    """
    server = server_of(client)
    return (server, client.get_node_from_key(head).name) if is_cluster(client) else server


# The addresses of nodes, each with the number of its cluster. A client learns of more nodes as time
# goes by, so two clients of one cluster know some of the same, and seldom all.
_clusters: dict[Address, int] = {}


def _cluster_of(nodes: Sequence[Address]) -> int:
    known = [_clusters[node] for node in nodes if node in _clusters]
    number = known[0] if known else len(_clusters)
    _clusters.update((node, number) for node in nodes if node not in _clusters)
    return number


def _end_of(pool: Any) -> Hashable:
    options = pool.connection_kwargs
    rest = str(options.get('db') or 0), _user(options)
    watch = getattr(pool, 'sentinel_manager', None)
    if watch is not None:
        return 'sentinel', _addresses(watch.sentinels), pool.service_name, pool.is_master, *rest
    if pool.connection_class.__module__.partition('.')[0] not in _LIBRARIES:
        return _itself(pool)
    if options.get('path'):
        return 'unix', str(options['path']), *rest
    host, port = options.get('host') or 'localhost', options.get('port') or 6379
    return 'tcp', str(host).lower(), str(port), *rest


def _is_usual(kind: type) -> bool:
    """Tell whether the client library's own `execute_command` carries out the commands."""
    home = next((base for base in kind.__mro__ if 'execute_command' in vars(base)), None)
    return home is not None and home.__module__.partition('.')[0] in _LIBRARIES


def _user(options: Any) -> Hashable:
    provider = options.get('credential_provider')
    if provider is None:
        return options.get('username') or 'default'
    if type(provider) is redis.UsernamePasswordCredentialProvider:
        return provider.username or 'default'
    return _itself(provider)  # only it knows which user it speaks for


def _addresses(clients: Iterable[Any]) -> frozenset[Hashable]:
    return frozenset(server_of(client) for client in clients)


class _Itself:
    """An object as a key: equal only to itself, and alive as long as the key is."""

    __slots__ = ('thing',)

    def __init__(self, thing: object) -> None:
        self.thing = thing

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Itself) and self.thing is other.thing

    def __hash__(self) -> int:
        return id(self.thing)


_itself = _Itself


publish('rom.connections', server_of)
