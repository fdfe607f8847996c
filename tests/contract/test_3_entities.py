"""Contract, section 3: models, what entities do. Each docstring quotes what its test proves.

How they are found is in test_3_finding.py, what moves between them in test_3_transfer.py.
"""

import inspect
from typing import Any

import pytest
import redis

import rom
from tests.contract.support import fresh, ids, model, saved
from tests.support.servers import dump, without_notes

pytestmark = pytest.mark.one_server


@pytest.fixture
def N() -> Any:
    return model(
        a=rom.Text(),
        b=rom.Integer(index=True),
        u=rom.Text(unique=True),
        needed=rom.Integer(required=True, default=1),
    )


class TestSaving:
    """'`e.save(full=False, force=False)` returns the number of columns written'."""

    def test_what_it_returns(self, N: Any) -> None:
        """'(0 when nothing changed; the primary key counts, so a new entity's first save is never
        0)'
        """
        assert model('Empty')().save() == 1
        entity = N(a='x')
        assert entity.save() > 0
        assert entity.save() == 0
        entity.a, entity.b = 'y', 2
        assert entity.save() == 2
        entity.a = 'y'
        assert entity.save() == 0
        assert entity.save(full=True) == len(N._columns)
        assert fresh(entity).to_dict() == {'a': 'y', 'b': 2, 'u': None, 'needed': 1, 'id': 1}

    def test_force_after_a_delete(self, N: Any) -> None:
        """'`force=True` re-saves a deleted or raced entity.'"""
        entity = saved(N(a='x', b=1))
        entity.delete()
        with pytest.raises(rom.EntityDeletedError):
            entity.save()
        assert entity.save(force=True) > 0
        assert (fresh(entity).a, ids(N.get_by(b=1))) == ('x', [1])

    def test_force_after_anothers_delete(self, N: Any, connection: redis.Redis) -> None:
        """'`force=True` re-saves a deleted ... entity', deleted by another writer too."""
        entity = saved(N(a='x'))
        connection.delete('N:1')
        entity.a = 'y'
        with pytest.raises(rom.EntityDeletedError):
            entity.save()
        entity.save(force=True)
        assert (fresh(entity).a, N.get(1).needed) == ('y', 1)

    def test_force_after_a_race(self, N: Any, connection: redis.Redis) -> None:
        """'`force=True` re-saves a ... raced entity.'"""
        entity = saved(N(a='x'))
        connection.hset('N:1', 'a', 'other')
        entity.a = 'y'
        with pytest.raises(rom.DataRaceError):
            entity.save()
        entity.save(force=True)
        assert fresh(entity).a == 'y'


def test_delete(N: Any, connection: redis.Redis) -> None:
    """'`e.delete()`': the row and its entries go."""
    saved(N(a='x', b=1, u='y')).delete()
    assert without_notes(dump(connection)).keys() == {b'N:id:', b'N:id:live', b'N:id:indexes'}
    assert (N.get(1), N.get_by(u='y'), N.query.count()) == (None, None, 0)


def test_refresh(N: Any, connection: redis.Redis) -> None:
    """'`e.refresh(force=False)` (modified without force: `InvalidOperation`; new:
    `InvalidOperation`)'.
    """
    entity = N(a='x')
    for force in (False, True):
        with pytest.raises(rom.InvalidOperation):
            entity.refresh(force=force)
    entity.save()
    connection.hset('N:1', 'a', 'other')
    assert entity.a == 'x'
    entity.refresh()
    assert entity.a == 'other'
    entity.a = 'mine'
    with pytest.raises(rom.InvalidOperation):
        entity.refresh()
    assert entity.a == 'mine'
    entity.refresh(force=True)
    assert (entity.a, entity._modified) == ('other', False)


def test_to_dict_and_copy(N: Any) -> None:
    """'`e.to_dict()`, `e.copy()` (a new, unsaved entity)'."""
    entity = saved(N(a='x', b=1))
    twin = entity.copy()
    assert entity.to_dict() == {'a': 'x', 'b': 1, 'u': None, 'needed': 1, 'id': 1}
    assert twin._new
    assert N.get([1, 2]) == [entity]
    twin.save()
    assert twin.to_dict() == {**entity.to_dict(), 'id': 2}


def test_update(N: Any) -> None:
    """'`e.update(*args, **kwargs)` (returns the entity)'."""
    entity = N(a='x')
    assert entity.update({'a': 'y'}, b=2) is entity
    assert entity.update([('needed', 3)]) is entity
    assert (entity.a, entity.b, entity.needed) == ('y', 2, 3)


def test_removing_a_value(N: Any, connection: redis.Redis) -> None:
    """'Assigning `None`, or `del e.col`, removes the column'."""
    entity = saved(N(a='x', b=1))
    entity.a = None
    del entity.b
    assert (entity.a, entity.b, entity.save()) == (None, None, 2)
    assert connection.hgetall('N:1') == {b'id': b'1', b'needed': b'1'}
    assert not connection.exists('N:b:idx')


def test_removing_a_required_value(N: Any) -> None:
    """'on a required column: `InvalidOperation` for `del`, `InvalidColumnValue` where a value of
    the wrong type is set.'
    """
    entity = saved(N())
    with pytest.raises(rom.InvalidOperation):
        del entity.needed
    with pytest.raises(rom.InvalidColumnValue):
        entity.needed = 'one'
    assert (entity.needed, entity._modified) == (1, False)


SIGNATURES: dict[str, dict[str, Any]] = {
    'save': {'full': False, 'force': False},
    'delete': {'hard': False},  # new; of models with _soft_delete
    'refresh': {'force': False},
    'to_dict': {},
    'copy': {},
    'transfer': {'decimal_places': 0, 'refresh_entities': True, 'refresh_index': True},
    'does_not_startwith': {'blocksize': 100},
    'does_not_endwith': {'blocksize': 100},
}


@pytest.mark.parametrize('name', SIGNATURES)
def test_signatures(name: str) -> None:
    """'`e.save(full=False, force=False)`', '`e.refresh(force=False)`', '`e.transfer(other, attr,
    value, txn_model, txn_attr, decimal_places=0, refresh_entities=True, refresh_index=True)`' ...
    """
    parameters = inspect.signature(getattr(rom.Model, name)).parameters.values()
    empty = inspect.Parameter.empty
    assert {p.name: p.default for p in parameters if p.default is not empty} == SIGNATURES[name]
    if name == 'transfer':
        first = ['self', 'other', 'attr', 'value', 'txn_model', 'txn_attr']
        assert [p.name for p in parameters][:6] == first


HOOKS = ['insert', 'update', 'delete']


class TestHooks:
    """'Hooks, called around each write: `_before_insert _after_insert _before_update _after_update
    _before_delete _after_delete`.'
    """

    @pytest.fixture
    def calls(self) -> list[tuple[str, Any]]:
        return []

    @pytest.fixture
    def H(self, calls: list[tuple[str, Any]], connection: redis.Redis) -> Any:
        def hook(name: str) -> Any:
            return lambda self: calls.append((name, connection.hget('H:1', 'a')))

        names = [f'_{when}_{what}' for when in ('before', 'after') for what in HOOKS]
        return model('H', a=rom.Text(), **{name: hook(name) for name in names})

    def test_around_each_write(self, H: Any, calls: list[tuple[str, Any]]) -> None:
        entity = saved(H(a='x'))
        assert calls == [('_before_insert', None), ('_after_insert', b'x')]
        calls.clear()
        entity.a = 'y'
        entity.save()
        assert calls == [('_before_update', b'x'), ('_after_update', b'y')]
        calls.clear()
        entity.delete()
        assert calls == [('_before_delete', b'y'), ('_after_delete', None)]

    def test_of_a_session(self, H: Any, calls: list[tuple[str, Any]]) -> None:
        """'called around each write'."""
        entity = H(a='x')
        rom.session.commit()
        entity.a = 'y'
        rom.session.flush()
        rom.session.delete(entity)
        names = [f'_{when}_{what}' for what in HOOKS for when in ('before', 'after')]
        assert [name for name, _ in calls] == names

    @pytest.mark.parametrize('what', ['insert', 'update'])
    def test_before_may_change(self, H: Any, what: str) -> None:
        """'A `before` hook may change the entity'."""
        entity = H(a='x') if what == 'insert' else saved(H(a='old'))
        setattr(H, f'_before_{what}', lambda self: setattr(self, 'a', 'hooked'))
        entity.a = 'new'
        entity.save()
        assert (entity._modified, fresh(entity).a) == (False, 'hooked')

    @pytest.mark.parametrize('what', HOOKS)
    def test_before_may_stop(self, H: Any, connection: redis.Redis, what: str) -> None:
        """'an exception in it stops the write.'"""
        entity = H(a='x') if what == 'insert' else saved(H(a='old'))

        def stop(self: Any) -> None:
            raise KeyError('stop')

        setattr(H, f'_before_{what}', stop)
        entity.a = 'new'
        before = without_notes(dump(connection))
        with pytest.raises(KeyError):
            entity.delete() if what == 'delete' else entity.save()
        assert without_notes(dump(connection)) == before

    @pytest.mark.parametrize('what', ['insert', 'update'])
    def test_after_may_change(self, H: Any, what: str) -> None:
        """'What an `after` hook changes is not yet saved (the entity is modified again).'"""
        entity = H(a='x') if what == 'insert' else saved(H(a='old'))
        setattr(H, f'_after_{what}', lambda self: setattr(self, 'a', 'hooked'))
        entity.a = 'new'
        entity.save()
        assert (entity._modified, entity.a) == (True, 'hooked')
        rom.session.forget(entity)
        assert H.get(1).a == 'new'


def test_attributes(N: Any, connection: redis.Redis) -> None:
    """'Attributes programs read: `_pk` ('namespace:id'), `_pkey`, `_namespace`, `_columns`, `_new`,
    `_modified`, `_deleted`, `_connection`; `Model.query`.'
    """
    entity = N()
    assert (entity._new, entity._modified, entity._deleted) == (True, True, False)
    entity.save()
    assert (entity._new, entity._modified, entity._deleted) == (False, False, False)
    assert (entity._pk, entity._pkey, entity._namespace) == ('N:1', 'id', 'N')
    assert entity._columns == N._columns
    assert [*N._columns] == ['a', 'b', 'u', 'needed', 'id']
    assert all(isinstance(column, rom.Column) for column in N._columns.values())
    assert entity._connection is connection
    entity.b = 5
    assert entity._modified
    entity.save()
    entity.delete()
    assert entity._deleted
    assert isinstance(N.query, rom.Query)
