"""Names of rom 1.x that only old programs need."""

import datetime as dt
import importlib
import os
from typing import Any

import pytest

import rom
from rom import util
from tests.contract.support import python


def test_times_and_numbers() -> None:
    """Expected as 1.1.2 gives them; it loses a microsecond where a float is just below it."""
    assert util.dt2ts(dt.datetime(2020, 1, 1, 0, 0, 0, 250000)) == 1577836800.25
    assert util.dt2ts(dt.date(2020, 1, 1)) == 1577836800.0
    assert util.ts2dt(1577836800.25) == dt.datetime(2020, 1, 1, 0, 0, 0, 250000)
    assert util.t2ts(dt.time(1, 2, 3, 4)) == 3723.000004
    assert util.ts2t(3723.5) == dt.time(1, 2, 3, 500000)


@pytest.mark.parametrize('name', ['_disable_lua_writes', '_enable_lua_writes'])
def test_lua_is_always_used(name: str) -> None:
    with pytest.warns(UserWarning, match=rf'rom\.{name}\(\) has no effect') as caught:
        assert getattr(rom, name)() is None
    assert caught[0].filename == __file__
    assert name not in rom.__all__


def test_where_the_data_is() -> None:
    program = 'import rom; print(rom.util.REDIS_URI)'
    assert python('-c', program, PATH=os.environ['PATH']).strip() == 'redis://localhost:6379/0'
    assert python('-c', program, ROM_REDIS_URI='redis://far:1/2').strip() == 'redis://far:1/2'


@pytest.mark.parametrize(
    ('module', 'names'),
    [
        ('columns', 'MODELS MODELS_REFERENCED SKIP_ON_DELETE COLUMN_TYPES ORMError ColumnError'),
        ('columns', 'MissingColumn InvalidColumnValue InvalidOperation RestrictError'),
        ('model', 'Column ManyToOne OneToMany OneToOne Text IndexOnly UnsafeColumn GeoIndex'),
        ('model', 'MODELS MODELS_REFERENCED SKIP_ON_DELETE NUMERIC_TYPES QueryError ORMError'),
        ('model', 'ColumnError DataRaceError EntityDeletedError UniqueKeyViolation'),
        ('query', 'NOT_NULL NUMERIC_TYPES QueryError'),
        ('util', 'DataRaceError ORMError'),
    ],
)
def test_names_are_the_same_wherever_they_are(module: str, names: str) -> None:
    found: Any = importlib.import_module(f'rom.{module}')
    for name in names.split():
        assert getattr(found, name) is getattr(rom, name)
    with pytest.raises(AttributeError, match='has no attribute'):
        found.no_such_name
