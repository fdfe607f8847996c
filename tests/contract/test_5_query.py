"""Contract, section 5: queries. Each docstring quotes what its test proves."""

import inspect
import types
import warnings
from typing import Any

import pytest
import redis

import rom
from tests.contract.support import ids, model
from tests.support.servers import dump, ttls

pytestmark = pytest.mark.one_server


def parts(value: int) -> dict[str, Any]:
    """An age, and its last digit; those of even age have a `half`."""
    return {'': value, 'digit': value % 10, **({} if value % 2 else {'half': value / 2})}


@pytest.fixture
def N() -> Any:
    """Five entities; the last one has no value at all."""
    N = model(
        name=rom.Text(index=True, prefix=True, suffix=True, keygen=rom.IDENTITY),
        words=rom.Text(index=True, keygen=rom.FULL_TEXT),
        rank=rom.Text(index=True, keygen=rom.SIMPLE),
        age=rom.Integer(index=True),
        parts=rom.Integer(index=True, keygen=parts),
        on=rom.Boolean(index=True),
        up=rom.ManyToOne('N', 'no action'),
        lon=rom.Float(),
        plain=rom.Integer(),
        geo_index=[rom.GeoIndex('at', lambda e: {'lon': e.lon, 'lat': 0})],
    )
    first = N(name='Ann', words='red fox', rank='d', age=30, parts=30, on=True, lon=0.0, plain=7)
    second = N(name='Bob', words='red hen', rank='c', age=21, parts=21, on=False, up=first, lon=0.1)
    N(name='Anna', words='old hen', rank='b', age=42, parts=42, on=True, up=second, lon=0.2)
    N(name='A%b.a', words='', rank='a', age=21, parts=7, on=False, lon=5.0)
    N()
    rom.session.commit()
    rom.session.rollback()
    return N


class TestFilter:
    """'`.filter(col=value)`'."""

    @pytest.mark.parametrize(
        ('asked', 'found'),
        [
            ({'name': 'Ann'}, [1]),
            ({'words': 'hen'}, [2, 3]),
            ({'age': 21}, [2, 4]),
            ({'age': (21, 30)}, [1, 2, 4]),
            ({'age': (30, None)}, [1, 3]),
            ({'age': (None, 21)}, [2, 4]),
            ({'words': ['fox', 'old']}, [1, 3]),
            ({'on': True}, [1, 3]),
            ({'on': False}, [2, 4]),
            ({'up': 1}, [2]),
            ({'up': 2}, [3]),
            pytest.param({'up': rom.NOT_NULL}, [2, 3], id='not null'),
            ({'age': 21, 'words': 'red'}, [2]),
            ({'parts:digit': (1, 5)}, [2, 3]),
            ({'parts:half': 21}, [3]),
            ({'parts': 'half'}, [1, 3]),
            ({'parts': 'digit'}, [1, 2, 3, 4]),
            ({'parts': (0, 10)}, [4]),
        ],
        ids=str,
    )
    def test_values(self, N: Any, asked: dict[str, Any], found: list[int]) -> None:
        """'word; number; `(low, high)`; list of words (any of them); bool; entity or id for a
        relation; `NOT_NULL` on relations.' '`**{'col:x': (1, 5)}` for a named sub-index; a word
        that names a numeric sub-index (`filter(col='x')`) matches every entity that has it.'
        """
        assert sorted(ids(N.query.filter(**asked))) == found

    def test_an_entity(self, N: Any) -> None:
        """'entity ... for a relation'."""
        assert ids(N.query.filter(up=N.get(1))) == [2]

    def test_and(self, N: Any) -> None:
        """'Chained calls and several columns mean AND.'"""
        assert ids(N.query.filter(age=21).filter(words='red')) == [2]
        assert ids(N.query.filter(age=21, words='red').startswith(name='A')) == []


def test_immutable(N: Any) -> None:
    """'`Model.query` is immutable: each call gives a new one.'"""
    base = N.query.filter(on=True)
    for narrower in (
        base.filter(age=30),
        base.startswith(name='x'),
        base.order_by('-age'),
        base.limit(0, 1),
        base.select('name'),
        base.near('at', 0, 0, 1),
    ):
        assert narrower is not base
        assert ids(base) == [1, 3]
    assert len(N.query.all()) == 5


class TestStrings:
    @pytest.mark.parametrize(
        ('method', 'asked', 'found'),
        [
            ('startswith', 'Ann', [1, 3]),
            ('startswith', 'ann', []),
            ('endswith', 'a', [3, 4]),
            ('endswith', 'Bob', [2]),
            ('like', 'Ann', [1, 3]),
            ('like', 'nn', []),
            ('like', 'An?a', [3]),
            ('like', 'Ann?', [1, 3]),
            ('like', 'A*a', [3, 4]),
            ('like', 'A*nn', [1, 3]),
            ('like', 'A*b', [4]),
            ('like', 'Ann+', [3]),
            ('like', 'A+nn', []),
            ('like', 'A!n', [1, 3]),
            ('like', 'A!b', [4]),
            ('like', 'B!!', [2]),
            ('like', 'B!!!', []),
            ('like', 'A%b.a', [4]),
            ('like', '!%b', [4]),
            ('like', '*.', [4]),
            ('like', '*%a', []),
            ('like', '!nn[a]', []),
        ],
    )
    def test_patterns(self, N: Any, method: str, asked: str, found: list[int]) -> None:
        """'`.startswith(col=...)`, `.endswith(col=...)`, `.like(col=pattern)`: in a pattern `?` is
        0 or 1 character, `*` 0 or more, `+` 1 or more, `!` exactly 1; anchored at the start only;
        the rest is literal, Lua's own magic characters included.'
        """
        assert sorted(ids(getattr(N.query, method)(name=asked))) == found


class TestNear:
    """'`.near(name, lon, lat, radius, 'm|km|mi|ft', count=None)`'."""

    # A tenth of a degree at the equator is 11.13 km.
    @pytest.mark.parametrize(
        ('radius', 'unit', 'found'),
        [
            (11_200, 'm', [1, 2]),
            (11_000, 'm', [1]),
            (11.2, 'km', [1, 2]),
            (6.95, 'mi', [1, 2]),
            (6.85, 'mi', [1]),
            (36_600, 'ft', [1, 2]),
            (36_400, 'ft', [1]),
        ],
    )
    def test_units(self, N: Any, radius: float, unit: str, found: list[int]) -> None:
        assert ids(N.query.near('at', 0, 0, radius, unit)) == found

    def test_count(self, N: Any) -> None:
        assert ids(N.query.near('at', 0.21, 0, 500, 'km', count=2)) == [3, 2]

    @pytest.mark.parametrize(('name', 'unit'), [('none', 'm'), ('at', 'miles'), ('at', '')])
    def test_errors(self, N: Any, name: str, unit: str) -> None:
        """'An unknown geo index or unit in `near`: `ValueError`.'"""
        with pytest.raises(ValueError):
            N.query.near(name, 0, 0, 1, unit)


class TestOrder:
    """'`.order_by('col')`, `'-col'`, `'col:x'`'."""

    @pytest.mark.parametrize(
        ('column', 'found'),
        [
            ('age', [2, 4, 1, 3, 5]),
            ('-age', [3, 1, 4, 2, 5]),
            ('rank', [4, 3, 2, 1, 5]),
            ('-rank', [1, 2, 3, 4, 5]),
            ('parts:half', [1, 3, 2, 4, 5]),
            ('-parts:half', [3, 1, 2, 4, 5]),
        ],
    )
    def test_orders(self, N: Any, column: str, found: list[int]) -> None:
        assert ids(N.query.order_by(column)) == found

    def test_a_text_column_warns(self, N: Any) -> None:
        """'a text column without an order keygen warns (`UserWarning`) once, at the call.'"""
        with pytest.warns(UserWarning) as caught:
            query = N.query.order_by('words')
        assert len(caught) == 1
        assert caught[0].filename == __file__
        with warnings.catch_warnings():
            warnings.simplefilter('error')
            assert ids(query) == [3, 1, 2, 4, 5]
            N.query.order_by('rank')

    def test_limit(self, N: Any) -> None:
        """'`.limit(offset, count)`'."""
        assert ids(N.query.order_by('age').limit(1, 2)) == [4, 1]
        assert ids(N.query.limit(4, 10)) == [5]


class TestAnswers:
    """'`.all()`, `.execute()`, iteration, `.first()`, `.count()`, `.iter_result(timeout=30,
    pagesize=100)`, `.cached_result(timeout)` ... `.delete(blocksize=100)`.'
    """

    def test_each(self, N: Any) -> None:
        query = N.query.filter(age=(0, None)).order_by('-age')
        wanted = [3, 1, 4, 2]
        assert ids(query.all()) == ids(query.execute()) == ids(query) == wanted
        assert ids(query.iter_result()) == ids(query.iter_result(timeout=1, pagesize=1)) == wanted
        assert isinstance(query.iter_result(), types.GeneratorType | type(iter(())))
        assert (query.first().id, query.count()) == (3, 4)
        assert (N.query.filter(age=1).first(), N.query.filter(age=1).count()) == (None, 0)

    def test_the_arguments(self) -> None:
        """'`.iter_result(timeout=30, pagesize=100)`', '`.delete(blocksize=100)`'.

        And `no_hscan`, which 1.1.2 has.
        """
        defaults = {
            name: [
                p.default for p in inspect.signature(getattr(rom.Query, name)).parameters.values()
            ]
            for name in ('iter_result', 'delete')
        }
        assert defaults == {
            'iter_result': [inspect.Parameter.empty, 30, 100, False],
            'delete': [inspect.Parameter.empty, 100, False],  # the last one is new: `hard`
        }

    def test_cached_result(self, N: Any, connection: redis.Redis) -> None:
        """'`.cached_result(timeout)` -> name of a ZSET that holds the ids and expires'."""
        key = N.query.filter(age=(0, None)).order_by('-age').cached_result(20)
        assert isinstance(key, str)
        assert connection.zrange(key, 0, -1) == [b'3', b'1', b'4', b'2']
        assert 10_000 < ttls(connection)[key.encode()] <= 20_000
        assert connection.zcard(N.query.order_by('age').cached_result(20)) == 5
        assert N.query.order_by('age').cached_result(1) != key

    @pytest.mark.parametrize('timeout', [0, -1, 0.5])
    def test_cached_result_errors(self, N: Any, connection: redis.Redis, timeout: Any) -> None:
        """'timeout < 1 or no filter and no order: `QueryError`.'"""
        before = dump(connection)
        for ask in (
            lambda: N.query.filter(age=1).cached_result(timeout),
            lambda: N.query.cached_result(9),
        ):
            with pytest.raises(rom.QueryError):
                ask()
        assert dump(connection) == before

    def test_delete(self, N: Any) -> None:
        """'`.delete(blocksize=100)`'."""
        N.query.filter(age=21).delete()
        assert ids(N.query) == [1, 3, 5]
        N.query.delete(blocksize=2)
        assert (N.query.all(), N.query.filter(on=True).count()) == ([], 0)


class TestSelect:
    """'`.select(*columns, include_pk=False, decode=True, ff=...)`: plain data instead of
    entities'.
    """

    def test_dicts(self, N: Any) -> None:
        """'dicts, or what the factory makes; nothing enters the session.'"""
        query = N.query.filter(age=(22, None)).order_by('age')
        # A relation is what 1.1.2 gives: the entity, which the session gets to know.
        assert query.select('name', 'age', 'up').all() == [
            {'name': 'Ann', 'age': 30, 'up': None},
            {'name': 'Anna', 'age': 42, 'up': N.get(2)},
        ]
        rom.session.rollback()
        assert query.select('age', include_pk=True).first() == {'age': 30, 'id': 1}
        assert query.select('age', 'on', decode=False).first() == {'age': '30', 'on': '1'}
        assert not [*rom.session.known] and not [*rom.session.wknown]

    def test_factories(self, N: Any) -> None:
        """'`ff=...`': called with the columns, it gives what makes a result of a list of values."""
        asked = []

        def factory(columns: Any) -> Any:
            asked.append(tuple(columns))
            return lambda values: '/'.join(map(str, values))

        query = N.query.filter(age=30).select('name', 'age', include_pk=True, ff=factory)
        assert (query.all(), asked[-1]) == (['Ann/30/1'], ('name', 'age', 'id'))

    @pytest.mark.parametrize('columns', [(), ('none',), ('age', 'none'), ('age', 'age')], ids=str)
    def test_errors(self, N: Any, columns: Any) -> None:
        """'No column, unknown, repeated: `QueryError`.'"""
        with pytest.raises(rom.QueryError):
            N.query.select(*columns)


@pytest.mark.parametrize(
    ('method', 'asked'),
    [
        ('filter', {'plain': 7}),
        ('filter', {'plain': (1, 2)}),
        ('filter', {'none': 7}),
        ('filter', {'none:x': 7}),
        ('startswith', {'words': 'x'}),
        ('startswith', {'none': 'x'}),
        ('endswith', {'words': 'x'}),
        ('endswith', {'age': 'x'}),
        ('like', {'words': 'x'}),
        ('like', {'none': 'x'}),
        ('order_by', 'plain'),
        ('order_by', 'none'),
    ],
    ids=str,
)
def test_missing_indexes(N: Any, method: str, asked: Any) -> None:
    """'A column that lacks the index which a clause needs, or does not exist: `QueryError`.'"""
    with pytest.raises(rom.QueryError):
        ask = getattr(N.query, method)
        ask(asked) if method == 'order_by' else ask(**asked)
