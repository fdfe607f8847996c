"""Contract, section 6: the session. Each docstring quotes what its test proves."""

import asyncio
import gc
import inspect
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis

import rom
from tests.contract.support import fresh, ids, model, saved
from tests.support.servers import data

pytestmark = pytest.mark.one_server


@pytest.fixture
def N() -> Any:
    return model(a=rom.Integer(index=True), b=rom.Integer(), u=rom.Text(unique=True))


def test_one_per_thread(N: Any) -> None:
    """'`rom.session` (also `rom.util.session`): one per thread ...'"""
    assert rom.util.session is rom.session
    entity = saved(N(a=1))
    with ThreadPoolExecutor(1) as other:
        there = other.submit(lambda: (dict(rom.session.known), N.get(1))).result()
    assert rom.session.known == {'N:1': entity}
    assert there[0] == {}
    assert there[1] is not entity


def test_one_per_task(N: Any) -> None:
    """'one ... per task'."""

    async def task(a: int) -> tuple[dict[str, Any], Any]:
        N(a=a)
        await asyncio.sleep(0)
        return rom.session.commit(), ids(rom.session.known.values())

    async def both() -> list[Any]:
        return await asyncio.gather(task(1), task(2))

    assert asyncio.run(both()) == [(len(N._columns), [])] * 2
    assert not rom.session.known


class TestIdentity:
    """'Every entity made or loaded is known by `_pk`: a second `get` gives the same object.'"""

    def test_one_object(self, N: Any) -> None:
        entity = saved(N(a=1, u='x'))
        assert N.get(1) is entity
        rom.session.rollback()
        loaded = N.get(1)
        assert loaded is not entity
        assert [N.get(1), *N.get([1]), N.get_by(u='x'), *N.query.all()] == [loaded] * 4
        assert all(found is loaded for found in (N.get(1), N.get_by(u='x'), N.query.first()))
        assert rom.session.get('N:1') is loaded

    def test_known_and_wknown(self, N: Any) -> None:
        """'`known`, `wknown` (weak)'."""
        entity = saved(N())
        assert rom.session.known['N:1'] is rom.session.wknown['N:1'] is entity
        rom.session.commit()
        assert not rom.session.known
        assert rom.session.wknown['N:1'] is entity
        del entity
        gc.collect()
        assert 'N:1' not in rom.session.wknown

    def test_add_and_forget(self, N: Any) -> None:
        """'`add`, `forget`, `get(pk)`'."""
        entity = saved(N(a=1))
        rom.session.forget(entity)
        assert rom.session.get('N:1') is None
        assert 'N:1' not in {*rom.session.known, *rom.session.wknown}
        rom.session.add(entity)
        assert rom.session.get('N:1') is N.get(1) is entity
        new = N(a=2)
        rom.session.forget(new)
        assert (rom.session.commit(), N.query.count()) == (0, 1)

    def test_rollback(self, N: Any) -> None:
        """'`rollback()` (forget all)'."""
        entity = saved(N(a=1))
        entity.a = 2
        N()
        rom.session.rollback()
        assert not rom.session.known
        assert not [*rom.session.wknown]
        assert (rom.session.commit(), N.get(1).a, N.query.count()) == (0, 1, 1)


class TestWriting:
    @pytest.mark.parametrize(
        ('method', 'arguments'),
        [
            ('flush', ['full', 'all', 'force']),
            ('commit', ['full', 'all', 'force']),
            ('save', ['objects', 'full', 'all', 'force']),
            ('delete', ['objects', 'force']),
            ('refresh', ['objects', 'force']),
            ('refresh_all', ['force']),
        ],
    )
    def test_signatures(self, method: str, arguments: list[str]) -> None:
        """'`flush(full, all, force)`, `commit(full, all, force)` ..., `save(*objects or lists,
        full, all, force)`, `delete(*objects or lists, force)`, `refresh(*objects, force)`,
        `refresh_all(force)`.'
        """
        found = inspect.signature(getattr(rom.session, method)).parameters
        assert [*found][: len(arguments)] == arguments
        defaults = {found[name].default for name in arguments}
        assert defaults <= {False, inspect.Parameter.empty}
        # What is new comes behind, and may be left out.
        assert all(p.default in (None, False) for p in list(found.values())[len(arguments) :])

    @pytest.mark.parametrize('method', ['flush', 'commit'])
    def test_flush_and_commit(self, N: Any, method: str) -> None:
        """'(flush, then forget the strong ones)', 'They return the number of columns written.'"""
        write = getattr(rom.session, method)
        one, two = N(a=1), N(a=2)
        columns = len(N._columns)
        assert write() == 2 * columns
        assert len(rom.session.known) == (0 if method == 'commit' else 2)
        assert write() == 0
        one.a, two.b = 5, 6
        assert write() == 2
        one.b = 7
        assert write(full=True) == columns
        assert write(all=True) == 0
        assert write(full=True, all=True) == 2 * columns
        assert (fresh(one).to_dict(), two.b) == ({'a': 5, 'b': 7, 'u': None, 'id': 1}, 6)

    @pytest.mark.parametrize('method', ['flush', 'commit'])
    def test_force(self, N: Any, connection: redis.Redis, method: str) -> None:
        """'`flush(full, all, force)`, `commit(full, all, force)`'."""
        entity = saved(N(a=1))
        connection.hset('N:1', 'a', '9')
        entity.a = 2
        with pytest.raises(rom.DataRaceError):
            getattr(rom.session, method)()
        getattr(rom.session, method)(force=True)
        assert fresh(entity).a == 2

    def test_save(self, N: Any) -> None:
        """'`save(*objects or lists, full, all, force)`'."""
        one, two, three, four = (N(a=n) for n in range(4))
        columns = len(N._columns)
        assert rom.session.save(one, [two, three]) == 3 * columns
        assert (four._new, N.query.count()) == (True, 3)
        one.a = 9
        assert rom.session.save(one, two) == 1
        assert rom.session.save(one, two, full=True) == 2 * columns

    @pytest.mark.parametrize('force', [False, True])
    def test_delete(self, N: Any, connection: redis.Redis, force: bool) -> None:
        """'`delete(*objects or lists, force)`'."""
        one, _, three = (saved(N(a=n)) for n in range(3))
        connection.hset('N:1', 'a', 9)
        rom.session.delete(one, [three], force=force)
        assert (ids(N.query), ids(N.query.filter(a=(None, None)))) == ([2], [2])
        assert [*rom.session.known] == ['N:2']

    def test_refresh(self, N: Any, connection: redis.Redis) -> None:
        """'`refresh(*objects, force)`, `refresh_all(force)`'."""
        one, two, three = (saved(N(a=n)) for n in range(3))
        for n in (1, 2, 3):
            connection.hset(f'N:{n}', 'a', 7)
        rom.session.refresh(one, two)
        assert (one.a, two.a, three.a) == (7, 7, 2)
        one.a = 8
        for refuse in (lambda: rom.session.refresh(one), rom.session.refresh_all):
            with pytest.raises(rom.InvalidOperation):
                refuse()
        rom.session.refresh(one, force=True)
        assert one.a == 7
        two.a = 8
        rom.session.refresh_all(force=True)
        assert (one.a, two.a, three.a) == (7, 7, 7)

    @pytest.mark.parametrize('method', ['add', 'forget', 'save', 'delete', 'refresh'])
    @pytest.mark.parametrize('wrong', [5, 'N:1', None, object], ids=str)
    def test_what_is_no_model(self, method: str, wrong: Any) -> None:
        """'An object that is no Model: `ORMError`.'"""
        with pytest.raises(rom.ORMError):
            getattr(rom.session, method)(wrong)


class TestNullSession:
    """'`util.use_null_session()` / `util.use_rom_session()`: caching off / on by default;
    `session.null_session = True | False`, `del session.null_session`: for this thread.'
    """

    @pytest.fixture(autouse=True)
    def as_before(self) -> Iterator[None]:
        yield
        rom.util.use_rom_session()
        del rom.session.null_session

    def is_null(self, N: Any) -> bool:
        rom.session.rollback()
        first, second = N.get(1), N.get(1)
        assert first is not None
        if first is second:
            return False
        assert [*rom.session.known, *rom.session.wknown] == []
        return True

    def test_by_default(self, N: Any) -> None:
        saved(N())
        assert not self.is_null(N)
        rom.util.use_null_session()
        assert self.is_null(N)
        rom.util.use_rom_session()
        assert not self.is_null(N)

    def test_for_this_thread(self, N: Any) -> None:
        saved(N())
        rom.session.null_session = True
        with ThreadPoolExecutor(1) as other:
            assert (self.is_null(N), other.submit(self.is_null, N).result()) == (True, False)
            rom.util.use_null_session()
            rom.session.null_session = False
            assert (self.is_null(N), other.submit(self.is_null, N).result()) == (False, True)
        assert rom.session.null_session is False
        del rom.session.null_session
        assert self.is_null(N)


class TestRaces:
    def test_a_changed_row(self, N: Any, connection: redis.Redis) -> None:
        """'A row that another writer changed since it was loaded, in a column that is being
        written: `DataRaceError`, nothing written.'
        """
        entity, other = saved(N(a=1, b=1)), saved(N(a=1))
        connection.hset('N:1', 'a', '9')
        entity.a, entity.b, other.a = 2, 2, 2
        before = data(connection)
        with pytest.raises(rom.DataRaceError):
            rom.session.commit()
        assert data(connection) == before
        assert entity._modified

    def test_in_another_column(self, N: Any, connection: redis.Redis) -> None:
        """'in a column that is being written'."""
        entity = saved(N(a=1, b=1))
        connection.hset('N:1', 'a', '9')
        entity.b = 2
        assert entity.save() == 1
        assert (fresh(entity).a, N.get(1).b) == (9, 2)

    def test_a_deleted_row(self, N: Any, connection: redis.Redis) -> None:
        """'Deleted meanwhile: `EntityDeletedError`.'"""
        entity = saved(N(a=1))
        connection.delete('N:1')
        entity.a = 2
        before = data(connection)
        with pytest.raises(rom.EntityDeletedError):
            rom.session.commit()
        assert data(connection) == before
