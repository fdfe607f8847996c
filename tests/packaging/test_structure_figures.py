"""The figures of the structure: lines of functions, comments, and the words that are counted."""

import ast
import importlib.util
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.one_server

SCRIPT = Path(__file__).parents[2] / 'scripts' / 'structure_figures.py'


@pytest.fixture(scope='module')
def script() -> Any:
    spec = importlib.util.spec_from_file_location('structure_figures', SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_what_is_counted(script: Any) -> None:
    long = 'def f():\n    """It says a word."""\n' + '    pass\n' * 51
    short = (
        '# It goes there.\ndef g():\n    """Return 1.\n\n    More."""\n' + '    pass  # x\n' * 49
    )
    found = script.figures({'rom/a.py': long, 'rom/_core/b.py': short})
    assert found['modules of rom; below _core'] == '2; 1'
    assert found['lines of a module: median; largest'] == '54; 54 (rom/_core/b.py)'
    assert found['functions of more than 50 lines'] == '1'
    assert found['comment lines, of all'] == '0.9%'
    words = 4 + 3 + 3 + 49
    assert found['tell, told, say, said, per 10,000 words'] == f'{10_000 / words:.0f}'
    assert found['come, gone, goes, per 10,000 words'] == f'{10_000 / words:.0f}'
    assert found['is no, is none, per 10,000 words'] == '0'


def test_no_function_is_longer_than_a_screen(script: Any) -> None:
    long = [
        f'{path.relative_to(script.ROOT)}: {node.name}: {script.lines_of(node)} lines'
        for path in sorted((script.ROOT / 'rom').rglob('*.py'))
        for node in ast.walk(ast.parse(path.read_text('utf-8')))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if script.lines_of(node) > script.MOST_LINES
    ]
    assert long == []
