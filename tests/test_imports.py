"""Imports point one way. The table says which; the imports are read from the source, not run."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import rom

ROOT = Path(rom.__file__).parent

# From the bottom up. A module may import what stands above its own line here, and what is on it.
# The longest name that a module starts with is its line.
LAYERS = [
    (
        'rom._version',
        'rom._core.support.classproperty',
        'rom._core.support.clock',
        'rom.exceptions',
        'rom._core.support.lazy_import',
        'rom._core.support.caller_warnings',
    ),
    ('rom._core.encoding',),
    ('rom._core.model_registry',),
    ('rom.columns',),
    ('rom._core.indexing.entry_lists',),
    ('rom._core.indexing.column_index',),
    ('rom._core.indexing.geo_index',),
    ('rom._core.schema',),
    ('rom._core.indexing.entry_changes',),
    ('rom._core.writes.changes',),
    ('rom._core.writes.decoded_row',),
    ('rom._core.writes.planner',),
    ('rom._core.session_context', 'rom._core.entered_session'),
    ('rom.query',),
    ('rom._core.entities.metaclass',),
    ('rom._core.entities.pickling', 'rom._core.entities.entity_repr'),
    ('rom._core.entities.entity',),
    ('rom._core.pydantic_types',),
    ('rom.model',),
    ('rom._core.ops.requests',),
    ('rom._core.ops',),
    ('rom._core.drivers',),
    ('rom._core.sessions',),
    (
        'rom.locks',
        'rom.maintenance',
        'rom._core.compat.old_names',
        'rom._core.compat.loaded_script',
    ),
    ('rom.jsonl', 'rom.index_stats'),
    ('rom.util', 'rom.index', 'rom.aio'),
    ('rom',),
    ('rom.repocket', 'rom.schematics', 'rom.contrib', 'rom.testing'),
    ('rom.cli',),
]
PLACES = {name: place for place, names in enumerate(LAYERS) for name in names}
# Packages that only drivers may know: no other file touches a socket.
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


def imports(tree: ast.AST, inside_functions: bool = True) -> Iterator[tuple[str, int]]:
    """What is imported, by full name, and where; of `from x import y`, x.y if it is a module."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f'line {node.lineno}: write the full name'
            for alias in node.names:
                full = f'{node.module}.{alias.name}'
                yield full if full in FILES else str(node.module), node.lineno
        elif runs_for_types_only(node):
            assert isinstance(node, ast.If)
            yield from imports(ast.Module(node.orelse, []), inside_functions)
        elif inside_functions or not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield from imports(node, inside_functions)


def found(module: str, inside_functions: bool = True) -> list[tuple[str, int]]:
    return list(imports(ast.parse(FILES[module].read_text()), inside_functions))


@pytest.mark.parametrize('module', FILES)
def test_imports_point_one_way(module: str) -> None:
    own = place(module)
    assert own is not None, f'{module} has no place in LAYERS'
    wrong = [
        f'{FILES[module]}:{line} imports {name}'
        for name, line in found(module)
        if name.partition('.')[0] == 'rom' and (place(name) is None or place(name) > own)  # type: ignore[operator]
    ]
    assert not wrong


@pytest.mark.parametrize(
    'module', [m for m in FILES if (place(m) or 0) < PLACES['rom._core.drivers']]
)
def test_below_the_drivers_nothing_knows_the_wire(module: str) -> None:
    names = {name.partition('.')[0] for name, _ in found(module)}
    assert not names & WIRE


def test_no_module_imports_itself_in_a_circle() -> None:
    """Imports at the top of files only; one inside a function is how a circle is broken."""
    graph = {
        module: {name for name, _ in found(module, inside_functions=False) if name in FILES}
        for module in FILES
    }
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, ' -> '.join([*path[path.index(module) :], module])
        if module not in done:
            for name in sorted(graph[module] - {module}):
                visit(name, (*path, module))
            done.add(module)

    for module in graph:
        visit(module, ())


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
    names = [name for name, _ in imports(ast.parse(source))]
    assert names == [
        'rom.model', 'rom.model', 'rom', 'rom._core.columns.base', 'rom.cli', 'rom.util', 'rom.query',
    ]  # fmt: skip
    assert 'rom.util' not in [name for name, _ in imports(ast.parse(source), False)]
