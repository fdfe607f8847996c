"""Options of an asyncio client that behaves like a given blocking client."""

import copy
import inspect
from collections.abc import Hashable, Iterable
from functools import cache
from typing import Any, Final, NamedTuple

import redis
import redis.asyncio
import redis.asyncio.retry

from rom._core.drivers.cluster_clients import (
    ClusterRecipe,
    addresses_of,
    known_options,
    options_of,
)
from rom._core.drivers.cluster_slots import is_cluster
from rom.exceptions import ORMError

#: The limit of connections, where the blocking client has none.
MAX_BACKOFF: Final = 100
_UNLIMITED: Final = 2**31


class WaitingPool(redis.asyncio.BlockingConnectionPool):
    """A blocking pool that passes on the wakeup of a cancelled task.

    A task may be woken because a connection is free, and be cancelled before it runs. Its wakeup
    would be lost, and the next task in the queue would sleep although a connection is free.
    """

    async def get_connection(self, *args: Any, **kwargs: Any) -> Any:
        """Return a connection; wait until one is free."""
        try:
            return await super().get_connection(*args, **kwargs)  # type: ignore[no-untyped-call]
        except BaseException:
            async with self._condition:
                self._condition.notify()
            raise


class Recipe(NamedTuple):
    """The options of an asyncio client, of its pool and of its connections.

    Attributes:
        options: arguments of `redis.asyncio.Redis`.
        more: arguments that only its connections take.
        most: the limit of connections.
        timeout: seconds to wait for a free connection; None: no limit.
    """

    options: dict[str, Any]
    more: dict[str, Any]
    most: int
    timeout: float | None

    @property
    def key(self) -> Hashable:
        """A key that is equal for clients with equal options."""
        options = {**self.options, **self.more}
        like_node = frozenset((name, _as_key(value)) for name, value in options.items())
        return like_node, self.most, self.timeout

    def make(self) -> redis.asyncio.Redis:
        """Make the client, with its pool."""
        plain = redis.asyncio.Redis(**self.options).connection_pool
        options = {k: v for k, v in plain.connection_kwargs.items() if k not in _OF_THE_POOL}
        pool = WaitingPool(
            connection_class=plain.connection_class,
            max_connections=self.most,
            timeout=self.timeout,
            **{**options, **self.more},
        )
        return redis.asyncio.Redis.from_pool(pool)


#: Options that the client library adds to a connection's own.
_OF_THE_POOL: Final = frozenset(
    ('himport_registry', 'maint_notifications_config', 'maint_notifications_pool_handler',
     'oss_cluster_maint_notifications_handler', 'orig_host_address', 'orig_socket_timeout',
     'orig_socket_connect_timeout', 'event_dispatcher')
)  # fmt: skip
#: Options that concern only the internals of the blocking client.
_OF_ITS_OWN: Final = _OF_THE_POOL | {'parser_class', 'command_packer', 'cache', 'cache_config'}


def recipe_of(client: Any) -> Recipe | ClusterRecipe:
    """Return the recipe of the asyncio client that matches a blocking client.

    Raises:
        ORMError: the client has an option that `redis.asyncio` lacks, or asks sentinels for the
            address, or is of an unknown kind.
    """
    if is_cluster(client):
        return _cluster_recipe_of(client)
    pool = getattr(client, 'connection_pool', None)
    if pool is None or hasattr(pool, 'sentinel_manager'):
        what = 'has no pool' if pool is None else 'asks sentinels where the server is'
        raise ORMError(
            f'the connection {what}: make an asyncio client that leads there as well, such as '
            'redis.asyncio.sentinel.Sentinel(...).master_for(...), and pass it as '
            'AsyncSession(connection=...), or as async_client=... where a web framework is set up'
        )
    given = {k: v for k, v in pool.connection_kwargs.items() if k not in _OF_ITS_OWN}
    retry = given.get('retry')
    if retry is not None:
        given['retry'] = _retry_like(retry)
    is_secure = issubclass(pool.connection_class, redis.SSLConnection)
    of_client, of_connection = _known_options(is_secure, 'path' in given)
    options = {name: given.pop(name) for name in of_client & given.keys()}
    if 'path' in given:
        options['unix_socket_path'] = given.pop('path')
    if is_secure:
        options['ssl'] = True
    _check_none_is_lost(name for name in given.keys() - of_connection if given[name])
    more = {name: value for name, value in given.items() if name in of_connection}
    most = pool.max_connections if pool.max_connections < _UNLIMITED else MAX_BACKOFF
    return Recipe(options, more, most, getattr(pool, 'timeout', None))


def _cluster_recipe_of(client: Any) -> ClusterRecipe:
    own = {*_OF_ITS_OWN, 'redis_connect_func', 'connection_pool_class', 'retry'}
    given = {k: v for k, v in options_of(client).items() if k not in own}
    options = {name: value for name, value in given.items() if name in known_options()}
    _check_none_is_lost(name for name in given.keys() - options.keys() if given[name])
    like_node = frozenset((name, _as_key(value)) for name, value in options.items())
    return ClusterRecipe(addresses_of(client), options, like_node)


def _check_none_is_lost(names: Iterable[str]) -> None:
    lost = sorted(names)
    if lost:
        raise ORMError(
            f'redis.asyncio has no option {", ".join(lost)}, which the connection has: make an '
            'asyncio client yourself, and pass it as AsyncSession(connection=...), or as '
            'async_client=... where a web framework is set up'
        )


@cache
def _known_options(is_secure: bool, is_unix: bool) -> tuple[frozenset[str], frozenset[str]]:
    """Return the names of the options of an asyncio client, and of its connections."""
    kind: type = redis.asyncio.UnixDomainSocketConnection if is_unix else redis.asyncio.Connection
    if is_secure:
        kind = redis.asyncio.SSLConnection
    # asyncio would await redis_connect_func, and that of a blocking client cannot be awaited.
    others = {'redis_connect_func', 'self', 'args', 'kwargs'}
    of_connection = {name for base in kind.__mro__ for name in _taken_by(base)}
    return frozenset(_taken_by(redis.asyncio.Redis) - others), frozenset(of_connection - others)


def _taken_by(kind: Any) -> set[str]:
    return set(inspect.signature(kind.__init__).parameters)


def _retry_like(retry: Any) -> redis.asyncio.retry.Retry:
    """Return the asyncio retry with the backoff, retries and errors of a blocking one."""
    return redis.asyncio.retry.Retry(
        copy.deepcopy(retry._backoff), retry._retries, tuple(retry._supported_errors)
    )


def _as_key(value: Any) -> Hashable:
    if isinstance(value, redis.asyncio.retry.Retry):
        backoff = value._backoff
        return type(backoff), repr(vars(backoff)), value._retries, *value._supported_errors
    if type(value) is redis.UsernamePasswordCredentialProvider:
        return value.username, value.password
    try:
        hash(value)
    except TypeError:
        return repr(value)  # a list or a dict of plain values
    return value  # type: ignore[no-any-return]
