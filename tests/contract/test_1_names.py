"""Contract, section 1: names. Each docstring quotes what its test proves."""

import ast
import importlib
from typing import Any

import pytest
import redis

import rom
from tests.contract.support import ROOT, fresh, ids, model, saved

pytestmark = pytest.mark.one_server

NAMES = {
    'columns': """
        Column Integer Boolean Float Decimal DateTime SaferDateTime Date Time String Text
        Json PrimaryKey ManyToOne OneToOne OneToMany ForeignModel IndexOnly UnsafeColumn
    """,
    'model and query': 'Model Query GeoIndex GeneralIndex Pattern Prefix Suffix NOT_NULL',
    'session and util': 'session ClassProperty util',
    'keygens': """
        FULL_TEXT CASE_INSENSITIVE SIMPLE SIMPLE_CI IDENTITY IDENTITY_CI IDENTITY_STRING
        IDENTITY_STRING_CI
    """,
    'registries': """
        MODELS MODELS_REFERENCED SKIP_ON_DELETE COLUMN_TYPES NUMERIC_TYPES VERSION
    """,
}
COLUMNS, KEYGENS = NAMES['columns'].split(), NAMES['keygens'].split()

# Each error with all that it is.
ERRORS = {
    'ORMError': {'ORMError'},
    'UniqueKeyViolation': {'UniqueKeyViolation', 'ORMError'},
    'InvalidOperation': {'InvalidOperation', 'ORMError'},
    'ColumnError': {'ColumnError', 'ORMError'},
    'BulkError': {'BulkError', 'ORMError'},
    'QueryError': {'QueryError', 'InvalidOperation', 'ORMError'},
    'RestrictError': {'RestrictError', 'InvalidOperation', 'ORMError'},
    'DataRaceError': {'DataRaceError', 'InvalidOperation', 'ORMError'},
    'EntityDeletedError': {'EntityDeletedError', 'InvalidOperation', 'ORMError'},
    'MissingColumn': {'MissingColumn', 'ColumnError', 'ORMError'},
    'InvalidColumnValue': {'InvalidColumnValue', 'ColumnError', 'ORMError'},
    'UnsafeError': {'UnsafeError', 'ColumnError', 'ORMError'},
}
EVERY_NAME = [*' '.join(NAMES.values()).split(), *ERRORS]


@pytest.mark.parametrize('name', EVERY_NAME)
def test_star(name: str) -> None:
    """'`from rom import *` gives (and `rom.__all__` lists ...)' each of these."""
    given: dict[str, Any] = {}
    exec('from rom import *', given)
    assert given[name] is getattr(rom, name)
    assert name in rom.__all__


def test_all_is_sorted() -> None:
    """'and `rom.__all__` lists, sorted'."""
    assert rom.__all__ == sorted(set(rom.__all__))


@pytest.mark.parametrize('name', COLUMNS)
def test_columns_are_classes(name: str) -> None:
    """'Columns: ...': classes; OneToMany and UnsafeColumn have no value in the row."""
    column = getattr(rom, name)
    assert issubclass(column, rom.Column) == (name not in ('OneToMany', 'UnsafeColumn'))
    assert column in rom.COLUMN_TYPES
    assert getattr(rom.columns, name) is column


def test_the_other_names() -> None:
    """'Model and query', 'Session and util', 'Keygens', with what they are known for."""
    assert isinstance(model().query, rom.Query)
    assert rom.util.session is rom.session
    assert rom.util.ClassProperty is rom.ClassProperty
    assert all(getattr(rom.util, name) is getattr(rom, name) for name in KEYGENS)
    assert rom.CASE_INSENSITIVE is rom.SIMPLE_CI
    assert isinstance(rom.VERSION, str)
    assert int in rom.NUMERIC_TYPES


@pytest.mark.parametrize('name', ERRORS)
def test_errors(name: str) -> None:
    """'Errors, all in `rom.exceptions` and in `rom`: `ORMError` is the root. ...'

    '`EntityDeletedError` (which is no `DataRaceError`)'.
    """
    error = getattr(rom, name)
    assert getattr(rom.exceptions, name) is error
    assert {base.__name__ for base in error.__mro__} & ERRORS.keys() == ERRORS[name]
    assert issubclass(rom.ORMError, Exception)


def test_errors_carry_their_data(connection: redis.Redis) -> None:
    """'`UniqueKeyViolation`, `DataRaceError` and `EntityDeletedError` carry (message, namespace,
    id) in `args`, and the same as attributes, with the columns concerned.'
    """
    N = model(_namespace='ns', a=rom.Text(unique=True), b=rom.Integer())
    N(a='taken').save()
    entity = saved(N(a='mine', b=1))

    def attempt(column: str, value: Any, kind: type[Exception]) -> Any:
        setattr(entity, column, value)
        with pytest.raises(kind) as caught:
            entity.save()
        error: Any = caught.value
        assert error.args == (str(error), 'ns', 2)
        assert (error.namespace, error.id) == ('ns', 2)
        entity.refresh(force=True) if kind is not rom.EntityDeletedError else None
        return error.columns

    assert attempt('a', 'taken', rom.UniqueKeyViolation) == ('a',)
    connection.hset('ns:2', 'b', '7')
    assert attempt('b', 2, rom.DataRaceError) == ('b',)
    connection.delete('ns:2')
    assert attempt('b', 3, rom.EntityDeletedError) == ()  # none of them: all is gone


def test_models() -> None:
    """'`MODELS` (name and namespace -> class, holds `'Model'` too)'."""
    N = model('Name', _namespace='space')
    assert rom.MODELS['Name'] is rom.MODELS['space'] is N
    assert rom.MODELS['Model'] is rom.Model


def test_models_referenced() -> None:
    """'Registries: `MODELS_REFERENCED`': it holds the models that are referred to."""
    model('Child', parent=rom.ManyToOne('Parent', 'cascade'))
    assert list(rom.MODELS_REFERENCED) == ['Parent']


def test_registries_can_be_cleared() -> None:
    """'Programs `clear()` these dicts in tests; that must work.'"""
    for _ in range(2):
        for registry in (rom.MODELS, rom.MODELS_REFERENCED, rom.SKIP_ON_DELETE):
            registry.clear()
        Parent = model('Parent', children=rom.OneToMany('Child'))
        Child = model('Child', parent=rom.ManyToOne('Parent', 'cascade'))
        parent = saved(Parent())
        child = saved(Child(parent=parent))
        assert ids(fresh(parent).children) == [child.id]
        fresh(parent).delete()
        assert Child.query.all() == Parent.query.all() == []
        rom.session.rollback()


MODULES = {
    'util': [*KEYGENS, 'ClassProperty', 'session'],
    'columns': COLUMNS,
    'model': ['Model'],
    'query': ['Query'],
    'index': ['GeneralIndex', 'GeoIndex', 'Pattern', 'Prefix', 'Suffix'],
    'exceptions': list(ERRORS),
}


@pytest.mark.parametrize('name', MODULES)
def test_modules(name: str) -> None:
    """'Modules programs import from: `rom.util rom.columns rom.model rom.query rom.index
    rom.exceptions`.'
    """
    module = importlib.import_module(f'rom.{name}')
    assert getattr(rom, name) is module
    for attribute in MODULES[name]:
        assert getattr(module, attribute) is getattr(rom, attribute)


def test_connect(connection: redis.Redis) -> None:
    """'`rom.util` also answers to `_connect(obj)`'."""
    N = model()
    assert rom.util._connect(N) is rom.util._connect(N()) is connection


def test_script_load(connection: redis.Redis) -> None:
    """'`_script_load(text)` (returns a callable `(conn, keys=[], args=[], force_eval=False)`)'."""
    script = rom.util._script_load('return {KEYS[1] or "", ARGV[1] or ""}')
    connection.script_flush()
    assert script(connection) == script(connection) == [b'', b'']
    assert script(connection, ['k'], ['a']) == [b'k', b'a']
    assert script(conn=connection, keys=['k'], args=['a'], force_eval=True) == [b'k', b'a']


def test_prefix_score_and_encode_unique_constraint(connection: redis.Redis) -> None:
    """'`_prefix_score`, `_encode_unique_constraint`': what is stored."""
    N = model(
        a=rom.Text(prefix=True, keygen=rom.IDENTITY), b=rom.Text(), unique_together=('a', 'b')
    )
    N(a='éa', b='x').save()
    [(_, score)] = connection.zrange('N:a:pre', 0, -1, withscores=True)
    assert float(rom.util._prefix_score('éa')) == score
    [value] = connection.hkeys('N:a:b:uidx')
    assert rom.util._encode_unique_constraint(['éa', 'x']).encode() == value


@pytest.mark.parametrize(
    ('factory', 'expected'),
    [
        ('_dict_data_factory', {'a': 1, 'b': 2}),
        ('_list_data_factory', [1, 2]),
        ('_tuple_data_factory', (1, 2)),
        ('_namedtuple_data_factory', (1, 2)),
    ],
)
def test_data_factories(factory: str, expected: Any) -> None:
    """'`rom.query` has `_dict_data_factory _list_data_factory _tuple_data_factory
    _namedtuple_data_factory`.'
    """
    N = model(a=rom.Integer(), b=rom.Integer())
    N(a=1, b=2).save()
    [found] = N.query.select('a', 'b', ff=getattr(rom.query, factory)).all()
    assert found == expected
    assert isinstance(found, type(expected))
    if factory == '_namedtuple_data_factory':
        assert (found.a, found.b) == (1, 2)


UNDERSCORED = {
    '_connect', '_script_load', '_prefix_score', '_encode_unique_constraint', '_dict_data_factory',
    '_list_data_factory', '_tuple_data_factory', '_namedtuple_data_factory',
}  # fmt: skip


def test_underscore_names_are_for_others() -> None:
    """'Keep such underscore names in one compatibility place each; nothing of ours depends on
    them.'
    """
    defined, used = [], set()
    for path in (ROOT / 'rom').rglob('*.py'):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and node.name in UNDERSCORED:
                defined.append(node.name)
            elif isinstance(node, ast.Name) and node.id in UNDERSCORED:
                defined.append(node.id) if isinstance(node.ctx, ast.Store) else used.add(node.id)
            elif isinstance(node, ast.Attribute) and node.attr in UNDERSCORED:
                used.add(node.attr)
    assert sorted(defined) == sorted(UNDERSCORED)
    assert used == set()
