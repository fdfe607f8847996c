"""lua/settle.lua, and lua/lib/attempt.lua in each script that writes: once, or never."""

import time
from collections.abc import Callable
from typing import Any

import pytest
import redis

from rom._core.drivers.scripts import loaded
from rom._core.encoding.wire import pack
from tests.support.servers import dump, ttls

NOTE = 'N:id:done:t'
Call = Callable[..., list[Any]]

# A request of each script that writes, and what it leaves behind.
REQUESTS: dict[str, dict[str, Any]] = {
    'commit': {'new': {'inserts': [['N:', '1', 'id', 'n', '5']]}},
    'run_commands': {'checks': [], 'steps': [['HSET', 'N:1', 'id', '1', 'n', '5']]},
    'append': {'row': 'N:row', 'string': 'N:text', 'data': 'x'},
}
WRITTEN: dict[str, dict[bytes, Any]] = {
    'commit': {b'N:1': {b'id': b'1', b'n': b'5'}},
    'run_commands': {b'N:1': {b'id': b'1', b'n': b'5'}},
    'append': {b'N:text': b'x'},
}
ROW: dict[bytes, Any] = {b'N:row': {b'a': b'b'}}


def run(raw: redis.Redis, script: str, request: dict[str, Any]) -> list[Any]:
    source = (
        loaded(script, frozenset({'new'})).source if script == 'commit' else loaded(script).source
    )
    reply: list[Any] = raw.execute_command('EVAL', source, 1, NOTE, pack(request))
    return reply


def settle(raw: redis.Redis) -> list[Any]:
    return run(raw, 'settle', {})


@pytest.fixture(params=REQUESTS)
def script(request: pytest.FixtureRequest, raw: redis.Redis) -> str:
    raw.hset('N:row', 'a', 'b')
    name: str = request.param
    return name


@pytest.fixture
def write(raw: redis.Redis, script: str) -> Call:
    """Sends the request, made so many seconds ago by the server's clock."""

    def call(seconds: float = 0) -> list[Any]:
        at = int(time.time() - seconds)
        return run(raw, script, {**REQUESTS[script], 'at': at})

    return call


def test_what_was_carried_out(write: Call, raw: redis.Redis, script: str) -> None:
    status, told = write()
    assert status == b'ok'
    after = dump(raw)
    assert after == {**ROW, **WRITTEN[script], NOTE.encode(): told}
    assert 170_000 < ttls(raw)[NOTE.encode()] <= 180_000
    for _ in range(2):
        assert settle(raw) == [b'ok', told]
        assert write() == [b'ok', told], 'a copy changes nothing'
    assert dump(raw) == after


def test_what_comes_after_the_question(write: Call, raw: redis.Redis) -> None:
    for _ in range(2):
        assert settle(raw) == [b'void']
        assert write() == [b'void']
    assert dump(raw) == {**ROW, NOTE.encode(): b'void'}
    assert 170_000 < ttls(raw)[NOTE.encode()] <= 180_000


@pytest.mark.parametrize('seconds', [95, 180, 100_000])
def test_what_comes_too_late(write: Call, raw: redis.Redis, seconds: int) -> None:
    """It may have been carried out before, and the note of that be gone: there is no note of it."""
    status, now = write(seconds)
    assert status == b'late'
    assert abs(int(now) - time.time()) < 60
    assert dump(raw) == ROW
    assert settle(raw) == [b'void']


@pytest.mark.parametrize('seconds', [35, 100_000])
def test_what_comes_too_early(write: Call, raw: redis.Redis, seconds: int) -> None:
    """Its clock is wrong, and the time that it says would come: no copy of it is carried out."""
    assert write(-seconds)[0] == b'late'
    assert dump(raw) == {**ROW, NOTE.encode(): b'refused'}
    assert write() == [b'void']
    assert settle(raw) == [b'refused']


@pytest.mark.parametrize('seconds', [80, -20])
def test_clocks_that_differ_a_little(
    write: Call, raw: redis.Redis, script: str, seconds: int
) -> None:
    assert write(seconds)[0] == b'ok'
    assert WRITTEN[script].items() <= dump(raw).items()


OBSTACLES: dict[str, tuple[dict[bytes, Any], list[bytes]]] = {
    'commit': ({b'N:1': {b'a': b'b'}}, [b'exists', b'N:1']),
    'run_commands': ({b'N:1': b'text'}, [b'unreadable', b'N:1']),
    'append': ({b'N:text': {b'a': b'b'}}, [b'unreadable', b'N:text']),
}


def test_what_was_refused(write: Call, raw: redis.Redis, script: str) -> None:
    """A copy of it that comes when the obstacle is gone is refused too."""
    obstacle, objection = OBSTACLES[script]
    for key, value in obstacle.items():
        raw.hset(key, mapping=value) if isinstance(value, dict) else raw.set(key, value)
    assert write() == objection
    raw.delete(*obstacle)
    assert write() == [b'void']
    assert settle(raw) == [b'refused']
    assert dump(raw) == {**ROW, NOTE.encode(): b'refused'}
