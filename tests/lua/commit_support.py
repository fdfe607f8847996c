"""Requests of lua/commit.lua as its head describes them, for the tests of it."""

import time
from collections.abc import Callable
from typing import Any

import redis

from rom._core.drivers.scripts import loaded
from rom._core.encoding.wire import pack
from tests.support.servers import dump

Reply = list[bytes]
Commit = Callable[..., Reply]


# What a part of the script reads is one level down; here all has one level.
LEVELS = {
    'new': ('take', 'inserts', 'highest', 'born'),
    'old': ('updates', 'releases', 'srem', 'zrem', 'strings', 'ages', 'read'),
    'deletes': ('deletes', 'guards', 'died', 'dropped', 'tell'),
}


def request_of(**parts: Any) -> dict[str, Any]:
    """A request, of parts without levels, where sets and zsets say what to add and to remove."""
    for kind, adding, removing in (('sets', 'sadd', 'srem'), ('zsets', 'zadd', 'zrem')):
        given = parts.pop(kind, {})
        if 'add' in given:
            parts[adding] = given['add']
        if 'remove' in given:
            parts[removing] = given['remove']
    levels = {
        level: {name: parts.pop(name) for name in names if name in parts}
        for level, names in LEVELS.items()
    }
    if 'deletes' in levels['deletes']:
        levels['deletes']['rows'] = levels['deletes'].pop('deletes')
    if parts.get('done') is not None:
        parts.setdefault('at', int(time.time()))
    return {**parts, **{level: asked for level, asked in levels.items() if asked}}


def send(raw: redis.Redis, request: dict[str, Any]) -> Reply:
    """Call the script, of which only those parts are there that the request needs."""
    key = request.pop('done', None) or 'N:id:'
    named = {'new', 'old', 'deletes', 'claims', 'also'} & request.keys()
    parts = named | {'take', 'highest'} & request.get('new', {}).keys()
    script = loaded('commit', frozenset(parts)).source
    reply = raw.execute_command('EVAL', script, 1, key, pack(request))
    assert isinstance(reply, list)
    return reply


def data(raw: redis.Redis) -> dict[bytes, Any]:
    """The keyspace, without the notes of attempts that were refused."""
    return {key: value for key, value in dump(raw).items() if value != b'refused'}


# A model N with a word index w, a numeric index n, prefixes p, unique values u.


def insert(id: str, *pairs: str | bytes) -> list[Any]:
    return ['N:', id, 'id', *pairs]


def update(key: str, expected: dict[str, Any], new_values: dict[str, Any]) -> list[Any]:
    """`becomes` in the order of its columns, the others behind them, as the request wants it."""
    fields = [*new_values, *(name for name in expected if name not in new_values)]
    known = [expected.get(name, False) for name in fields]
    return [key, fields, known, list(new_values.values())]


def claim(id: str, *values: str, key: str = 'N:u:uidx') -> list[Any]:
    return [key, list(values), [id] * len(values), 'N:']


def delete(key: str, expected: dict[str, Any]) -> list[Any]:
    return [key, list(expected), list(expected.values())]


ENTITY: dict[str, Any] = {
    'sets': {'add': {'N:w:x:idx': ['']}},
    'zsets': {'add': {'N:n:idx': ['1.5', ''], 'N:p:pre': ['7.0', b'x\0']}},
    'claims': [['N:u:uidx', ['v'], [''], 'N:']],
    'born': {'N:id:live': ['']},
}
WITHOUT_ID = ENTITY | {
    'done': 'N:id:done:t',
    'take': ['N:id:', 'N:id:live'],
    'inserts': [insert('', 'w', 'x')],
}
# Of a request that takes no id.
NOTED: dict[str, Any] = {'done': 'N:id:done:t9'}


def with_id(id: str) -> dict[str, Any]:
    return {
        'done': 'N:id:done:t' + id,
        'inserts': [insert(id, 'w', 'x')],
        'sets': {'add': {'N:w:x:idx': [id]}},
        'zsets': {'add': {'N:n:idx': ['1.5', id], 'N:p:pre': ['7.0', b'x\0' + id.encode()]}},
        'claims': [['N:u:uidx', ['v'], [id], 'N:']],
        'born': {'N:id:live': [id]},
    }


def stored(id: str) -> dict[bytes, Any]:
    """What either leaves behind, but for the counter and the note that it was done."""
    raw = id.encode()
    return {
        b'N:' + raw: {b'id': raw, b'w': b'x'},
        b'N:w:x:idx': {raw},
        b'N:n:idx': {raw: 1.5},
        b'N:p:pre': {b'x\0' + raw: 7.0},
        b'N:u:uidx': {b'v': raw},
    }
