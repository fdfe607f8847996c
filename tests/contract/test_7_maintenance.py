"""Contract, section 7: maintenance, in `rom.util`. Each docstring quotes what its test proves."""

import inspect
from typing import Any

import pytest
import redis

import rom
from rom import util
from tests.contract.support import ids, model, saved
from tests.support.servers import dump, ttls, without_notes

pytestmark = pytest.mark.one_server


@pytest.fixture
def N() -> Any:
    """Ten entities."""
    N = model(a=rom.Integer(index=True), u=rom.Text(unique=True), own=rom.UnsafeColumn())
    rom.session.save([N(a=n, u=f'u{n}') for n in range(10)])
    return N


@pytest.mark.parametrize(
    ('name', 'arguments'),
    [
        ('refresh_indices', {'block_size': 100, 'scan': True}),
        ('clean_old_index', {'block_size': 100}),
        ('clean_unsafe_cols', {'block_size': 1000}),
        ('refresh_all_indexes', {}),
        ('show_progress', {}),
    ],
)
def test_arguments(name: str, arguments: dict[str, Any]) -> None:
    """'`refresh_indices(model, block_size=100, scan=True)`, `clean_old_index(model,
    block_size=100)`', '`clean_unsafe_cols(*models, block_size=1000)`'.
    """
    parameters = inspect.signature(getattr(util, name)).parameters.values()
    empty = inspect.Parameter.empty
    assert {p.name: p.default for p in parameters if p.default is not empty} == arguments


def test_refresh_indices(N: Any, connection: redis.Redis) -> None:
    """'`refresh_indices`': what the rows imply is there again, and nothing else."""
    wanted = without_notes(dump(connection))
    connection.delete('N:a:idx', 'N:u:uidx', 'N:id:live')
    connection.zadd('N:a:idx', {'77': 7})
    connection.hset('N:u:uidx', 'none', 77)
    for _ in util.refresh_indices(N):
        pass
    assert without_notes(dump(connection)) == wanted


@pytest.mark.parametrize('scan', [True, False])
def test_generators(N: Any, scan: bool) -> None:
    """'generators of (done, total)'."""
    for job in (
        util.refresh_indices(N, block_size=3, scan=scan),
        util.clean_old_index(N, block_size=3),
    ):
        steps = list(job)
        assert all(0 <= done <= total for done, total in steps)
        assert [done for done, _ in steps] == sorted(done for done, _ in steps)
        assert steps[-1][0] == steps[-1][1] > 0
    assert len(list(util.refresh_indices(N, block_size=3))) > len(list(util.refresh_indices(N)))


def test_clean_old_index(N: Any, connection: redis.Redis) -> None:
    """'`clean_old_index`': entries that no row implies go."""
    wanted = without_notes(dump(connection))
    connection.zadd('N:a:idx', {'77': 7})
    connection.hset('N:u:uidx', mapping={'none': 77, 'old': 1})
    for _ in util.clean_old_index(N):
        pass
    assert without_notes(dump(connection)) == wanted


def test_refresh_all_indexes(N: Any, connection: redis.Redis) -> None:
    """'`refresh_all_indexes()`'."""
    M = model('M', b=rom.Integer(index=True))
    saved(M(b=5))
    wanted = without_notes(dump(connection))
    connection.delete('N:a:idx', 'M:b:idx')
    util.refresh_all_indexes()
    assert without_notes(dump(connection)) == wanted


def test_show_progress(N: Any, connection: redis.Redis, capsys: pytest.CaptureFixture[str]) -> None:
    """'`show_progress(job)`': carries it out, and prints."""
    connection.delete('N:a:idx')
    util.show_progress(util.refresh_indices(N))
    assert connection.zcard('N:a:idx') == 10
    assert '100' in capsys.readouterr().out


def test_clean_unsafe_cols(N: Any, connection: redis.Redis) -> None:
    """'`clean_unsafe_cols(*models, block_size=1000)`'."""
    N.get(1).own.set('x')
    connection.set('N:77:own', 'x')
    assert util.clean_unsafe_cols(block_size=1) == (2, 1)
    assert connection.exists('N:1:own', 'N:77:own') == 1


class TestLocks:
    """'`Lock(conn, name, acquire_timeout, lock_timeout)` and `EntityLock(entity, acquire_timeout,
    lock_timeout)`: `acquire refresh release`, `with`'.
    """

    @pytest.fixture(params=['Lock', 'EntityLock'])
    def make(self, request: pytest.FixtureRequest, N: Any, connection: redis.Redis) -> Any:
        """Makes locks on one thing."""
        if request.param == 'Lock':
            return lambda *times: util.Lock(connection, 'name', *times)
        return lambda *times: util.EntityLock(N.get(1), *times)

    def test_acquire_refresh_release(self, make: Any, connection: redis.Redis) -> None:
        lock, other = make(0, 10), make(0, 10)
        assert lock.refresh() is lock.release() is False
        assert lock.acquire() is True
        [(key, left)] = [(k, v) for k, v in ttls(connection).items() if b'lock' in k]
        assert 5_000 < left <= 10_000
        assert other.acquire() is other.refresh() is other.release() is False
        connection.pexpire(key, 1000)
        assert lock.refresh() is True
        assert ttls(connection)[key] > 5_000
        assert lock.release() is True
        assert other.acquire() is True

    def test_with(self, make: Any) -> None:
        """'`with`; not to be had: `DataRaceError` from `with`, False from `acquire`.'"""
        with make(0, 10):
            with pytest.raises(rom.DataRaceError):
                with make(0, 10):
                    pytest.fail('both have it')
            assert make(0.01, 10).acquire() is False
        with make(0, 10):
            pass

    def test_the_times(self, make: Any) -> None:
        """'`acquire_timeout, lock_timeout`', in seconds."""
        assert make(0, 0.05).acquire()
        assert make(5, 10).acquire()

    def test_things_apart(self, N: Any, connection: redis.Redis) -> None:
        with util.Lock(connection, 'name', 0, 10), util.Lock(connection, 'other', 0, 10):
            with util.EntityLock(N.get(1), 0, 10), util.EntityLock(N.get(2), 0, 10):
                assert ids(N.get([1, 2])) == [1, 2]
