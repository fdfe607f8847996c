"""Contract, section 4: columns that hold no value. Each docstring quotes what its test proves."""

from typing import Any

import pytest
import redis

import rom
from tests.contract.support import fresh, ids, model, saved

pytestmark = pytest.mark.one_server


def initials(name: str, values: Any) -> list[str]:
    return [f'{values["first"][:1]}{values["last"][:1]}']


class TestIndexOnly:
    """'`IndexOnly(column, keygen=...)` or `IndexOnly(keygen2=...)`, with `prefix suffix index
    unique`: stores nothing, only indexes.'
    """

    @pytest.fixture
    def N(self) -> Any:
        return model(
            first=rom.Text(),
            last=rom.Text(),
            by_last=rom.IndexOnly('last', keygen=rom.IDENTITY_CI, prefix=True, suffix=True),
            both=rom.IndexOnly(keygen2=initials, index=True),
        )

    def test_searching(self, N: Any, connection: redis.Redis) -> None:
        entity = saved(N(first='Ann', last='Lee'))
        for query in (
            N.query.filter(by_last='lee'),
            N.query.startswith(by_last='LE'),
            N.query.endswith(by_last='ee'),
            N.query.filter(both='AL'),
        ):
            assert ids(query) == [1]
        assert connection.hgetall('N:1') == {b'id': b'1', b'first': b'Ann', b'last': b'Lee'}
        entity.last = 'Ray'
        entity.save()
        assert (ids(N.query.filter(both='AR')), ids(N.query.filter(both='AL'))) == ([1], [])
        assert (ids(N.query.filter(by_last='ray')), ids(N.query.startswith(by_last='l'))) == (
            [1],
            [],
        )

    def test_unique(self) -> None:
        """'with `... unique`'."""
        N = model(a=rom.Text(), u=rom.IndexOnly('a', keygen=rom.IDENTITY_CI, unique=True))
        N(a='X').save()
        assert N.get_by(u='x').id == 1
        with pytest.raises(rom.UniqueKeyViolation):
            N(a='x').save()

    def test_setting(self, N: Any) -> None:
        """'Setting a value: `InvalidColumnValue`; setting None: allowed.'"""
        entity = saved(N(first='Ann', last='Lee'))
        with pytest.raises(rom.InvalidColumnValue):
            entity.both = 'AL'
        with pytest.raises(rom.InvalidColumnValue):
            N(both='AL')
        entity.both = None
        entity.save()
        assert ids(N.query.filter(both='AL')) == [1]


class TestUnsafeColumn:
    """'`UnsafeColumn()`'."""

    @pytest.fixture
    def N(self) -> Any:
        return model(visits=rom.UnsafeColumn(), other=rom.UnsafeColumn())

    def test_commands(self, N: Any, connection: redis.Redis) -> None:
        """'`e.col.rpush('x')`, `e.col.llen()` … any command of the client, on a key of the entity's
        own; `skip_key=True` leaves the key out.'
        """
        one, two = saved(N()), saved(N())
        one.visits.rpush('x', 'y')
        two.other.hset(mapping={'g': 1})
        assert (one.visits.llen(), two.visits.llen()) == (2, 0)
        assert connection.lrange('N:1:visits', 0, -1) == [b'x', b'y']
        assert connection.hgetall('N:2:other') == {b'g': b'1'}
        assert one.visits.exists('N:2:other', skip_key=True) == 1

    def test_deleted_with_the_entity(self, N: Any, connection: redis.Redis) -> None:
        """'Deleted with the entity. After that, reading it from the entity: `ValueError`.'"""
        entity = saved(N())
        entity.visits.rpush('x')
        entity.other.set('x')
        entity.delete()
        assert not connection.exists('N:1:visits', 'N:1:other')
        with pytest.raises(ValueError):
            entity.visits

    def test_leftovers(self, N: Any, connection: redis.Redis) -> None:
        """'`util.clean_unsafe_cols(*models)` removes leftovers and returns (examined, deleted).'"""
        entity = saved(N())
        entity.visits.rpush('x')
        for key in ('N:7:visits', 'N:8:other', 'M:7:visits'):
            connection.set(key, 'x')
        M = model('M', visits=rom.UnsafeColumn())
        assert rom.util.clean_unsafe_cols(N) == (3, 2)
        assert connection.exists('N:1:visits', 'N:7:visits', 'N:8:other', 'M:7:visits') == 2
        assert rom.util.clean_unsafe_cols(N, M) == (2, 1)
        assert connection.exists('N:1:visits', 'M:7:visits') == 1


class Customer:
    """An object of another store."""

    def __init__(self, id: int) -> None:
        self.id = id

    @classmethod
    def get(cls, id: int) -> 'Customer | None':
        return cls(id) if id < 100 else None


def test_foreign_model(connection: redis.Redis) -> None:
    """'`ForeignModel(cls)`: any object with `.id` and a class-level `get(id)`.'"""
    N = model(customer=rom.ForeignModel(Customer))
    entity = saved(N(customer=Customer(7)))
    assert connection.hget('N:1', 'customer') == b'7'
    found = fresh(entity).customer
    assert (type(found), found.id) == (Customer, 7)
    assert ids(N.get_by(customer=7)) == ids(N.query.filter(customer=Customer(7))) == [1]
    connection.hset('N:1', 'customer', '100')
    assert fresh(entity).customer is None
    with pytest.raises(rom.InvalidColumnValue):
        N(customer='seven')
