"""What lua/commit.lua does for records that are no rows of rom: any ids, strings, what went."""

from typing import Any

import pytest
import redis

from tests.lua.commit_support import Reply, data, request_of, send


def commit(raw: redis.Redis, **parts: Any) -> Reply:
    return send(raw, request_of(**parts))


def test_a_row_that_says_itself_what_its_id_is(raw: redis.Redis) -> None:
    assert commit(raw, inserts=[['N:', 'an-id', False, 'a', 'b']]) == [b'ok', b'']
    assert data(raw) == {b'N:an-id': {b'a': b'b'}}


def test_strings(raw: redis.Redis) -> None:
    raw.set('old', 'x')
    assert commit(raw, strings={'old': b'\xff', 'new': ''}) == [b'ok', b'']
    assert data(raw) == {b'old': b'\xff', b'new': b''}


def test_a_key_that_is_no_string(raw: redis.Redis) -> None:
    raw.rpush('list', 'x')
    before = data(raw)
    reply = commit(raw, strings={'list': 'y'}, inserts=[['N:', '1', False, 'a', 'b']])
    assert reply == [b'unreadable', b'list']
    assert data(raw) == before


@pytest.mark.parametrize('times', [1, 2])
def test_which_keys_went(raw: redis.Redis, times: int) -> None:
    raw.hset('N:1', 'a', 'b')
    raw.set('N:1:x', 'y')
    request: dict[str, Any] = {'deletes': [['N:1', ['a'], ['b']]], 'dropped': ['N:1:x', 'N:1:z']}
    noted = {'done': 'note', 'tell': True}
    for _ in range(times):
        assert commit(raw, **request, **noted) == [b'ok', b'110']
    assert commit(raw, **request, tell=True) == [b'ok', b'000']
