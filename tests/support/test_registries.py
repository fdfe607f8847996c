"""Each document has registries of its own."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

DOCUMENT = """
    >>> import rom
    >>> 'ConftestAbove' in rom.MODELS, list(rom.MODELS)
    (False, ['Model'])
    >>> class ConftestShop(rom.Model):
    ...     parent = rom.ManyToOne('ConftestShop', 'no action')
    >>> list(rom._core.model_registry.MODELS_REFERENCED)
    ['ConftestShop']
"""
TEST = """
import rom

class ConftestAbove(rom.Model):
    name = rom.Text()

def test_what_a_document_leaves_behind():
    assert 'ConftestAbove' in rom.MODELS
    assert 'ConftestShop' not in {*rom.MODELS, *rom._core.model_registry.MODELS_REFERENCED}
"""


def test_documents_may_use_one_name(tmp_path: Path) -> None:
    for name in ('one.rst', 'two.rst'):
        (tmp_path / name).write_text(DOCUMENT)
    (tmp_path / 'test_after.py').write_text(TEST)
    files = [tmp_path / name for name in ('one.rst', 'two.rst', 'test_after.py')]
    command = [sys.executable, '-m', 'pytest', '-q', '-c', 'pyproject.toml']
    done = subprocess.run([*command, *files], cwd=ROOT, capture_output=True, text=True)
    assert '3 passed' in done.stdout, done.stdout + done.stderr
