"""Contract, section 9: where this is better than 1.x on purpose, by number."""

import datetime as dt
import re
from collections.abc import Callable
from typing import Any

import pytest
import redis

import rom
from tests.contract.support import fresh, ids, model, saved
from tests.support.servers import data, dump

pytestmark = pytest.mark.one_server


@pytest.fixture
def trips(connection: redis.Redis) -> Callable[[], int]:
    """How many scripts were run since it was last asked: all reading is done by these."""

    def calls() -> int:
        stats = connection.info('commandstats').items()
        return sum(stat['calls'] for name, stat in stats if re.match('cmdstat_(eval|fcall)', name))

    last = [calls()]

    def since() -> int:
        last.append(calls())
        return last[-1] - last[-2]

    return since


@pytest.mark.parametrize('write', [rom.session.commit, rom.session.flush], ids=['commit', 'flush'])
def test_1_all_or_nothing(connection: redis.Redis, write: Any) -> None:
    """'`session.commit()` / `flush()` is all or nothing across every entity of one connection: one
    violated constraint, and nothing is written, of any entity.'
    """
    N, M = model('N', u=rom.Text(unique=True)), model('M', a=rom.Integer(index=True))
    taken, changed, gone = saved(N(u='x')), saved(M(a=1)), saved(M(a=2))
    changed.a = 5
    new, second = M(a=3), N(u='x')
    before = data(connection)
    with pytest.raises(rom.UniqueKeyViolation):
        write()
    after = data(connection)
    for counter in (b'N:id:', b'M:id:'):  # an id that was taken is not given back
        before.pop(counter), after.pop(counter)
    assert after == before
    assert [e._modified for e in (taken, changed, gone, new, second)] == [
        False,
        True,
        False,
        True,
        True,
    ]
    second.u = 'y'
    write()
    assert (fresh(changed).a, ids(M.query), ids(N.query)) == (5, [1, 2, 3], [1, 2])


def test_2_exact_counts() -> None:
    """'`query.count()` without a filter is exact after deletes.'"""
    N = model()
    entities = [saved(N()) for _ in range(5)]
    rom.session.delete(entities[1], entities[4])
    assert N.query.count() == 3


def test_3_relations(trips: Callable[[], int]) -> None:
    """'Relations load when they are read, and in batches; loading an entity does not load what it
    refers to.'
    """
    Parent = model('Parent')
    Child = model('Child', parent=rom.ManyToOne('Parent', 'no action'))
    rom.session.save([Child(parent=Parent()) for _ in range(50)])
    rom.session.rollback()
    trips()
    children = Child.query.all()
    assert (len(children), trips()) == (50, 1)
    assert not [key for key in rom.session.known if key.startswith('Parent')]
    assert [child.parent.id for child in children] == [*range(1, 51)]
    assert trips() == 1


class TestPlaces:
    """'4. Geo entries leave the index when an entity moves or is deleted; geo callbacks are never
    called with missing values.'
    """

    @pytest.fixture
    def N(self) -> Any:
        def place(e: Any) -> Any:
            assert e.lon is not None and e['lat'] is not None
            return {'lon': e.lon, 'lat': e['lat']}

        return model(lon=rom.Float(), lat=rom.Float(), geo_index=[rom.GeoIndex('at', place)])

    def test_4_leaving(self, N: Any, connection: redis.Redis) -> None:
        one, two, three = (saved(N(lon=1.0, lat=1.0)) for _ in range(3))
        one.lon = 5.0
        one.save()
        two.lon = None
        two.save()
        three.delete()
        assert ids(N.query.near('at', 1, 1, 10, 'km')) == []
        assert ids(N.query.near('at', 5, 1, 10, 'km')) == [1]
        assert connection.zrange('N:at:geo', 0, -1) == [b'1']

    def test_4_missing_values(self, N: Any, connection: redis.Redis) -> None:
        for columns in ({}, {'lon': 1.0}, {'lat': 1.0}):
            saved(N(**columns)).delete()
        assert not connection.exists('N:at:geo')


def test_5_entities_without_a_value() -> None:
    """'`order_by` keeps entities that lack the column, at the end, either way round.'"""
    N = model(a=rom.Integer(index=True))
    rom.session.save([N(a=value) for value in (None, 2, 1, None)])
    assert ids(N.query.order_by('a')) == [3, 2, 1, 4]
    assert ids(N.query.order_by('-a')) == [2, 3, 1, 4]


@pytest.mark.parametrize('keygen', [rom.SIMPLE, rom.SIMPLE_CI])
def test_6_text_order(keygen: Any) -> None:
    """'Text order is that of the whole value, not of 7 bytes.'"""
    N = model(a=rom.Text(index=True, keygen=keygen))
    values = [f'the same {end}' for end in ('c', 'a', 'b', 'aa', '')]
    rom.session.save([N(a=value) for value in values])
    assert [entity.a for entity in N.query.order_by('a')] == sorted(values)
    assert [entity.a for entity in N.query.order_by('-a')] == sorted(values)[::-1]


def test_7_aware_datetimes(connection: redis.Redis) -> None:
    """'Aware datetimes are stored as UTC'."""
    N = model(at=rom.DateTime(index=True), safe=rom.SaferDateTime())
    noon = dt.datetime(2026, 1, 5, 12, tzinfo=dt.timezone(dt.timedelta(hours=2)))
    entity = saved(N(at=noon, safe=noon))
    assert connection.hget('N:1', 'at') == connection.hget('N:1', 'safe') == b'1767607200.0'
    assert fresh(entity).at == dt.datetime(2026, 1, 5, 10)
    assert ids(N.query.filter(at=noon)) == [1]


@pytest.mark.parametrize('kind', [rom.Float, rom.Decimal])
def test_7_nan(kind: Any) -> None:
    """'NaN in an indexed column is `InvalidColumnValue`'."""
    value = 'nan' if kind is rom.Decimal else float('nan')
    N = model(a=kind(index=True))
    with pytest.raises(rom.InvalidColumnValue):
        N(a=value).save()


def test_7_large_integers() -> None:
    """'integer equality is exact past 2**53.'"""
    N = model(a=rom.Integer(index=True))
    numbers = [2**53, 2**53 + 1, 2**256, 2**256 + 1]
    rom.session.save([N(a=number) for number in numbers])
    for place, number in enumerate(numbers, 1):
        assert ids(N.query.filter(a=number)) == ids(N.get_by(a=number)) == [place]
        assert N.query.filter(a=number).count() == 1
    assert ids(N.query.filter(a=2**256 + 2)) == []


def test_8_reading_never_writes(connection: redis.Redis) -> None:
    """'Reading never writes: no temporary keys, so queries run on replicas (only `cached_result`
    writes).'
    """
    N = model(
        a=rom.Text(unique=True, index=True, prefix=True, suffix=True, keygen=rom.IDENTITY),
        b=rom.Integer(index=True),
        up=rom.ManyToOne('N', 'no action'),
        downs=rom.OneToMany('N'),
        geo_index=[rom.GeoIndex('at', lambda e: {'lon': e.b, 'lat': 0})],
    )
    rom.session.save([N(a=f'a{n}', b=n) for n in range(1, 6)])
    N.get(1).update(up=N.get(2)).save()
    rom.session.rollback()
    base = N.query.startswith(a='a').filter(b=(1, 4), a=['a1', 'a2', 'a3'])
    before = dump(connection)
    connection.replicaof('127.0.0.1', '1')  # nobody is there: a replica that has lost its master
    try:
        assert ids(base.order_by('-b').limit(0, 2)) == [3, 2]
        assert ids(base.endswith(a='1').like(a='*1')) == ids(N.get_by(b=1)) == [1]
        assert (N.query.count(), base.count(), base.first().id) == (5, 3, 1)
        assert ids(N.query.near('at', 1, 0, 1, 'km')) == [1]
        assert ids(N.does_not_startwith('a', ['a1'])) == [2, 3, 4, 5]
        assert base.select('a').first() == {'a': 'a1'}
        assert ids(base.iter_result(pagesize=1)) == [1, 2, 3]
        assert (N.get_by(a='a1').up.id, ids(N.get(2).downs), len(N.query.all())) == (2, [1], 5)
        N.get(1).refresh()
        assert dump(connection) == before
        with pytest.raises(rom.ServerError):
            base.cached_result(10)
    finally:
        connection.replicaof('NO', 'ONE')
    base.cached_result(10)
    assert len(dump(connection)) == len(before) + 1


@pytest.mark.parametrize('how', ['query', 'session'])
def test_9_deletes_obey_on_delete(how: str) -> None:
    """'`query.delete()` and `session.delete()` obey `on_delete` instead of refusing models with
    relations.'
    """
    N = model(a=rom.Integer(index=True))
    Child = model('Child', up=rom.ManyToOne('N', 'cascade'))
    Loose = model('Loose', up=rom.ManyToOne('N', 'set null'))
    Guard = model('Guard', up=rom.ManyToOne('N', 'restrict'))
    one, two, three = entities = [N(a=n) for n in range(3)]
    rom.session.save([kind(up=e) for kind in (Child, Loose) for e in entities], Guard(up=three))

    def delete(*chosen: Any) -> None:
        if how == 'session':
            rom.session.delete(*chosen)
        else:
            N.query.filter(a=[entity.a for entity in chosen]).delete()

    delete(one, two)
    assert (ids(N.query), ids(Child.query), ids(Loose.query)) == ([3], [3], [1, 2, 3])
    assert ids(Loose.query.filter(up=rom.NOT_NULL)) == [3]
    with pytest.raises(rom.RestrictError):
        delete(three)
    assert (ids(N.query), ids(Child.query)) == ([3], [3])
