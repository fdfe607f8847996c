"""What the packages export. A name that comes or goes must come or go here too."""

import dataclasses
import importlib
import types
from pathlib import Path
from typing import Any, get_type_hints

import pytest

import rom

# Contract, section 1: what `from rom import *` brings.
CONTRACT_NAMES = """
    Column Integer Boolean Float Decimal DateTime SaferDateTime Date Time String Text Json
    PrimaryKey ManyToOne OneToOne OneToMany ForeignModel IndexOnly UnsafeColumn
    Model Query GeoIndex GeneralIndex Pattern Prefix Suffix NOT_NULL
    session ClassProperty util
    FULL_TEXT CASE_INSENSITIVE SIMPLE SIMPLE_CI IDENTITY IDENTITY_CI IDENTITY_STRING
    IDENTITY_STRING_CI
    ORMError UniqueKeyViolation InvalidOperation ColumnError BulkError QueryError RestrictError
    DataRaceError EntityDeletedError MissingColumn InvalidColumnValue UnsafeError
    MODELS MODELS_REFERENCED SKIP_ON_DELETE COLUMN_TYPES NUMERIC_TYPES VERSION
"""
CONTRACT = set(CONTRACT_NAMES.split())
# Of the contract, what is not made yet. This must become empty.
PENDING_NAMES = """
"""
PENDING = set(PENDING_NAMES.split())
# Modules that `__all__` has beside the contract's names.
MODULES = {'columns', 'exceptions', 'index', 'model', 'query'}
# What is ours, reached by name, and not brought by `from rom import *`.
OURS = {
    'ArgumentError', 'AsyncSession', 'CorruptRowError', 'EvictionWarning', 'ExpireAt',
    'InDoubtError', 'LineError', 'MigrationError', 'MigrationWarning', 'NotReplicatedError',
    'ServerError', 'ServerUnavailable', 'Session', 'StaleEntityError', 'StaleIndexWarning',
    'TransferError', 'UnwrittenWarning',
    'connect', '_disable_lua_writes', '_enable_lua_writes',
    'Duration', 'Enum', 'IPAddress', 'UUID',
}  # fmt: skip
# What rom 1.x had in a package as well; it is there once it was asked for.
OLD_NAMES = {
    'rom.columns': """
        _ERRORS COLUMN_TYPES ON_DELETE MODELS MODELS_REFERENCED SKIP_ON_DELETE ColumnError
        InvalidColumnValue InvalidOperation MissingColumn ORMError RestrictError
        """,
    'rom.query': 'ALLOWED_DIST NOT_NULL NUMERIC_TYPES QueryError',
}

EXPORTS = {
    'rom.aio': """
        EntityLock Lock check clean_old_index clean_unsafe_cols refresh_all_indexes refresh_indices
        reindex show_progress status
        """,
    'rom.columns': """
        Boolean Column Date DateTime Decimal ExpireAt Float ForeignModel IndexOnly Integer Json
        ManyToOne OneToMany OneToOne PrimaryKey SaferDateTime String Text Time UnsafeColumn
        """,
    'rom.connections': 'connect server_of',
    'rom.embedded': 'EmbeddedServer find_binary open_server',
    'rom.index': 'GeneralIndex GeoIndex Pattern Prefix Suffix',
    'rom.jsonl': 'Block Loaded dump highest load reserve resume',
    'rom.model': 'Model',
    'rom.query': """
        Query _dict_data_factory _list_data_factory _namedtuple_data_factory _tuple_data_factory
        """,
}
# The modules whose names programs import.
PUBLIC = (*EXPORTS, 'rom', 'rom.exceptions', 'rom.locks', 'rom.maintenance', 'rom.util')
# Names that `__all__` leaves out, because a program of 1.x with `import *` does not expect them.
BESIDE = {
    'rom': 'AsyncSession Duration Enum ExpireAt IPAddress Session UUID connect',
    'rom.columns': 'Duration Enum IPAddress UUID',
    'rom.index': 'Geofilter',
    'rom.jsonl': 'ImportCounts',
    'rom.query': 'Call Explanation Filter Page Plan Run Sorting Step',
}


def exported(module: types.ModuleType) -> set[str]:
    """The names that a package's __init__ brings in, modules left out."""
    return {
        name
        for name, value in vars(module).items()
        if not isinstance(value, types.ModuleType)
        and not name.startswith('__')
        and name not in ('Any', 'TYPE_CHECKING', 'annotations', 'cast', 'lazily', 'publish')
        and name not in OLD_NAMES.get(module.__name__, '').split()
    }


def test_all_is_the_contract() -> None:
    assert set(rom.__all__) == (CONTRACT - PENDING) | MODULES
    assert len(rom.__all__) == len(set(rom.__all__))


def test_all_is_sorted() -> None:
    assert rom.__all__ == sorted(rom.__all__)


def test_what_is_ours_is_there_and_does_not_come_with_the_star() -> None:
    for name in [*rom.__all__, *OURS]:
        getattr(rom, name)  # some are imported only then
    assert exported(rom) == ((set(rom.__all__) | OURS) - MODULES - {'util'})
    namespace: dict[str, Any] = {}
    exec('from rom import *', namespace)
    assert set(namespace) - {'__builtins__'} == set(rom.__all__)


@pytest.mark.parametrize('name', sorted(set(rom.__all__) | OURS))
def test_every_name_is_there(name: str) -> None:
    assert getattr(rom, name) is not None


@pytest.mark.parametrize('package', EXPORTS)
def test_what_a_package_exports(package: str) -> None:
    module = importlib.import_module(package)
    names = EXPORTS[package].split()
    public = getattr(module, '__all__', None) or sorted(exported(module))
    assert public == sorted(name for name in names if name[0] != '_')
    for name in names:
        assert hasattr(module, name)


def test_every_package_is_pinned() -> None:
    root = Path(rom.__file__).parent
    packages = {path.parent.name for path in root.glob('*/__init__.py')}
    front_ends = {'cli', 'contrib', 'lua', 'repocket', 'schematics'}
    assert packages - front_ends == {'_core', 'aio', 'jsonl'}


@pytest.mark.parametrize('module', PUBLIC)
def test_what_is_public_says_so(module: str) -> None:
    """Tracebacks, documents and pickles name a path that programs may import from."""
    found = importlib.import_module(module)
    names = [*getattr(found, '__all__', exported(found)), *BESIDE.get(module, '').split()]
    for value in [getattr(found, name) for name in names]:
        if isinstance(value, (type, types.FunctionType)):
            home = importlib.import_module(value.__module__)
            assert '_core' not in value.__module__
            assert getattr(home, value.__qualname__) is value
            if dataclasses.is_dataclass(value) or hasattr(value, '_fields'):
                assert get_type_hints(value).keys() >= vars(value)['__annotations__'].keys()


def test_the_modules_that_programs_import_from() -> None:
    """Contract, section 1."""
    for name in ('util', 'columns', 'model', 'query', 'index', 'exceptions'):
        assert importlib.import_module(f'rom.{name}')


def test_the_session_is_one() -> None:
    assert rom.session is rom.util.session


def test_the_version_is_a_version() -> None:
    assert rom.VERSION.split('.')[0].isdigit()
