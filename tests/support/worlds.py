"""The two worlds: one story, told by coroutines, runs on either session.

A `World` opens sessions that are awaited, whichever they are: those of asyncio as they are, the
blocking ones behind a facade whose methods are coroutines that never wait.

    async def story():
        async with world.session() as s:
            s.add(User(name='Ann'))
            await s.commit()

    world.run(story())

A `Front` is the other way round, for locks and maintenance: either front, behind names that block.
"""

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self

import redis
import redis.asyncio
import redis.asyncio.cluster
import redis.asyncio.retry
import redis.cluster
import redis.retry
from redis.backoff import NoBackoff

import rom
import rom.aio

SYNC, ASYNC = 'sync', 'async'
BOTH = (SYNC, ASYNC)

#: What both sessions have to wait for.
WAITING = (
    'get', 'get_by', 'all', 'first', 'count', 'refresh', 'refresh_all', 'flush', 'commit', 'save',
    'delete', 'take_ids', 'load', 'transfer', 'exists', 'one', 'ids', 'cached_result', 'delete_all',
    'sum', 'avg', 'min', 'max', 'facets', 'histogram', 'page', 'update_all', 'get_or_create',
    'upsert', 'expire', 'explain', 'restore',
)  # fmt: skip


class Awaitable:
    """A `rom.Session` whose methods are awaited."""

    def __init__(self, session: rom.Session) -> None:
        self.session = session

    async def __aenter__(self) -> 'Awaitable':
        self.session.__enter__()
        return self

    async def __aexit__(self, *error: Any) -> None:
        self.session.__exit__(*error)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.session, name)
        return _awaitable(found) if name in WAITING else found

    async def stream(self, query: rom.Query[Any], *pagesize: int) -> AsyncIterator[Any]:
        for result in self.session.stream(query, *pagesize):
            yield result


def _awaitable(method: Callable[..., Any]) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> Any:
        return method(*args, **kwargs)

    return call


class World:
    """One of the two kinds of session, on one server.

    Args:
        kind: SYNC or ASYNC.
        socket: the server's.
        retries: how often the client repeats a command by itself.
        settings: more for the client.
    """

    def __init__(self, kind: str, socket: str, retries: int = 0, **settings: Any) -> None:
        self.kind = kind
        self._retries = retries
        self._settings = {'unix_socket_path': socket, **settings}

    def run(self, story: Coroutine[Any, Any, Any]) -> Any:
        """Run a story to its end."""
        return asyncio.run(story)

    def connect(self) -> Any:
        """A client for `wrap`; end it with `close`."""
        if self.kind == SYNC:
            retry = redis.retry.Retry(NoBackoff(), self._retries)
            return redis.Redis(retry=retry, **self._settings)
        again = redis.asyncio.retry.Retry(NoBackoff(), self._retries)
        return redis.asyncio.Redis(retry=again, **self._settings)

    async def close(self, client: Any) -> None:
        """Close a client's connections."""
        if self.kind == SYNC:
            client.close()
        else:
            await client.aclose()

    def wrap(self, client: Any, **options: Any) -> Any:
        """A session on this client, to be awaited."""
        if self.kind == SYNC:
            return Awaitable(rom.Session(client, **options))
        return rom.AsyncSession(client, **options)

    @asynccontextmanager
    async def session(self, **options: Any) -> AsyncIterator[Any]:
        """A session with a client of its own; the current one meanwhile."""
        client = self.connect()
        try:
            async with self.wrap(client, **options) as session:
                yield session
        finally:
            await self.close(client)


class ClusterWorld(World):
    """One of the two kinds of session, on a cluster.

    Args:
        kind: SYNC or ASYNC.
        startup: hosts and ports of nodes.
        settings: more for the client.
    """

    def __init__(self, kind: str, startup: Sequence[tuple[str, int]], **settings: Any) -> None:
        self.kind = kind
        self._startup = startup
        self._settings = settings

    def connect(self) -> Any:
        """A client for `wrap`; end it with `close`."""
        library: Any = redis.cluster if self.kind == SYNC else redis.asyncio.cluster
        nodes = [library.ClusterNode(*address) for address in self._startup]
        return library.RedisCluster(startup_nodes=nodes, **self._settings)


class Front:
    """`rom.util` and `rom.maintenance`, or `rom.aio` on an event loop of its own, as they block."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.runner = asyncio.Runner()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: Any) -> None:
        self.runner.close()

    def __getattr__(self, name: str) -> Any:
        if self.kind == SYNC:
            return getattr(rom.util if hasattr(rom.util, name) else rom.maintenance, name)
        found = getattr(rom.aio, name)
        if isinstance(found, type):
            return lambda *args: BlockingLock(self.runner, found(*args))
        if inspect.iscoroutinefunction(found):
            return lambda *args, **kwargs: self.runner.run(found(*map(_job, args), **kwargs))
        return lambda *args, **kwargs: Steps(self.runner, found(*args, **kwargs))


class Steps:
    """What an asynchronous iterator yields."""

    def __init__(self, runner: asyncio.Runner, job: AsyncIterator[Any]) -> None:
        self.runner, self.job = runner, job

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        step = self.runner.run(self._next())
        if step is None:
            raise StopIteration
        return step

    def __getattr__(self, name: str) -> Any:
        return getattr(self.job, name)

    async def _next(self) -> Any:
        return await anext(self.job, None)


def _job(argument: Any) -> Any:
    return argument.job if isinstance(argument, Steps) else argument


class BlockingLock:
    """A `rom.aio.Lock` whose methods block."""

    def __init__(self, runner: asyncio.Runner, lock: rom.aio.Lock) -> None:
        self.lock, self.runner = lock, runner

    def acquire(self) -> bool:
        return self.runner.run(self.lock.acquire())

    def refresh(self) -> bool:
        return self.runner.run(self.lock.refresh())

    def release(self) -> bool:
        return self.runner.run(self.lock.release())

    def __enter__(self) -> Self:
        assert self.runner.run(self.lock.__aenter__()) is self.lock
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.runner.run(self.lock.__aexit__(kind, error, trace))
