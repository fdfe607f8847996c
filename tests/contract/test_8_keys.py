"""Contract, section 8: keys in Redis. Each docstring quotes what its test proves.

What rom 1.1.2 itself makes of this data, and this of its, is in tests/test_old_data.py.
"""

import datetime as dt
import decimal
import json
from typing import Any

import pytest
import redis

import rom
from tests.contract.support import fresh, ids, model, saved
from tests.support.servers import dump, without_notes

pytestmark = pytest.mark.one_server


def stored(connection: redis.Redis) -> dict[bytes, Any]:
    """The keys of the contract's table: no notes of commits, bitmaps of live ids, or stamps."""
    keys = without_notes(dump(connection))
    return {key: value for key, value in keys.items() if not key.endswith((b':live', b':indexes'))}


def score(value: bytes) -> float:
    """'`v`, the base-258 number of (byte + 1) over the first 7 bytes of the UTF-8 value, times 258
    for each byte missing to 7; with `e, m = divmod(v, 2**52)` the score is `(2**52 + m) *
    2.0**(e - 1074)`'.
    """
    v = 0
    for place in range(7):
        v = v * 258 + (value[place] + 1 if place < len(value) else 0)
    e, m = divmod(v, 2**52)
    return float((2**52 + m) * 2.0 ** (e - 1074))


class TestTheTable:
    """'`N` the namespace, `P` the primary key column's name'."""

    def test_all_of_it(self, connection: redis.Redis) -> None:
        """Every row of the table, in one keyspace; and after a delete nothing but the counter."""
        Other = model('Other')
        N = model(
            'Model_',
            _namespace='N',
            P=rom.PrimaryKey(),
            number=rom.Integer(index=True, keygen=lambda value: {'': value, 'x': value / 2}),
            word=rom.Text(index=True, prefix=True, suffix=True, keygen=rom.IDENTITY),
            only=rom.Text(unique=True),
            b=rom.Integer(),
            a=rom.Text(),
            ref=rom.ManyToOne('Other', 'no action'),
            own=rom.UnsafeColumn(),
            unique_together=('b', 'a'),
            geo_index=[rom.GeoIndex('name', lambda e: {'lon': e.b, 'lat': 1.5})],
        )
        entity = N(number=5, word='xé', only='u', a='v', b=1, ref=saved(Other()))
        entity.save()
        entity.own.rpush('l')
        connection.geoadd('GEO', (1, 1.5, '1'))
        row = {b'number': b'5', b'word': 'xé'.encode(), b'only': b'u', b'a': b'v', b'b': b'1'}
        assert stored(connection) == {
            b'Other:id:': b'1',
            b'Other:1': {b'id': b'1'},
            b'N:P:': b'1',
            b'N:1': {b'P': b'1', b'ref': b'1', **row},
            b'N:number:idx': {b'1': 5.0},
            b'N:number:x:idx': {b'1': 2.5},
            'N:word:xé:idx'.encode(): {b'1'},
            b'N:only:uidx': {b'u': b'1'},
            b'N:a:b:uidx': {b'\0\0v\0\0\x001': b'1'},
            b'N:word:pre': {'xé\x001'.encode(): score('xé'.encode())},
            b'N:word:suf': {'éx\x001'.encode(): score('éx'.encode())},
            b'N:name:geo': {b'1': connection.zscore('GEO', '1')},
            b'N:ref:idx': {b'1': 1.0},
            b'N:1:own': [b'l'],
            b'GEO': {b'1': connection.zscore('GEO', '1')},
        }
        entity.delete()
        assert stored(connection).keys() == {b'Other:id:', b'Other:1', b'N:P:', b'GEO'}

    def test_the_counter(self, connection: redis.Redis) -> None:
        """'`N:P:` | string | the id counter (INCR)'."""
        N = model()
        saved(N())
        assert connection.incr('N:id:') == 2
        assert saved(N()).id == 3

    def test_the_namespace(self, connection: redis.Redis) -> None:
        """'`N` the namespace'."""
        saved(model('Name', _namespace='ü:x', a=rom.Integer(index=True))(a=1))
        assert stored(connection).keys() == {
            b'\xc3\xbc:x' + rest for rest in (b':id:', b':1', b':a:idx')
        }


NOON = dt.datetime(2026, 1, 5, 12, 30, 15, 123456)


@pytest.mark.parametrize(
    ('column', 'value', 'encoded'),
    [
        (rom.Integer, 2**70, b'1180591620717411303424'),
        (rom.Integer, -5, b'-5'),
        (rom.Decimal, decimal.Decimal('3.10'), b'3.10'),
        (rom.Decimal, decimal.Decimal('1E+5'), b'1E+5'),
        (rom.Float, 0.1, b'0.1'),
        (rom.Float, 1e22, b'1e+22'),
        (rom.Float, 5.0, b'5.0'),
        (rom.Boolean, True, b'1'),
        (rom.Boolean, False, b''),
        (rom.DateTime, NOON, b'1767616215.123456'),
        (rom.DateTime, dt.datetime(1969, 12, 31, 23), b'-3600.0'),
        (rom.SaferDateTime, NOON, b'1767616215.123456'),
        (rom.Date, dt.date(1970, 1, 3), b'172800.0'),
        (rom.Time, dt.time(1, 0, 0, 500_000), b'3600.5'),
        (rom.Text, 'é€', b'\xc3\xa9\xe2\x82\xac'),
        (rom.String, b'a\xe9\x00', b'a\xc3\xa9\x00'),
        (rom.Json, {'b': [1, 'é'], 'a': None}, b'{"a": null, "b": [1, "\\u00e9"]}'),
    ],
    ids=str,
)
def test_encodings(connection: redis.Redis, column: Any, value: Any, encoded: bytes) -> None:
    """'Encodings of values: ...', written and read."""
    N = model(c=column())
    saved(N(c=value))
    assert connection.hgetall('N:1') == {b'id': b'1', b'c': encoded}
    connection.hset('N:2', mapping={'id': '2', 'c': encoded})
    assert N.get(2).c == value


def test_relations_are_ids(connection: redis.Redis) -> None:
    """'relations: the id.'"""
    N = model(up=rom.ManyToOne('N', 'no action'), one=rom.OneToOne('N', 'no action', unique=True))
    first = saved(N())
    saved(N(up=first, one=first))
    assert connection.hgetall('N:2') == {b'id': b'2', b'up': b'1', b'one': b'1'}
    assert connection.hgetall('N:one:uidx') == {b'1': b'2'}


@pytest.mark.parametrize(
    'value',
    ['', 'a', 'abcdefg', 'abcdefgh', '\0', 'ÿé€', '😀😀', 'a\0b', '\U0010ffff' * 2],
    ids=ascii,
)
def test_prefix_scores(connection: redis.Redis, value: str) -> None:
    """'Prefix score (also what SIMPLE indexes): ...' '... written with `repr`. Bit for bit, or old
    and new entries do not sort together.'
    """
    N = model(
        c=rom.Text(prefix=True, suffix=True, keygen=lambda value: [value]),
        s=rom.Text(index=True, keygen=rom.SIMPLE),
    )
    saved(N(c=value, s=value))
    raw, backwards = value.encode(), value[::-1].encode()
    assert dump(connection)[b'N:c:pre'] == {raw + b'\x001': score(raw)}
    assert dump(connection)[b'N:c:suf'] == {backwards + b'\x001': score(backwards)}
    if value:
        assert dump(connection)[b'N:s:idx'] == {b'1': score(raw)}
        assert rom.SIMPLE(value) == {'': repr(score(raw))}


def test_suffixes_of_bytes(connection: redis.Redis) -> None:
    """'A suffix is reversed by characters (by bytes for bytes).'"""
    N = model(c=rom.String(prefix=True, suffix=True, keygen=rom.IDENTITY_STRING))
    saved(N(c='né'.encode()))
    # Reversed bytes are written as String values are: read as latin-1, written as UTF-8.
    assert [*dump(connection)[b'N:c:suf']] == [
        'né'.encode()[::-1].decode('latin-1').encode() + b'\x001'
    ]
    assert [*dump(connection)[b'N:c:pre']] == ['né'.encode() + b'\x001']
    assert ids(N.query.endswith(c='é'.encode())) == ids(N.query.startswith(c=b'n\xc3')) == [1]


def test_composite_unique_values(connection: redis.Redis) -> None:
    """'A composite unique value is the columns' encoded values as UTF-8, each behind two NULs,
    joined by a NUL, those bytes read as latin-1 and written as UTF-8.'
    """
    N = model(c=rom.Text(), a=rom.Float(), b=rom.String(), unique_together=('c', 'a', 'b'))
    saved(N(c='é', a=0.5, b=b'\xff'))
    joined = b'\0'.join(b'\0\0' + raw for raw in (b'0.5', 'ÿ'.encode(), 'é'.encode()))
    assert dump(connection)[b'N:a:b:c:uidx'] == {joined.decode('latin-1').encode(): b'1'}


def test_booleans(connection: redis.Redis) -> None:
    """'A boolean's words are `True` and `False`.'"""
    N = model(c=rom.Boolean(index=True))
    rom.session.save(N(c=True), N(c=False))
    found = dump(connection)
    assert (found[b'N:c:True:idx'], found[b'N:c:False:idx']) == ({b'1'}, {b'2'})


# --- the list that 1.x kept in each row ----------------------------------------------------------

LISTED: dict[str, Any] = {
    'w': lambda: rom.Text(index=True, keygen=rom.FULL_TEXT),
    'n': lambda: rom.Integer(index=True),
    'p': lambda: rom.Text(prefix=True, suffix=True, keygen=rom.IDENTITY),
}
VALUES = {'w': 'red', 'n': 5, 'p': 'né'}
LISTS = [['w:red'], ['n'], [['p', 'né']], [['p', 'én']], ['at']]


def listed(**more: Any) -> Any:
    """A model with an entry for each of the five lists."""
    place = rom.GeoIndex('at', lambda e: {'lon': e.n, 'lat': 0})
    return model(**{name: make() for name, make in LISTED.items()}, geo_index=[place], **more)


def test_index_data(connection: redis.Redis) -> None:
    """'`-index-data-`: JSON list of five lists: words ["col:word"], scored columns ["col"],
    prefixes [["col", value]], suffixes [["col", reversed]], geo names ["name"].'

    '(and write too, where the model says `_keep_index_data = True`)'
    """
    saved(listed(_keep_index_data=True)(**VALUES))
    assert json.loads(connection.hget('N:1', '-index-data-')) == LISTS


def old_row(connection: redis.Redis, lists: list[Any], into: str = 'row') -> Any:
    """A row as 1.x wrote it, with entries that its values do not imply any more."""
    N = listed()
    connection.set('N:id:', 1)
    connection.hset('N:1', mapping={'id': 1, 'w': 'red', 'n': 5, 'p': 'né'})
    connection.sadd('N:w:red:idx', 1)
    connection.sadd('N:w:old:idx', 1)
    connection.zadd('N:n:idx', {'1': 5})
    connection.zadd('N:p:pre', {'né\x001': score('né'.encode())})
    connection.zadd('N:p:suf', {'én\x001': score('én'.encode())})
    connection.geoadd('N:at:geo', (5, 0, '1'))
    connection.geoadd('N:gone:geo', (5, 0, '1'))  # of an index that the model has no longer
    if into == 'row':
        connection.hset('N:1', '-index-data-', json.dumps(lists))
    else:
        connection.hset('N::', '1', json.dumps(lists))
    return N


OLD = [['w:red', 'w:old'], *LISTS[1:4], ['at', 'gone']]
# A known fault: geo names among the suffixes.
FAULTY = [['w:red', 'w:old'], ['n'], [['p', 'né']], [['p', 'én'], 'at', 'gone'], []]


@pytest.mark.parametrize('lists', [OLD, FAULTY], ids=['right', 'faulty'])
class TestOldRows:
    """'Data that rom 1.x wrote must be read, queried, changed and deleted right, in place'.

    'Its known faults in stored data (geo names filed under the suffixes in `-index-data-`...) are
    understood and cleaned up.'
    """

    def test_read_and_queried(self, connection: redis.Redis, lists: Any) -> None:
        N = old_row(connection, lists)
        before = dump(connection)
        assert N.get(1).to_dict() == {**VALUES, 'id': 1}
        for query in (
            N.query.filter(w='red', n=5),
            N.query.startswith(p='n').endswith(p='é'),
            N.query.near('at', 5, 0, 1, 'km'),
        ):
            assert ids(query) == [1]
        assert dump(connection) == before

    def test_changed(self, connection: redis.Redis, lists: Any) -> None:
        N = old_row(connection, lists)
        entity = N.get(1)
        entity.update(w='blue', n=6, p='x').save()
        connection.geoadd('GEO', (6, 0, '1'))
        assert stored(connection) == {
            b'N:id:': b'1',
            b'N:1': {b'id': b'1', b'w': b'blue', b'n': b'6', b'p': b'x'},
            b'N:w:blue:idx': {b'1'},
            b'N:n:idx': {b'1': 6.0},
            b'N:p:pre': {b'x\x001': score(b'x')},
            b'N:p:suf': {b'x\x001': score(b'x')},
            b'N:at:geo': {b'1': connection.zscore('GEO', '1')},
            b'GEO': {b'1': connection.zscore('GEO', '1')},
        }
        assert fresh(entity).to_dict() == {'w': 'blue', 'n': 6, 'p': 'x', 'id': 1}

    def test_deleted(self, connection: redis.Redis, lists: Any) -> None:
        old_row(connection, lists).get(1).delete()
        assert stored(connection) == {b'N:id:': b'1'}


@pytest.mark.parametrize('clean', [rom.util.clean_old_index, rom.util.refresh_indices])
def test_the_older_hash(connection: redis.Redis, clean: Any) -> None:
    """'index data in the older hash `N::`) are understood and cleaned up.'"""
    N = old_row(connection, OLD[:2], into='hash')
    connection.sadd('N:w:left:idx', 9)
    connection.hset('N::', '9', '[["w:left"], []]')
    for _ in clean(N):
        pass
    keys = stored(connection).keys()
    assert keys & {b'N::', b'N:w:old:idx', b'N:w:left:idx'} == set()
    assert keys >= {b'N:1', b'N:w:red:idx', b'N:n:idx', b'N:p:pre', b'N:p:suf', b'N:at:geo'}
