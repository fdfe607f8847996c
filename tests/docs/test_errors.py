"""docs/howto/errors.rst: each message that it quotes is raised here, in its words of today."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import pytest
import redis
import redis.asyncio
import redis.exceptions
import trio
import valkey
from docutils import nodes

import rom
from rom._core.drivers import kept_connections
from rom._core.drivers.errors import translated_error
from rom.exceptions import InvalidOperation, ServerError, ServerUnavailable
from tests.support import moving
from tests.support.pages import tree
from tests.support.servers import Server

pytestmark = pytest.mark.one_server

PAGE = Path(__file__).parents[2] / 'docs' / 'howto' / 'errors.rst'


class Quoted(rom.Model):
    name = rom.Text(unique=True)


def terms() -> list[str]:
    """The messages: the terms in quotes, without the codes that stand beside them."""
    found = (term.astext() for term in tree(PAGE).findall(nodes.term))
    return [term[1 : term.rindex('"')] for term in found if term.startswith('"')]


def read() -> None:
    Quoted.get(1)


def own(error: Exception, is_in_doubt: bool = False) -> Callable[[Server], NoReturn]:
    """A reply that a server gives only after a while, translated as the drivers do it."""

    def raised(server: Server) -> NoReturn:
        found = translated_error(error, server.connect(), is_in_doubt)
        assert found is not None
        raise found

    return raised


def on_client(make: Callable[[Server], Any], work: Callable[[], Any] = read) -> Any:
    def raised(server: Server) -> None:
        rom.util.CONNECTION = client = make(server)
        try:
            work()
        finally:
            if isinstance(client, redis.Redis):
                client.close()

    return raised


def in_loop(run: Callable[[Any], Any], client: Callable[[Server], Any], read: Any) -> Any:
    """Read in an `AsyncSession`; await the result of `read`, if it has one."""

    def raised(server: Server) -> None:
        async def story() -> None:
            async with rom.AsyncSession(client(server)) as session:
                found = read(session)
                if found is not None:
                    await found

        run(story) if run is trio.run else run(story())

    return raised


def full_pool(server: Server) -> None:
    rom.util.CONNECTION = client = server.connect(max_connections=2)
    taken = [client.connection_pool.get_connection() for _ in range(2)]
    try:
        read()
    finally:
        for connection in taken:
            client.connection_pool.release(connection)


def two_savers(server: Server) -> None:
    """The first one, in a thread, has sent its request, and waits for the reply."""
    entity = Quoted(name='x')
    one, other = rom.Session(), rom.Session()
    work = one._flusher.save(entity)
    with ThreadPoolExecutor(1) as thread:
        step = thread.submit(next, work).result()
    try:
        other.save(entity)
    finally:
        with pytest.raises(StopIteration):
            work.send(one._driver(step.model).run(step.operation))


def after_a_move(server: Server) -> None:
    """A program without partitions reads a row that was moved."""
    old = moving.before()
    moving.fill(old, 2)
    list(rom.maintenance.shard(moving.after(), moving.GROUP))
    old.get(1)


def before_a_move(server: Server) -> None:
    """A program with partitions reads a row that is not moved yet."""
    moving.fill(moving.before(), 2)
    moving.after().get(1)


@contextmanager
def set_up(server: Server, command: str, back: str) -> Iterator[None]:
    with server.connect() as raw:
        raw.execute_command(*command.split())
        try:
            yield
        finally:
            raw.execute_command(*back.split())


def where(command: str, back: str, make: Callable[[Server], Any], work: Any = read) -> Any:
    """A server that is set up for it."""

    def raised(server: Server) -> None:
        with set_up(server, command, back):
            on_client(make, work)(server)

    return raised


def save() -> None:
    Quoted(name='x').save()


def user(password: str = 'p') -> Callable[[Server], Any]:
    once = redis.retry.Retry(redis.backoff.NoBackoff(), 0)
    return lambda server: server.connect(username='quoted', password=password, retry=once)


def nowhere(server: Server) -> Any:
    once = redis.retry.Retry(redis.backoff.NoBackoff(), 0)
    return redis.Redis(unix_socket_path=f'{server.socket}.none', retry=once)


plain = Server.connect
asyncio_client = Server.connect_async
ACL = 'ACL SETUSER quoted reset on >p'
NO_ACL = 'ACL DELUSER quoted'

# How each message begins, the error, and what raises it.
MESSAGES: dict[str, tuple[type[Exception], Any]] = {
    'another thread or session': (InvalidOperation, two_savers),
    'its rows are moved into': (rom.ModelMovedError, after_a_move),
    'its rows are still in': (rom.ModelMovedError, before_a_move),
    'no answer from Redis at': (ServerUnavailable, on_client(nowhere)),
    'all 2 connections': (ServerUnavailable, full_pool),
    'takes no requests now': (
        ServerUnavailable, own(redis.exceptions.ResponseError('BUSY running a script'))
    ),
    'takes no more connections': (
        ServerUnavailable, own(redis.exceptions.ConnectionError('max number of clients reached'))
    ),
    'answered the repetition': (
        ServerUnavailable, own(redis.exceptions.ReadOnlyError('replica'), is_in_doubt=True)
    ),
    "no permissions to run the 'hmget'": (ServerError, where(f'{ACL} ~*', NO_ACL, user())),
    'No permissions to access': (ServerError, where(f'{ACL} +@all ~x*', NO_ACL, user())),
    'invalid username-password': (ServerError, where(f'{ACL} +@all ~*', NO_ACL, user('wrong'))),
    'command not allowed when used memory': (
        ServerError, where('CONFIG SET maxmemory 1', 'CONFIG SET maxmemory 0', plain, save)
    ),
    "You can't write against": (
        ServerError, where('REPLICAOF 127.0.0.1 1', 'REPLICAOF NO ONE', plain, save)
    ),
    'rom needs a client of redis-py': (
        InvalidOperation, on_client(lambda server: valkey.Valkey(unix_socket_path=server.socket))
    ),
    'a client whose calls block': (InvalidOperation, on_client(asyncio_client)),
    'a client for asyncio is needed': (
        InvalidOperation, in_loop(asyncio.run, plain, lambda s: s.get(Quoted, 1))
    ),
    'AsyncSession and rom.aio need': (
        InvalidOperation, in_loop(trio.run, asyncio_client, lambda s: s.get(Quoted, 1))
    ),
    'this would block the event loop': (
        InvalidOperation, in_loop(asyncio.run, asyncio_client, lambda _: read())
    ),
    'this thread works in an AsyncSession': (
        InvalidOperation, in_loop(asyncio.run, asyncio_client, lambda _: asyncio.to_thread(read))
    ),
}  # fmt: skip


def test_every_message_of_the_page_is_raised_here() -> None:
    found = terms()
    assert len(found) == len(MESSAGES)
    assert [start for start in MESSAGES if sum(t.startswith(start) for t in found) != 1] == []


@pytest.mark.parametrize('start', MESSAGES)
def test_a_quoted_message_is_that_of_today(
    start: str, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_connections, 'PATIENCE', 0.02)
    monkeypatch.setattr(rom.util, 'CONNECTION', server.connect())
    (quoted,) = (term for term in terms() if term.startswith(start))
    kind, raised = MESSAGES[start]
    with pytest.raises(kind, match=re.escape(quoted.removesuffix(' localhost:6379/0'))) as caught:
        raised(server)
    rom.session.rollback()
    assert type(caught.value) is kind
