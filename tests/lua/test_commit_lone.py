"""lua/commit.lua by itself: a commit of one row as a list does what the same one as a map does."""

import re
import time
from collections.abc import Callable
from typing import Any

import pytest
import redis

from rom._core.drivers.scripts import loaded
from rom._core.encoding.wire import pack
from tests.lua.commit_support import Reply, insert, request_of, send, update
from tests.lua.test_commit_types import WRONG
from tests.support.servers import dump

DONE = 'N:id:done:t'
STAMP = ['N:id:indexes', '{}']
Items = list[Any]


def commands(request: dict[str, Any]) -> Items:
    """The commands of a list, of the parts of a map."""
    items: Items = []
    old = request.get('old', {})
    named = [('SREM', old.get('srem', {})), ('ZREM', old.get('zrem', {}))]
    named += [('SADD', request.get('sadd', {})), ('ZADD', request.get('zadd', {}))]
    for hash, values, ids, *_ in request.get('claims', []):
        for value, id in zip(values, ids, strict=True):
            items += [4, 'HSETNX', hash, value, id]
    for command, lists in named:
        for key, arguments in lists.items():
            items += [len(arguments) + 2, command, key, *arguments]
    return items


def insert_list(request: dict[str, Any]) -> Items:
    new = request['new']
    [[head, _, primary, *row]] = new['inserts']
    counter, live, *stamp = new['take']
    expiry = [item[4] for item in request.get('claims', []) if len(item) > 4]
    return [
        request['at'], *request['epochs'], counter, live, head, primary, *(expiry[:1] or [False]),
        *(stamp[0] if stamp else [False, False]), 12 + len(row), False, *row, *commands(request),
    ]  # fmt: skip


def update_list(request: dict[str, Any]) -> Items:
    old = request['old']
    [[key, fields, expected, becomes]] = old['updates']
    read = [*request.get('epochs', [False]), *old.get('ages', [False])]
    known = [key, len(fields), 8 + 2 * len(fields), False, *fields, *expected]
    items = [request['at'], *read, *known, *commands(request)]
    new = list(zip(fields, becomes, strict=False))
    kept = [part for field, value in new if value is not False for part in (field, value)]
    lost = [field for field, value in new if value is False]
    for command, arguments in (('HSET', kept), ('HDEL', lost)):
        items += [len(arguments) + 2, command, key, *arguments] if arguments else []
    return items


INSERT: dict[str, Any] = {
    'done': DONE,
    'epochs': ['N:id:epochs'],
    'take': ['N:id:', 'N:id:live', STAMP],
    'inserts': [insert('', 'w', 'x', 'u', 'v')],
    'sets': {'add': {'N:w:x:idx': ['']}},
    'zsets': {'add': {'N:n:idx': ['1.5', ''], 'N:p:pre': ['7.0', b'x\0', '8.0', b'y\0']}},
    'claims': [
        ['N:u:uidx', ['v'], [''], 'N:', 'dies'], ['N:t:uidx', ['1', '2'], ['', ''], 'N:', 'dies'],
    ],
    'born': {'N:id:live': ['']},
}  # fmt: skip
UPDATE: dict[str, Any] = {
    'done': DONE,
    'epochs': ['N:id:epochs'],
    'ages': [1],
    'updates': [update('N:1', {'w': 'x', 'n': '1', 'z': False}, {'w': 'y', 'n': False})],
    'sets': {'remove': {'N:w:x:idx': ['1']}, 'add': {'N:w:y:idx': ['1']}},
    'zsets': {'remove': {'N:n:idx': ['1']}, 'add': {'N:p:pre': ['7.0', b'y\x001']}},
}
# Of columns that the row lacks: their values do not tell that it exists.
UPDATE_OF_NONE = UPDATE | {'updates': [update('N:1', {'z': False}, {'z': '1'})]}


def send_list(raw: redis.Redis, parts: dict[str, Any]) -> Reply:
    request = request_of(**parts)
    key = request.pop('done')
    is_insert = 'new' in request
    named = {'lone_insert', 'new', 'take', 'claims'} if is_insert else {'lone_update', 'old'}
    items = insert_list(request) if is_insert else update_list(request)
    script = loaded('commit', frozenset(named)).source
    reply = raw.execute_command('EVAL', script, 1, key, pack(items))
    assert isinstance(reply, list)
    return reply


def send_map(raw: redis.Redis, parts: dict[str, Any]) -> Reply:
    return send(raw, request_of(**parts))


State = Callable[[redis.Redis], object]

# The state of the data, and whether a list alone then carries the commit out.


def wrong(key: str, kind: str) -> State:
    return lambda raw: (raw.delete(key), WRONG[kind](raw, key))


OF_INSERT: dict[str, tuple[bool, list[State]]] = {
    'usual': (True, []),
    'first of all': (False, [lambda raw: raw.flushdb()]),
    'a byte more': (True, [lambda raw: raw.set('N:id:', 7)]),
    'a gap': (False, [lambda raw: raw.set('N:id:', 500)]),
    'no bitmap': (False, [lambda raw: raw.delete('N:id:live')]),
    'a draft': (False, [lambda raw: raw.rename('N:id:live', 'N:id:live:draft')]),
    'far ids': (
        False,
        [lambda raw: raw.set('N:id:', 7), lambda raw: raw.zadd('N:id:live:far', {'9' * 9: 0})],
    ),
    'far ids within a byte': (True, [lambda raw: raw.zadd('N:id:live:far', {'9' * 9: 0})]),
    'another process': (False, [lambda raw: raw.set('N:id:epochs', 'x|1000000:0 ')]),
    'no epochs': (False, [lambda raw: raw.delete('N:id:epochs')]),
    'a row in the way': (False, [lambda raw: raw.hset('N:3', 'w', 'z')]),
    'claimed': (False, [lambda raw: raw.hset('N:u:uidx', 'v', '1')]),
    'claimed by none': (False, [lambda raw: raw.hset('N:u:uidx', 'v', '77')]),
    'claimed by an expired row': (
        False,
        [lambda raw: raw.hset('N:1', 'dies', '5'), lambda raw: raw.hset('N:u:uidx', 'v', '1')],
    ),
    'a later one claimed': (False, [lambda raw: raw.hset('N:t:uidx', '2', '1')]),
    'counter 01': (False, [lambda raw: raw.set('N:id:', '01')]),
    'counter nan': (False, [lambda raw: raw.set('N:id:', 'nan')]),
    'counter 0x2': (False, [lambda raw: raw.set('N:id:', '0x2')]),
    'counter 1e0': (False, [lambda raw: raw.set('N:id:', '1e0')]),
    'counter too large': (False, [lambda raw: raw.set('N:id:', str(2**63 - 1))]),
    'void': (True, [lambda raw: raw.set(DONE, 'void')]),
    'done': (True, [lambda raw: raw.set(DONE, '2')]),
}  # fmt: skip
OF_UPDATE: dict[str, tuple[bool, list[State]]] = {
    'usual': (True, []),
    'another value': (False, [lambda raw: raw.hset('N:1', 'w', 'z')]),
    'a value more': (False, [lambda raw: raw.hset('N:1', 'z', 'z')]),
    'deleted': (False, [lambda raw: raw.delete('N:1')]),
    'an epoch since': (False, [lambda raw: raw.set('N:id:epochs', epochs_now('0'))]),
    'an epoch before': (True, [lambda raw: raw.set('N:id:epochs', 'x|1000000:7 ')]),
    'void': (True, [lambda raw: raw.set(DONE, 'void')]),
    'done': (True, [lambda raw: raw.set(DONE, '')]),
}
OF_UPDATE_OF_NONE: dict[str, tuple[bool, list[State]]] = {
    'usual': (True, []),
    'deleted': (False, [lambda raw: raw.delete('N:1')]),
}
KEYS_OF_INSERT = {
    'N:id:': 'string', 'N:id:live': 'string', 'N:w:x:idx': 'set', 'N:n:idx': 'zset',
    'N:p:pre': 'zset', 'N:u:uidx': 'hash', 'N:t:uidx': 'hash', 'N:3': 'hash',
}  # fmt: skip
KEYS_OF_UPDATE = {
    'N:1': 'hash', 'N:w:x:idx': 'set', 'N:w:y:idx': 'set', 'N:n:idx': 'zset', 'N:p:pre': 'zset',
}  # fmt: skip


def epochs_now(last: str) -> str:
    return f'x|{int((time.time() + 10) * 1e6)}:{last} '


def prepared(raw: redis.Redis, states: list[State]) -> None:
    """Two rows, whose ids this process of the server gave; then the state."""
    raw.flushdb()
    for number in '12':
        parts = {'done': f'N:id:done:{number}', 'inserts': [insert('', 'w', 'x', 'n', '1')]}
        first = {name: INSERT[name] for name in ('epochs', 'take', 'born')}
        sets = {'sets': {'add': {'N:w:x:idx': ['']}}, 'zsets': {'add': {'N:n:idx': ['1', '']}}}
        assert send_map(raw, {**parts, **first, **sets})[0] == b'ok'
    for state in states:
        state(raw)


def outcome(
    raw: redis.Redis, states: list[State], sent: Callable[[], Reply]
) -> tuple[Any, dict[bytes, Any]]:
    """The reply or the error of a request, and all data after it, without times."""
    prepared(raw, states)
    try:
        reply: Any = sent()
    except redis.ResponseError as error:
        reply = re.sub(r'(script:|f_)\S+|line \d+|:\d+:|on @\S+', '', str(error))
    found = dump(raw)
    epochs = found.get(b'N:id:epochs')
    if isinstance(epochs, bytes):
        found[b'N:id:epochs'] = re.sub(rb'\d{10,}', b'', epochs)
    return reply, found


def check_same(raw: redis.Redis, parts: dict[str, Any], states: list[State]) -> Any:
    as_map = outcome(raw, states, lambda: send_map(raw, parts))
    as_list = outcome(raw, states, lambda: send_list(raw, parts))
    assert as_list == as_map
    return as_list[0]


def calls(raw: redis.Redis, name: str) -> int:
    stats: Any = raw.info('commandstats')
    return int(stats[f'cmdstat_{name}']['calls'])


@pytest.mark.parametrize(
    ('parts', 'is_alone', 'states'),
    [
        pytest.param(parts, *found, id=f'{kind}, {name}')
        for kind, parts, table in (
            ('insert', INSERT, OF_INSERT),
            ('update', UPDATE, OF_UPDATE),
            ('update of none', UPDATE_OF_NONE, OF_UPDATE_OF_NONE),
        )
        for name, found in table.items()
    ],
)
def test_a_list_does_what_a_map_does(
    raw: redis.Redis, parts: dict[str, Any], is_alone: bool, states: list[State]
) -> None:
    reply = check_same(raw, parts, states)
    prepared(raw, states)
    raw.config_resetstat()
    if not isinstance(reply, str):
        send_list(raw, parts)
        assert calls(raw, 'mget') == (1 if is_alone else 2)  # both ways read the note first


@pytest.mark.parametrize(
    ('parts', 'key', 'kind'),
    [
        (parts, key, kind)
        for parts, keys in ((INSERT, KEYS_OF_INSERT), (UPDATE, KEYS_OF_UPDATE))
        for key, right in keys.items()
        for kind in ('hash', 'set', 'zset', 'string')
        if kind != right
    ],
)
def test_a_wrong_type(raw: redis.Redis, parts: dict[str, Any], key: str, kind: str) -> None:
    reply = check_same(raw, parts, [wrong(key, kind)])
    assert isinstance(reply, str) or reply[1] == key.encode()


@pytest.mark.one_server
@pytest.mark.parametrize('names', ['abcdef', 'fedcba'])
def test_the_first_of_several_known_values_is_named(raw: redis.Redis, names: str) -> None:
    hashes = [f'N:{name}:uidx' for name in names]
    parts = INSERT | {'claims': [[key, ['v'], [''], 'N:'] for key in hashes]}

    def take_all(raw: redis.Redis) -> None:
        for key in hashes:
            raw.hset(key, 'v', '1')

    assert check_same(raw, parts, [take_all])[:2] == [b'unique', hashes[0].encode()]
