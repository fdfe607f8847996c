"""scripts/typing_check.py: errors of a type checker, compared with the lines marked as wrong."""

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.one_server

SCRIPT = Path(__file__).resolve().parent.parent.parent / 'scripts' / 'typing_check.py'
LINES = """\
a = 1
b = 2  # wrong
c = 3  # wrong: mypy
d = '# wrong'
e = 5  # wrong  # noqa: E711
"""


def load() -> Any:
    spec = importlib.util.spec_from_file_location('typing_check', SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ('checker', 'found', 'differences'),
    [
        ('mypy', [2, 3, 5], []),
        ('mypy', [2, 5], ['3: no error found']),
        ('pyright', [2, 5], []),
        ('pyright', [2, 3, 5], ['3: error']),
        ('mypy', [1, 2, 3, 5, 5], ['1: error']),
        ('mypy', [], ['2: no error found', '3: no error found', '5: no error found']),
    ],
)
def test_each_difference_is_shown(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    checker: str,
    found: list[int],
    differences: list[str],
) -> None:
    check = load()
    (tmp_path / 'lines.py').write_text(LINES)
    errors = [check.Error('lines.py', line, 'error') for line in found]
    monkeypatch.setattr(check, 'ROOT', tmp_path)
    monkeypatch.setattr(check, 'TYPING', tmp_path)
    monkeypatch.setitem(check.CHECKERS, checker, lambda: errors)
    assert check.main(checker) == len(differences)
    *shown, summary = capsys.readouterr().out.splitlines()
    assert shown == [f'lines.py:{difference}' for difference in differences]
    assert summary.startswith(f'{checker}: ')


def test_the_project_has_lines_for_both_checkers() -> None:
    check = load()
    for checker in check.CHECKERS:
        assert len(set(check.marked_lines(checker))) > 70
    assert all((check.TYPING / name).exists() for name in check.PYRIGHT)
