"""Contract, section 3: models, the class body. Each docstring quotes what its test proves.

What an entity does is in test_3_entities.py.
"""

import datetime as dt
from typing import Any

import pytest
import redis

import rom
from tests.contract.support import fresh, ids, model, saved

pytestmark = pytest.mark.one_server


def two_points(e: Any) -> list[dict[str, float]]:
    return [{'lon': 0.0, 'lat': 0.0}, {'lon': e.lon, 'lat': e['lat']}]


def test_the_example(connection: redis.Redis) -> None:
    """The class of the contract, with all that it declares."""

    class User(rom.Model):
        _namespace = 'users'
        email = rom.Text(
            required=True, unique=True, prefix=True, suffix=True, keygen=rom.IDENTITY_CI
        )
        born = rom.Date(index=True)
        a = rom.Text()
        b = rom.Integer()
        lon = rom.Float()
        lat = rom.Float()
        unique_together = [('a', 'b')]
        geo_index = [rom.GeoIndex('home', lambda e: {'lon': e.lon, 'lat': e['lat']})]

    born = dt.date(1984, 1, 2)
    user = saved(User(email='Ann@x.org', born=born, a='x', b=1, lon=10.75, lat=59.91))
    assert user._pk == 'users:1'
    assert User.get_by(email='Ann@x.org') is user
    query = User.query.startswith(email='ANN').endswith(email='X.org').filter(born=(born, born))
    assert query.near('home', 10.75, 59.91, 10, 'm').all() == [user]
    for column, value in {'email': 'Ann@x.org', 'a': 'x'}.items():
        with pytest.raises(rom.UniqueKeyViolation):
            User(**{'email': 'other', 'b': 1, column: value}).save()
        rom.session.rollback()


def test_the_namespace() -> None:
    """'`_namespace = ...` optional; default: the class's name'."""
    assert model('Name')._namespace == 'Name'
    assert model('Other', _namespace='space')._namespace == 'space'


def test_columns_are_inherited() -> None:
    """'Columns are inherited from base models.'"""
    Base = model('Base', a=rom.Integer(index=True))
    Sub = model('Sub', Base, b=rom.Integer())
    assert [*Sub._columns] == ['a', 'id', 'b']
    sub = saved(Sub(a=1, b=2))
    assert Sub.get_by(a=1) == [sub]
    assert Base.get_by(a=1) == []


def test_the_primary_key() -> None:
    """'One `PrimaryKey` a model; without one, `id` is made.'"""
    N, M = model('N'), model('M', number=rom.PrimaryKey(), id=rom.Integer())
    assert (N._pkey, M._pkey) == ('id', 'number')
    entity = saved(M(id=7))
    assert (entity.number, entity.id) == (1, 7)
    with pytest.raises(rom.ColumnError):
        model('Two', a=rom.PrimaryKey(), b=rom.PrimaryKey())


def test_an_id_that_is_none() -> None:
    """'A column called `id` that is no primary key, when no `PrimaryKey` is declared:
    `ColumnError`.'
    """
    with pytest.raises(rom.ColumnError):
        model(id=rom.Integer())


@pytest.mark.parametrize(
    ('name', 'namespace'), [('N', 'other'), ('Other', 'space'), ('space', 'other'), ('Other', 'N')]
)
def test_one_name_twice(name: str, namespace: str) -> None:
    """'Two models with one name or namespace: `ORMError`.'"""
    model('N', _namespace='space')
    with pytest.raises(rom.ORMError):
        model(name, _namespace=namespace)


@pytest.mark.parametrize('namespace', [5, b'N', ['N']])
def test_a_namespace_that_is_none(namespace: Any) -> None:
    """'A `_namespace` that is no string: `ORMError`.'"""
    with pytest.raises(rom.ORMError):
        model(_namespace=namespace)


@pytest.mark.parametrize('groups', [('a', 'b'), [('a', 'b')], [('b', 'a'), ('a', 'b', 'c')]])
def test_unique_together(groups: Any) -> None:
    """'`unique_together = [('a', 'b')]`  # list of tuples, or one tuple'."""
    N = model(a=rom.Text(), b=rom.Integer(), c=rom.Boolean(), unique_together=groups)
    N(a='x', b=1, c=True).save()
    N(a='x', b=2, c=True).save()
    with pytest.raises(rom.UniqueKeyViolation):
        N(a='x', b=1, c=False).save()


@pytest.mark.parametrize(
    'groups',
    [
        ('a',),
        [('a',)],
        [('a', 'a')],
        [('a', 'b'), ('a', 'b')],
        [('a', 'b'), ('b', 'a')],
        ('a', 'none'),
        ('a', 'id'),
    ],
    ids=str,
)
def test_wrong_groups(groups: Any) -> None:
    """'`unique_together`: a single column, a repeated group, an unknown column or the primary key
    in a group: `ColumnError` at class creation.'
    """
    with pytest.raises(rom.ColumnError):
        model(a=rom.Text(), b=rom.Text(), unique_together=groups)


def test_none_in_a_group() -> None:
    """'A `None` in the group: the constraint is silent.'"""
    N = model(a=rom.Text(), b=rom.Integer(), unique_together=('a', 'b'))
    for _ in range(2):
        for columns in ({'a': 'x'}, {'b': 1}, {}):
            N(**columns).save()
    assert N.query.count() == 6


@pytest.mark.parametrize('index', [5, 'home', ['home'], (), rom.GeoIndex('home', dict)], ids=str)
def test_a_geo_index_that_is_none(index: Any) -> None:
    """'`geo_index` that is no list of `GeoIndex`: `ORMError`'."""
    with pytest.raises(rom.ORMError):
        model(geo_index=index)


def test_two_geo_indexes_of_one_name() -> None:
    """'two with one name: `ColumnError`.'"""
    with pytest.raises(rom.ColumnError):
        model(geo_index=[rom.GeoIndex('home', dict), rom.GeoIndex('home', two_points)])


@pytest.mark.parametrize(
    'callback',
    [lambda e: {'lon': e.lon, 'lat': e['lat']}, two_points],
    ids=['one', 'list'],
)
def test_geo_callbacks(callback: Any) -> None:
    """'The callback gets an object that answers to attribute and item access, and returns one
    `{'lon', 'lat'}` or a list of them. Degrees.'
    """
    N = model(lon=rom.Float(), lat=rom.Float(), geo_index=[rom.GeoIndex('at', callback)])
    N(lon=90.0, lat=45.0).save()
    # A degree of latitude is some 111 km.
    assert ids(N.query.near('at', 90.0, 46.0, 112, 'km')) == [1]
    assert ids(N.query.near('at', 90.0, 46.0, 110, 'km')) == []


class TestMaking:
    """'`User(**columns)`'."""

    @pytest.fixture
    def N(self) -> Any:
        return model(a=rom.Text(required=True), b=rom.Integer())

    def test_values(self, N: Any) -> None:
        assert N(a='x', b=1).to_dict() == {'a': 'x', 'b': 1, 'id': 1}

    def test_unknown_names(self, N: Any) -> None:
        """'unknown names raise `InvalidColumnValue` unless `_extra_ok=True`'."""
        with pytest.raises(rom.InvalidColumnValue):
            N(a='x', none=1)
        assert N(a='x', none=1, _extra_ok=True).to_dict() == {'a': 'x', 'b': None, 'id': 1}

    @pytest.mark.parametrize('more', [{}, {'_extra_ok': True}])
    def test_a_primary_key(self, N: Any, more: dict[str, Any]) -> None:
        """'a primary key passed in raises `InvalidColumnValue`'."""
        with pytest.raises(rom.InvalidColumnValue):
            N(a='x', id=5, **more)

    def test_a_required_column(self, N: Any) -> None:
        """'a required column left out raises `MissingColumn` (which is a `ColumnError`)'."""
        with pytest.raises(rom.MissingColumn) as caught:
            N(b=1)
        assert isinstance(caught.value, rom.ColumnError)

    @pytest.mark.parametrize('wrong', [{'a': 5}, {'b': 'five'}, {'b': [1]}], ids=str)
    def test_a_wrong_type(self, N: Any, wrong: dict[str, Any]) -> None:
        """'a wrong type raises `InvalidColumnValue`.'"""
        with pytest.raises(rom.InvalidColumnValue):
            N(**{'a': 'x', **wrong})

    def test_what_failed_is_not_saved(self, N: Any) -> None:
        for wrong in ({'b': 1}, {'a': 5}):
            with pytest.raises(rom.ColumnError):
                N(**wrong)
        assert rom.session.commit() == 0


def test_defaults() -> None:
    """'Defaults: a value or a callable without arguments.'"""
    numbers = iter(range(10))
    N = model(a=rom.Text(default='x'), b=rom.Integer(default=lambda: next(numbers)))
    first, second, third = N(), N(), N(a='y', b=7)
    assert [(e.a, e.b) for e in (first, second, third)] == [('x', 0), ('x', 1), ('y', 7)]
    first.save()
    assert fresh(first).to_dict() == {'a': 'x', 'b': 0, 'id': 1}
