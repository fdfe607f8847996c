"""Imports point one way. The table says which; the imports are read from the source, not run."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import rom

ROOT = Path(rom.__file__).parent

# From the bottom up. A module may import what stands above its own line here, and what is on it.
# The longest name that a module starts with is its line.
LAYERS = [
    (
        'rom._version',
        'rom.exceptions',
        'rom._core.support',
        'rom._core.migration_registry',
        'rom._core.model_registry',
    ),
    ('rom._core.encoding',),
    ('rom._core.columns',),
    ('rom._core.indexing.entry_lists',),
    ('rom._core.indexing',),
    ('rom._core.sharding',),
    ('rom._core.schema',),
    ('rom._core.schema_builder',),
    ('rom._core.writes',),
    (
        'rom._core.session_protocols',
        'rom._core.session_context',
        'rom._core.entered_session',
    ),
    ('rom._core.query',),
    ('rom._core.entities',),
    ('rom._core.pydantic_types',),
    ('rom._core.model', 'rom._core.model_queries'),
    ('rom._core.annotations', 'rom._core.migrations'),
    ('rom._core.ops.requests',),
    ('rom._core.ops.shards.lockstep',),
    (
        'rom._core.ops.compound_state',
        'rom._core.ops.hash_replies',
        'rom._core.ops.id_counters',
        'rom._core.ops.index_fingerprint',
        'rom._core.ops.load_parts',
        'rom._core.ops.load_rows',
        'rom._core.ops.locks',
        'rom._core.ops.memory_policy',
        'rom._core.ops.one_slot',
        'rom._core.ops.rows',
        'rom._core.ops.shards.entries',
        'rom._core.ops.shards.moved',
        'rom._core.ops.shards.partitions',
        'rom._core.ops.shards.resolve',
        'rom._core.ops.shards.strict_reads',
        'rom._core.ops.shared_trips',
        'rom._core.ops.time_slices',
    ),
    (
        'rom._core.ops.shards.asking',
        'rom._core.ops.shards.declaration',
        'rom._core.ops.shards.linked_rows',
        'rom._core.ops.shards.placing',
    ),
    ('rom._core.ops.commits',),
    ('rom._core.ops.shards',),
    ('rom._core.ops.search',),
    ('rom._core.ops.maintenance',),
    ('rom._core.ops',),
    ('rom._core.embedded',),
    ('rom._core.drivers',),
    ('rom._core.sessions',),
    ('rom._core.general_index', 'rom._core.old_names'),
    ('rom._core',),
    # The public modules.
    ('rom.columns', 'rom.model', 'rom.query', 'rom.index', 'rom.connections', 'rom.embedded'),
    ('rom.locks', 'rom.maintenance'),
    ('rom.migrations',),
    ('rom.jsonl', 'rom.index_stats'),
    ('rom.util', 'rom.aio'),
    ('rom',),
    ('rom.repocket', 'rom.schematics', 'rom.contrib', 'rom.testing'),
    ('rom.cli',),
]
PLACES = {name: place for place, names in enumerate(LAYERS) for name in names}
# Imports that point up, for type checkers only: (module, what it imports).
FOR_TYPES = {
    # An entity holds the attempt of its last write.
    ('rom._core.entities.entity_state', 'rom._core.ops.commits.attempts'),
}
# Packages that only the embedded server and the drivers may know: no other file touches a socket.
WIRE = {'redis', 'hiredis', 'socket', 'select', 'ssl', 'subprocess'}


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix('').parts
    return '.'.join(parts[:-1] if parts[-1] == '__init__' else parts)


FILES = {name_of(path): path for path in sorted(ROOT.rglob('*.py')) if 'lua' not in path.parts}


def place(module: str) -> int | None:
    """The line of a module; the package itself has its own, which stands for nothing below it."""
    name = module
    while name not in PLACES or (name == 'rom' and module != 'rom'):
        name, dot, _ = name.rpartition('.')
        if not dot:
            return None
    return PLACES[name]


def runs_for_types_only(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and 'TYPE_CHECKING' in ast.dump(node.test)


class Import(NamedTuple):
    """What is imported, by full name, and where; of `from x import y`, x.y if it is a module."""

    name: str
    line: int
    for_types: bool = False


def imports(
    tree: ast.AST, inside_functions: bool = True, for_types: bool = False
) -> Iterator[Import]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno, for_types) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f'line {node.lineno}: write the full name'
            for alias in node.names:
                full = f'{node.module}.{alias.name}'
                name = full if full in FILES else str(node.module)
                yield Import(name, node.lineno, for_types)
        elif runs_for_types_only(node):
            assert isinstance(node, ast.If)
            yield from imports(ast.Module(node.body, []), inside_functions, True)
            yield from imports(ast.Module(node.orelse, []), inside_functions, for_types)
        elif inside_functions or not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield from imports(node, inside_functions, for_types)


def found(module: str, inside_functions: bool = True) -> list[Import]:
    return list(imports(ast.parse(FILES[module].read_text()), inside_functions))


def points_up(module: str, name: str) -> bool:
    own, there = place(module), place(name)
    return name.partition('.')[0] == 'rom' and (there is None or own is None or there > own)


@pytest.mark.parametrize('module', FILES)
def test_imports_point_one_way(module: str) -> None:
    """Those for type checkers, too."""
    assert place(module) is not None, f'{module} has no place in LAYERS'
    wrong = [
        f'{FILES[module]}:{each.line} imports {each.name}'
        for each in found(module)
        if points_up(module, each.name)
        if not (each.for_types and (module, each.name) in FOR_TYPES)
    ]
    assert not wrong


def test_every_exception_is_needed() -> None:
    needed = {
        (module, each.name)
        for module in FILES
        for each in found(module)
        if each.for_types and points_up(module, each.name)
    }
    assert needed == FOR_TYPES


BELOW = min(PLACES['rom._core.embedded'], PLACES['rom._core.drivers'])


@pytest.mark.parametrize('module', [m for m in FILES if (place(m) or 0) < BELOW])
def test_below_the_drivers_nothing_knows_the_wire(module: str) -> None:
    names = {each.name.partition('.')[0] for each in found(module) if not each.for_types}
    assert not names & WIRE


def test_no_module_imports_itself_in_a_circle() -> None:
    """Imports at the top of files only; one inside a function is how a circle is broken."""
    graph = {
        module: {
            each.name
            for each in found(module, inside_functions=False)
            if each.name in FILES and not each.for_types
        }
        for module in FILES
    }
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, ' -> '.join([*path[path.index(module) :], module])
        if module not in done:
            for name in sorted(graph[module] & graph.keys() - {module}):
                visit(name, (*path, module))
            done.add(module)

    for module in graph:
        visit(module, ())


# By the module that a program imports, what is left to the first use: (the feature, its modules).
LATER = {
    'rom': [
        ('sessions', 'rom._core.sessions.sync_session'),
        ('operations', 'rom._core.ops'),
        ('models by annotations', 'rom._core.annotations'),
        ('columns of lists', 'rom._core.columns.lists'),
        ('assignments of updates', 'rom._core.query.assignments'),
        ('terms of ranked texts', 'rom._core.encoding.terms'),
        ('pydantic', 'rom._core.pydantic_types'),
        ('the embedded server', 'rom._core.embedded'),
    ],
    'rom._core.sessions.sync_session': [
        ('partitions', 'rom._core.ops.shards.partitions'),
        ('commits over partitions', 'rom._core.ops.shards.transact'),
        ('queries over partitions', 'rom._core.ops.search.scattered'),
        ('moves into partitions', 'rom._core.ops.moving'),
        ('migrations', 'rom._core.ops.migrations'),
        ('places', 'rom._core.ops.search.geo_search'),
        ('asyncio', 'rom._core.drivers.async_clients'),
        ('clusters', 'rom._core.drivers.cluster_nodes'),
    ],
}


@pytest.mark.parametrize('start', LATER)
def test_a_program_imports_what_it_uses(start: str) -> None:
    """The time of `import rom` is that of its modules."""
    reached, waiting = set[str](), [start]
    while waiting:
        module = waiting.pop()
        reached.add(module)
        names = {each.name for each in found(module, False) if not each.for_types}
        waiting += (names & FILES.keys()) - reached
    early = {
        feature: sorted(one for one in reached if one == name or one.startswith(f'{name}.'))
        for feature, name in LATER[start]
    }
    assert {feature: names for feature, names in early.items() if names} == {}


def test_types_make_no_circle_either() -> None:
    graph = {
        module: {each.name for each in found(module, inside_functions=False)} & FILES.keys()
        for module in FILES
    }

    def reached_from(module: str) -> set[str]:
        reached, waiting = set[str](), [module]
        while waiting:
            further = graph[waiting.pop()] - reached - {module}
            reached |= further
            waiting += further
        return {name for name in reached if module in graph[name]}

    assert {module: ends for module in FILES if (ends := reached_from(module))} == {}


def test_every_line_of_the_table_that_exists_is_met() -> None:
    met = {place(module) for module in FILES}
    there = {p for name, p in PLACES.items() if name in FILES}
    assert there <= met


def test_the_reader_of_imports_sees_what_it_should() -> None:
    source = """
import rom.model
from rom import model, VERSION
from rom._core.columns.base import Column
if TYPE_CHECKING:
    from rom._core.sessions import Session
else:
    import rom.cli
def f():
    import rom.util
class C:
    from rom.query import Query
"""
    seen = [(each.name, each.for_types) for each in imports(ast.parse(source))]
    assert seen == [
        ('rom.model', False),
        ('rom.model', False),
        ('rom', False),
        ('rom._core.columns.base', False),
        ('rom._core.sessions', True),
        ('rom.cli', False),
        ('rom.util', False),
        ('rom.query', False),
    ]
    assert 'rom.util' not in [each.name for each in imports(ast.parse(source), False)]


def test_modules_of_named_tuples_evaluate_annotations() -> None:
    """`NamedTuple` compiles each annotation that is a string: three times the time of the class."""
    slow = [
        module
        for module, path in FILES.items()
        if 'NamedTuple' in (source := path.read_text())
        and re.search(r'^class .*\bNamedTuple\b', source, re.MULTILINE)
        and 'from __future__ import annotations' in source
    ]
    assert slow == []
