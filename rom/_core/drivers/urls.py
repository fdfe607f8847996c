"""URLs of servers: opened, and shown without passwords.

A URL may hold a password anywhere: as a user, in an option, before the intended host. So no error
quotes any part of a URL. Nor is any error chained to one of the client library, which would.
"""

from __future__ import annotations

import re
import weakref
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import redis
from redis.backoff import ExponentialWithJitterBackoff
from redis.connection import parse_url
from redis.retry import Retry

from rom._core.drivers.cluster_clients import TIMEOUTS, Address, LazyCluster
from rom._core.drivers.server_functions import use_server_functions
from rom.exceptions import ORMError

EMBEDDED: Final = 'embedded:'
_CLUSTERS: Final = {'redis+cluster': 'redis', 'rediss+cluster': 'rediss'}
_SCHEMES: Final = ('redis://', 'rediss://', 'unix://', *(f'{scheme}://' for scheme in _CLUSTERS))
_DATABASE: Final = re.compile(r'/?|/[0-9]+', re.ASCII)
#: Options whose values are not secret.
_OPEN: Final = frozenset(
    ('db', 'decode_responses', 'health_check_interval', 'max_connections', 'protocol',
     'server_functions', 'socket_connect_timeout', 'socket_timeout', 'timeout')
)  # fmt: skip
_ESCAPED: Final = 'a password with other characters than letters and digits needs them as %XX'
_FUNCTIONS: Final = 'server_functions'
_UNREADABLE: Final = f'its port or one of its options cannot be read; {_ESCAPED}'


def open_url(url: str, name: str = 'the URL of the server') -> redis.Redis:
    """Return a client for a URL, as :func:`rom.connect` takes it.

    Args:
        url: the URL of the server.
        name: the name of the URL in messages.

    Raises:
        ORMError: the URL cannot be used.
        ServerUnavailable: the embedded server cannot be started.
    """
    if url.startswith(EMBEDDED):
        from rom._core.embedded.server import open_server

        server = open_server(url.removeprefix(EMBEDDED))
        client = redis.Redis(unix_socket_path=str(server.socket))
        # The server lives as long as the client that speaks to it.
        weakref.finalize(client, server.close)
        return client
    problem = _problem_of(url)
    url, functions = (url, None) if problem else _without_functions(url)
    if functions not in (None, 'yes', 'no'):
        problem = 'its option server_functions must be yes or no'
    make: Any = _cluster_at if url.partition('://')[0] in _CLUSTERS else _client_at
    made: redis.Redis | None = None if problem else make(url)
    if made is None:  # raised outside any `except`, or the library's error would be chained to it
        raise ORMError(
            f'{name} cannot be used: {problem or _UNREADABLE}; write '
            'redis://USER:PASSWORD@HOST:PORT/DB, rediss://..., redis+cluster://HOST:PORT, '
            'unix://PATH, embedded: or embedded:PATH. (It is not shown here, because it may hold a '
            'password.)'
        )
    if functions is not None:
        use_server_functions(functions == 'yes', made)
    return made


def _without_functions(url: str) -> tuple[str, str | None]:
    """Return a URL without the option server_functions, which is rom's own; and its value."""
    parts = urlsplit(url)
    options = parts.query.split('&')
    own = [option for option in options if option.partition('=')[0] == _FUNCTIONS]
    if not own:
        return url, None
    others = '&'.join(option for option in options if option not in own)
    return urlunsplit(parts._replace(query=others)), own[-1].partition('=')[2]


def _problem_of(url: str) -> str:
    """Return why a URL cannot be used, or ''; the client library would misread such URLs."""
    if not url.startswith(_SCHEMES):
        return 'it does not begin with one of ' + ', '.join((*_SCHEMES, EMBEDDED))
    try:
        parts = urlsplit(url)
    except ValueError:
        return _UNREADABLE
    if parts.fragment:
        return f'there is a # in it; {_ESCAPED}'
    if parts.scheme in _CLUSTERS and parts.path not in ('', '/', '/0'):
        return 'a cluster has no database but 0'
    if parts.scheme != 'unix' and not _DATABASE.fullmatch(parts.path):
        return f'the part after the address is not the number of a database; {_ESCAPED}'
    if parts.scheme == 'unix' and (not parts.path or parts.netloc.rpartition('@')[2]):
        return 'a path must begin with a /, as in unix:///run/redis.sock'
    return ''


def _client_at(url: str) -> redis.Redis | None:
    """Return a client, or None if the library cannot read the URL or its options."""
    try:
        client = redis.Redis.from_url(url, retry=_retry())
        pool = client.connection_pool
        pool.connection_class(**pool.connection_kwargs)  # connects to nothing
    except (ValueError, TypeError, redis.RedisError):
        return None
    return client


def _cluster_at(url: str) -> LazyCluster | None:
    """Return a client of a cluster, or None if the URL or its options cannot be read."""
    parts = urlsplit(url)
    secrets, at, hosts = parts.netloc.rpartition('@')
    scheme = _CLUSTERS[parts.scheme]
    try:
        addresses = [_address(host) for host in hosts.split(',')]
        one = urlunsplit((scheme, f'{secrets}{at}localhost', '', parts.query, ''))
        options: dict[str, Any] = parse_url(one)  # type: ignore[no-untyped-call]
        for name in ('host', 'connection_class'):
            options.pop(name, None)
        options = {**TIMEOUTS, **options, **({'ssl': True} if scheme == 'rediss' else {})}
        pool = redis.Redis(**options).connection_pool
        pool.connection_class(**pool.connection_kwargs)  # connects to nothing
    except (ValueError, TypeError, redis.RedisError):
        return None
    return LazyCluster(addresses, **options)


def _address(host: str) -> Address:
    """Return the host and port of a node.

    Raises:
        ValueError: the host is missing, or the port is not a number.
    """
    parts = urlsplit(f'//{host}')
    if not parts.hostname or parts.path:
        raise ValueError('expected HOST:PORT')
    return parts.hostname, parts.port or 6379


def _retry() -> Retry:
    """Return the retries of a client that is made from a URL.

    The client library gives retries to `redis.Redis(...)` and none to `redis.Redis.from_url(...)`.
    rom needs them: every write may be repeated (rom/_core/ops/commits/attempts.py), and only a
    client with retries has lines (rom/_core/drivers/kept_connections.py). If no server answers, the
    error comes within 0.4 s.
    """
    return Retry(ExponentialWithJitterBackoff(base=0.01, cap=0.1), 3)


def without_password(url: str) -> str:
    """Return an accepted URL with its passwords replaced.

    A user without a password may be a token, so it is replaced as well.

    >>> without_password('redis://ann:secret@localhost:6379/0?ssl_password=secret&db=1')
    'redis://ann:PASSWORD@localhost:6379/0?ssl_password=PASSWORD&db=1'
    >>> without_password('redis://token@localhost')
    'redis://PASSWORD@localhost'
    """
    if url.startswith(EMBEDDED):
        return url
    parts = urlsplit(url)
    secrets, _, host = parts.netloc.rpartition('@')
    user, _, password = secrets.partition(':')
    if secrets:
        host = f'{user}:PASSWORD@{host}' if password else f'PASSWORD@{host}'
    shown = [_shown_option(*option.partition('=')) for option in parts.query.split('&')]
    options = '&'.join(filter(None, shown))
    return f'{parts.scheme}://{host}{parts.path}' + (f'?{options}' if options else '')


def _shown_option(name: str, equals: str, value: str) -> str:
    if not value:
        return ''
    return f'{name}={value if name in _OPEN else "PASSWORD"}'
