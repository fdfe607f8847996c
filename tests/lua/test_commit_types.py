"""lua/commit.lua by itself: keys of a wrong type."""

import contextlib
from typing import Any

import pytest
import redis

from tests.lua.commit_support import (
    WITHOUT_ID,
    Commit,
    claim,
    data,
    delete,
    insert,
    request_of,
    send,
    update,
)

WRONG = {
    'string': lambda raw, key: raw.set(key, 'x'),
    'hash': lambda raw, key: raw.hset(key, 'x', 'x'),
    'list': lambda raw, key: raw.rpush(key, 'x'),
    'set': lambda raw, key: raw.sadd(key, 'x'),
    'zset': lambda raw, key: raw.zadd(key, {'x': 1}),
    'stream': lambda raw, key: raw.xadd(key, {'x': 'x'}),
}
KEYS: dict[str, tuple[str, dict[str, Any]]] = {
    'row of an update': ('hash', {'updates': [update('KEY', {'a': '1'}, {'a': '2'})]}),
    'row of a delete': ('hash', {'deletes': [delete('KEY', {'a': '1'})]}),
    'added words': ('set', {'sets': {'add': {'KEY': ['1']}}}),
    'removed words': ('set', {'sets': {'remove': {'KEY': ['1']}}}),
    'added scores': ('zset', {'zsets': {'add': {'KEY': ['1.0', '1']}}}),
    'removed scores': ('zset', {'zsets': {'remove': {'KEY': ['1']}}}),
    'added prefixes': ('zset', {'zsets': {'add': {'KEY': ['1.0', b'x\x001']}}}),
    'removed prefixes': ('zset', {'zsets': {'remove': {'KEY': [b'x\x001']}}}),
    'claims': ('hash', {'claims': [claim('1', 'v', key='KEY')]}),
    'releases': ('hash', {'releases': [['KEY', ['v'], ['1']]]}),
    'born': ('string', {'born': {'KEY': ['1']}}),
    'died': ('string', {'died': {'KEY': ['1']}}),
}
OTHERS = {'inserts': [insert('7', 'w', 'x')], 'deletes': [delete('N:8', {'a': '1'})]}


@pytest.mark.parametrize(
    ('where', 'wrong'),
    [(where, wrong) for where, (right, _) in KEYS.items() for wrong in WRONG if wrong != right],
)
def test_unreadable(refused: Commit, raw: redis.Redis, where: str, wrong: str) -> None:
    _, parts = KEYS[where]
    raw.hset('N:8', mapping={'id': '8', 'a': '1'})
    WRONG[wrong](raw, 'KEY')
    together = {name: OTHERS.get(name, []) for name in OTHERS}
    for name, value in parts.items():
        together[name] = [*together.get(name, []), *value] if isinstance(value, list) else value
    assert refused(**together) == [b'unreadable', b'KEY']


@pytest.mark.parametrize('lacking', ['scard', 'zcard', 'strlen', 'hmget'])
def test_who_may_not_look_is_told_so(raw: redis.Redis, lacking: str) -> None:
    """And not that a key is of another type."""
    command = ('ACL', 'SETUSER', 'limited', 'reset', 'on', 'nopass', '~*', '+@all', f'-{lacking}')
    raw.execute_command(*command)
    path = raw.connection_pool.connection_kwargs['path']
    limited = redis.Redis(unix_socket_path=path, username='limited', password='any')
    before = data(raw)
    with limited, pytest.raises(redis.ResponseError, match=r"permission|can't run this command"):
        send(limited, request_of(**WITHOUT_ID))
    assert data(raw) == before
    raw.execute_command('ACL', 'DELUSER', 'limited')


@pytest.mark.parametrize('wrong', [kind for kind in WRONG if kind != 'string'])
@pytest.mark.parametrize('key', ['N:id:', 'N:id:live', 'N:id:live:draft'])
def test_a_wrong_type_where_an_id_is_taken(
    commit: Commit, raw: redis.Redis, key: str, wrong: str
) -> None:
    WRONG[wrong](raw, key)
    before = data(raw)
    with contextlib.suppress(redis.ResponseError):
        assert commit(**WITHOUT_ID) == [b'unreadable', key.encode()]
    assert data(raw) == before


@pytest.mark.parametrize(
    'counter', ['text', '1.5', '-1', ' 1', '', '01', str(2**63 - 1), str(2**63), str(10**19)]
)
def test_a_counter_that_does_not_go_on(commit: Commit, raw: redis.Redis, counter: str) -> None:
    raw.set('N:id:', counter)
    assert commit(**WITHOUT_ID) == [b'unreadable', b'N:id:']
    assert data(raw) == {b'N:id:': counter.encode()}


def test_the_last_id_of_all(commit: Commit, raw: redis.Redis) -> None:
    raw.set('N:id:', 2**63 - 2)
    assert commit(**WITHOUT_ID) == [b'ok', str(2**63 - 1).encode()]


@pytest.mark.parametrize('wrong', [kind for kind in WRONG if kind != 'hash'])
def test_a_wrong_type_where_the_new_row_would_be(
    refused: Commit, raw: redis.Redis, wrong: str
) -> None:
    WRONG[wrong](raw, 'N:1')
    assert refused(**WITHOUT_ID)[1] == b'N:1'
