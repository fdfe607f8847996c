"""lua/commit.lua by itself: servers that do not let us write."""

import contextlib
from collections.abc import Iterator
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
    with_id,
)
from tests.support.servers import Server, available, find


@contextlib.contextmanager
def full(raw: redis.Redis) -> Iterator[None]:
    raw.config_set('maxmemory-policy', 'noeviction')
    raw.config_set('maxmemory', 1)
    try:
        yield
    finally:
        raw.config_set('maxmemory', 0)


EXISTING = {'id': '1', 'w': 'x', 'u': 'v'}
WRITES: dict[str, dict[str, Any]] = {
    'insert without id': WITHOUT_ID
    | {'claims': [claim('', 'w')], 'inserts': [insert('', 'w', 'x')]},
    'insert with id': with_id('3') | {'claims': [claim('3', 'w')]},
    'update': {
        'updates': [update('N:1', {'w': 'x', 'u': 'v'}, {'w': 'y', 'u': 'w'})],
        'releases': [['N:u:uidx', ['v'], ['1']]],
        'claims': [claim('1', 'w')],
        'sets': {'remove': {'N:w:x:idx': ['1']}, 'add': {'N:w:y:idx': ['1']}},
        'zsets': {'add': {'N:n:idx': ['2.5', '1']}},
    },
    'insert and delete': with_id('3')
    | {
        'claims': [claim('3', 'v')],
        'deletes': [delete('N:1', EXISTING)],
        'releases': [['N:u:uidx', ['v'], ['1']]],
    },
}


@pytest.mark.parametrize('write', WRITES)
def test_a_full_server(commit: Commit, raw: redis.Redis, write: str) -> None:
    raw.hset('N:1', mapping=EXISTING)
    raw.set('N:id:', 1)
    raw.hset('N:u:uidx', 'v', '1')
    raw.sadd('N:w:x:idx', '1')
    before = data(raw)
    with full(raw):
        with pytest.raises(redis.ResponseError, match='maxmemory'):
            commit(**WRITES[write])
    assert data(raw) == before
    assert commit(**WRITES[write])[0] == b'ok'


UNSETTING: dict[str, dict[str, Any]] = {
    'unset': {
        'updates': [update('N:1', EXISTING, {'w': False, 'u': False})],
        'releases': [['N:u:uidx', ['v'], ['1']]],
        'sets': {'remove': {'N:w:x:idx': ['1']}, 'add': {'N:w:none:idx': ['1']}},
    },
    'delete': {
        'deletes': [delete('N:1', EXISTING)],
        'releases': [['N:u:uidx', ['v'], ['1']]],
        'sets': {'remove': {'N:w:x:idx': ['1']}},
        'died': {'N:id:live': ['1']},
    },
}


@pytest.mark.parametrize('write', UNSETTING)
def test_what_frees_memory_on_a_full_server(commit: Commit, raw: redis.Redis, write: str) -> None:
    """It may work or be refused, as the server likes; there is nothing between."""
    raw.hset('N:1', mapping=EXISTING)
    raw.hset('N:u:uidx', 'v', '1')
    raw.sadd('N:w:x:idx', '1')
    raw.setbit('N:id:live', 1, 1)
    before = data(raw)
    with full(raw):
        with contextlib.suppress(redis.ResponseError):
            commit(**UNSETTING[write])
    after = data(raw)
    commit(**UNSETTING[write])
    assert after in (before, data(raw))


@pytest.mark.parametrize('name', available())
@pytest.mark.one_server
def test_a_replica(server: Server, raw: redis.Redis, name: str) -> None:
    from rom._core.embedded.server import open_server

    with open_server('', binary=str(find(name))) as other:
        with redis.Redis(unix_socket_path=str(other.socket), protocol=2) as replica:
            send(replica, request_of(**WITHOUT_ID))
            before = data(replica)
            # Nobody is there; a replica without its master refuses writes all the same.
            replica.execute_command('REPLICAOF', '127.0.0.1', '1')
            with pytest.raises(redis.ResponseError, match='read only replica'):
                send(replica, request_of(**with_id('3') | {'claims': []}))
            assert data(replica) == before
