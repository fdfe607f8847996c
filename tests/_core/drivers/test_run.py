"""Both drivers carry out the same requests, on every server and with every kind of client."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import redis
import redis.asyncio
from redis.backoff import NoBackoff
from redis.retry import Retry

from rom._core.drivers.async_driver import AsyncDriver
from rom._core.drivers.sync_driver import SyncDriver
from rom._core.encoding.wire import pack
from rom._core.ops.requests import Command, Operation, Pipeline, Script
from rom.exceptions import ServerError, ServerUnavailable
from tests.support.servers import Server

Run = Callable[[Operation[Any]], Any]

TAKE = Script('take_ids', b'n', pack({'counter': b'n', 'live': None, 'count': b'1'}))


@pytest.fixture(params=['sync', 'aio'])
def run(request: pytest.FixtureRequest, client: redis.Redis, server: Server) -> Run:
    if request.param == 'sync':
        return SyncDriver(client).run

    def run_async(operation: Operation[Any]) -> Any:
        async def with_client() -> Any:
            options = client.connection_pool.connection_kwargs
            connection = redis.asyncio.Redis(
                unix_socket_path=options['path'],
                protocol=options['protocol'],
                decode_responses=options['decode_responses'],
            )
            async with connection:
                return await AsyncDriver(connection).run(operation)

        return asyncio.run(with_client())

    return run_async


def asking(*requests: Command | Script | Pipeline) -> Operation[list[Any]]:
    replies = []
    for request in requests:
        replies.append((yield request))
    return replies


def test_command_replies_are_bytes(run: Run) -> None:
    run(asking(Command('HSET', b'\xff', b'field', b'\xfe')))
    assert run(asking(Command('HGET', b'\xff', b'field'))) == [b'\xfe']


def test_nothing_asked(run: Run) -> None:
    assert run(asking()) == []


def test_script_that_the_server_has_forgotten(run: Run, raw: redis.Redis) -> None:
    raw.script_flush()
    assert run(asking(TAKE, TAKE)) == [b'1', b'2']
    raw.script_flush()
    assert run(asking(TAKE)) == [b'3']


def test_pipeline_repeats_only_what_was_not_known(run: Run, raw: redis.Redis) -> None:
    raw.script_flush()
    count = Command('INCR', 'plain')
    assert run(asking(Pipeline((count, TAKE, count, TAKE)))) == [[1, b'1', 2, b'2']]
    assert raw.get('plain') == b'2'
    assert run(asking(Pipeline((TAKE, count)))) == [[b'3', 3]]


def test_pipeline_with_an_error_runs_whole(run: Run, raw: redis.Redis) -> None:
    pipeline = Pipeline(
        (Command('SET', 'a', '1'), Command('LPUSH', 'a', '1'), Command('INCR', 'b'))
    )
    with pytest.raises(ServerError, match='WRONGTYPE'):
        run(asking(pipeline))
    assert raw.get('b') == b'1'


def test_error_reaches_the_operation_which_may_go_on(run: Run) -> None:
    def operation() -> Operation[str]:
        try:
            yield Command('NO SUCH COMMAND')
        except ServerError as error:
            yield Command('PING')
            return f'went on after: {error}'
        return 'no error'

    assert 'went on after' in run(operation())


def test_error_of_the_operation_itself(run: Run) -> None:
    def operation() -> Operation[None]:
        yield Command('PING')
        raise LookupError('of its own')

    with pytest.raises(LookupError, match='of its own'):
        run(operation())


def test_nobody_answers_sync() -> None:
    client = redis.Redis(port=1, retry=Retry(NoBackoff(), 0))
    with pytest.raises(ServerUnavailable, match=r'localhost:1/0.*embedded:') as caught:
        SyncDriver(client).run(asking(Command('PING')))
    assert caught.value.__cause__ is None
    assert isinstance(caught.value, ConnectionError)


def test_nobody_answers_asyncio() -> None:
    async def ask() -> None:
        client = redis.asyncio.Redis(unix_socket_path='/nowhere', retry=_no_retry())
        await AsyncDriver(client).run(asking(Command('PING')))

    with pytest.raises(ServerUnavailable, match='unix:/nowhere'):
        asyncio.run(ask())


def _no_retry() -> Any:
    from redis.asyncio.retry import Retry as AsyncRetry

    return AsyncRetry(NoBackoff(), 0)


def test_password_is_not_shown(server: Server) -> None:
    client = redis.Redis(
        unix_socket_path=str(server.connect().connection_pool.connection_kwargs['path']),
        password='secret',
        username='nobody',
        retry=Retry(NoBackoff(), 0),
    )
    with pytest.raises((ServerError, ServerUnavailable)) as caught:
        SyncDriver(client).run(asking(Command('PING')))
    assert 'secret' not in str(caught.value)
