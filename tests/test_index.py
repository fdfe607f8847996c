"""What the packages export. A name that comes or goes must come or go here too."""

import copy
import dataclasses
import importlib
import inspect
import pickle
import pydoc
import re
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
    'InDoubtError', 'LineError', 'List', 'MigrationError', 'MigrationWarning', 'ModelMovedError',
    'NotReplicatedError', 'ServerError', 'ServerUnavailable', 'Session', 'Set',
    'StaleEntityError', 'StaleIndexWarning', 'TransferError', 'UnwrittenWarning',
    'connect', '_disable_lua_writes', '_enable_lua_writes',
    'Duration', 'Enum', 'IPAddress', 'Shards', 'Typed', 'UUID',
    'LinkCollection', 'ManyToMany', 'ReverseLinkCollection',
    'Mapped', 'Mixin', 'Ref', 'TypedModel', 'column', 'id_of', 'related', 'relation',
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
        EntityLock Lock check clean_old_index clean_unsafe_cols recover refresh_all_indexes
        refresh_indices reindex shard show_progress status
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
FRONT_ENDS = (
    'rom.aio.jsonl', 'rom.aio.locks', 'rom.aio.maintenance', 'rom.contrib.django',
    'rom.contrib.asgi', 'rom.contrib.flask', 'rom.index_stats', 'rom.repocket',
    'rom.schematics', 'rom.testing',
)  # fmt: skip
# Names that `__all__` leaves out, because a program of 1.x with `import *` does not expect them.
BESIDE = {
    'rom': 'AsyncSession Duration Enum ExpireAt IPAddress List Session Set Typed UUID connect',
    'rom.columns': 'Duration Enum IPAddress List Set Typed UUID',
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
def test_functions_name_their_public_module(module: str) -> None:
    for value in public(module):
        if isinstance(value, types.FunctionType):
            assert '_core' not in value.__module__
            home = importlib.import_module(value.__module__)
            assert getattr(home, value.__qualname__) is value


@pytest.mark.parametrize('module', [*PUBLIC, *FRONT_ENDS])
def test_the_source_of_what_is_public_can_be_read(module: str) -> None:
    """By `inspect`, and so by debuggers and the ?? of IPython; and `help` names it."""
    kinds = (type, types.FunctionType)
    values = [value for value in public(module) if isinstance(value, kinds)]
    own = [value for value in values if value.__module__.partition('.')[0] == 'rom']
    assert own
    for value in own:
        kind = 'class' if isinstance(value, type) else 'def'
        source = inspect.getsource(value)
        assert re.search(rf'^(async )?{kind} {value.__name__}\b', source, re.MULTILINE)
        file = Path(inspect.getsourcefile(inspect.unwrap(value)) or '')
        first = inspect.getsourcelines(value)[1] - 1
        lines = file.read_text('utf-8').splitlines(keepends=True)
        assert ''.join(lines[first:]).startswith(source)
        assert value.__name__ in pydoc.plain(pydoc.render_doc(value))


@pytest.mark.parametrize('module', PUBLIC)
def test_results_are_pickled_by_their_public_path(module: str) -> None:
    """So that a pickle can be read after a module of rom._core was renamed."""
    results = [value for value in public(module) if dataclasses.is_dataclass(value)]
    results += [value for value in public(module) if hasattr(value, '_fields')]
    for kind in results:
        assert get_type_hints(kind).keys() >= vars(kind)['__annotations__'].keys()
        result = kind(*range(len(kind.__match_args__)))
        for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
            stored = pickle.dumps(result, protocol)
            assert b'_core' not in stored
            again = pickle.loads(stored)
            assert type(again) is kind and again == result
        assert copy.copy(result) == copy.deepcopy(result) == result


def public(module: str) -> list[Any]:
    """The values that a program imports from a module."""
    found = importlib.import_module(module)
    names = getattr(found, '__all__', None) or exported(found)
    return [getattr(found, name) for name in (*names, *BESIDE.get(module, '').split())]


def test_the_modules_that_programs_import_from() -> None:
    """Contract, section 1."""
    for name in ('util', 'columns', 'model', 'query', 'index', 'exceptions'):
        assert importlib.import_module(f'rom.{name}')


def test_the_session_is_one() -> None:
    assert rom.session is rom.util.session


def test_the_version_is_a_version() -> None:
    assert rom.VERSION.split('.')[0].isdigit()
