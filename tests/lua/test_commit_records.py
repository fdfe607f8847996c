"""What lua/commit.lua does for records that are no rows of rom: any ids, strings, what went."""

from typing import Any

import pytest
import redis

from rom.drivers.scripts import loaded
from rom.encoding.wire import pack
from tests.support.servers import dump

PARTS = ('inserts', 'updates', 'deletes', 'releases', 'claims', 'guards', 'dropped')


def commit(raw: redis.Redis, **parts: Any) -> Any:
    lists: dict[str, Any] = {name: [] for name in PARTS}
    entries: dict[str, Any] = {'remove': {}, 'add': {}}
    request = {**lists, 'sets': entries, 'zsets': entries, 'born': {}, 'died': {}, **parts}
    return raw.execute_command('EVAL', loaded('commit').source, 1, 'key', pack(request))


def test_a_row_that_says_itself_what_its_id_is(raw: redis.Redis) -> None:
    assert commit(raw, inserts=[['N:', 'an-id', False, ['a', 'b']]]) == [b'ok', b'']
    assert dump(raw) == {b'N:an-id': {b'a': b'b'}}


def test_strings(raw: redis.Redis) -> None:
    raw.set('old', 'x')
    assert commit(raw, strings={'old': b'\xff', 'new': ''}) == [b'ok', b'']
    assert dump(raw) == {b'old': b'\xff', b'new': b''}


def test_a_key_that_is_no_string(raw: redis.Redis) -> None:
    raw.rpush('list', 'x')
    before = dump(raw)
    reply = commit(raw, strings={'list': 'y'}, inserts=[['N:', '1', False, ['a', 'b']]])
    assert reply == [b'unreadable', b'list']
    assert dump(raw) == before


@pytest.mark.parametrize('times', [1, 2])
def test_which_keys_went(raw: redis.Redis, times: int) -> None:
    raw.hset('N:1', 'a', 'b')
    raw.set('N:1:x', 'y')
    request: dict[str, Any] = {'deletes': [['N:1', ['a'], ['b']]], 'dropped': ['N:1:x', 'N:1:z']}
    noted = {'done': 'note', 'remember': b'180', 'tell': True}
    for _ in range(times):
        assert commit(raw, **request, **noted) == [b'ok', b'110']
    assert commit(raw, **request, tell=True) == [b'ok', b'000']
