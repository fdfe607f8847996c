"""Operations that share their first round trip."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import redis
import redis.asyncio

from rom._core.drivers.async_driver import AsyncDriver
from rom._core.drivers.sync_driver import SyncDriver
from rom._core.ops.requests import Command, Operation, Pipeline, Request, Rest
from rom._core.ops.shared_trips import together
from rom.exceptions import ServerError
from tests.support.servers import Server


def single(text: str) -> Operation[bytes]:
    reply: bytes = yield Command('ECHO', text)
    return reply


def several(*texts: str) -> Operation[list[bytes]]:
    return list((yield Pipeline(tuple(Command('ECHO', text) for text in texts))))


def first_of(*texts: str) -> Operation[bytes]:
    for reply in (yield Pipeline(tuple(Command('ECHO', text) for text in texts))):
        return bytes(reply)
    return b''


def twice(text: str) -> Operation[list[bytes]]:
    replies = []
    for ending in '12':
        replies.append((yield Command('ECHO', text + ending)))
        yield Rest()
    return replies


def nothing() -> Operation[str]:
    return 'nothing'
    yield


def failing() -> Operation[None]:
    yield Command('ECHO', 'x')
    raise ZeroDivisionError


def echoed(request: Any) -> bytes:
    return str(request.args[1]).encode()


def trips(operation: Operation[Any]) -> tuple[Any, list[int]]:
    """Answer each ECHO; return the result, and the number of requests in each round trip."""
    counts: list[int] = []
    try:
        request: Request = next(operation)
        while True:
            reply: Any = False
            if isinstance(request, Pipeline):
                counts.append(len(request.requests))
                reply = iter([echoed(one) for one in request.requests])
            elif isinstance(request, Command):
                counts.append(1)
                reply = echoed(request)
            request = operation.send(reply)
    except StopIteration as end:
        return end.value, counts


def test_first_requests_share_a_trip() -> None:
    found, counts = trips(together(several('a', 'b'), single('c'), nothing(), several('d')))
    assert found == [[b'a', b'b'], b'c', 'nothing', [b'd']]
    assert counts == [4]


def test_further_requests_take_trips_of_their_own() -> None:
    found, counts = trips(together(twice('a'), single('b'), twice('c')))
    assert found == [[b'a1', b'a2'], b'b', [b'c1', b'c2']]
    assert counts == [3, 1, 1]


def test_no_trip_without_a_request() -> None:
    assert trips(together()) == ([], [])
    assert trips(together(nothing(), nothing())) == (['nothing', 'nothing'], [])


def test_replies_that_an_operation_leaves_are_not_those_of_the_next() -> None:
    found, _ = trips(together(first_of('a', 'b', 'c'), single('d')))
    assert found == [b'a', b'd']


def test_an_error_closes_the_others() -> None:
    closed = []

    def careful() -> Operation[None]:
        try:
            yield Command('ECHO', 'x')
        finally:
            closed.append(True)

    with pytest.raises(ZeroDivisionError):
        trips(together(failing(), careful()))
    assert closed == [True]


def mistaken() -> Operation[Any]:
    return (yield Command('LLEN', 'together:text'))


@pytest.mark.parametrize('is_async', [False, True])
def test_on_both_drivers(server: Server, raw: redis.Redis, is_async: bool) -> None:
    raw.set('together:text', 'x')

    async def awaited(operation: Operation[Any]) -> Any:
        async with redis.asyncio.Redis(unix_socket_path=str(server.socket)) as client:
            return await AsyncDriver(client).run(operation)

    def run(*operations: Operation[Any]) -> Any:
        if is_async:
            return asyncio.run(awaited(together(*operations)))
        return SyncDriver(raw).run(together(*operations))

    for _ in range(2):
        expected = [[b'a1', b'a2'], b'b', [b'c', b'd']]
        assert run(twice('a'), single('b'), several('c', 'd')) == expected
        with pytest.raises(ServerError, match='WRONGTYPE'):
            run(single('a'), mistaken(), single('b'))
