"""Models by their names: every way to name them, and every mistake."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rom.cli.exit_codes import MisuseError
from rom.cli.model_names import models_named

FILES = {
    'pack/__init__.py': '',
    'pack/models.py': """
import rom
class NamedUser(rom.Model): pass
class NamedOrder(rom.Model): pass
limit = 5
""",
    'pack/both.py': 'from pack.models import *\nfrom rom import Model',
    'pack/empty.py': 'import rom',
    'pack/broken.py': 'import rom\n\nimport no_such_thing\n',
    'pack/strange.py': 'x = (\n',
    'pack/failing.py': 'def f():\n    raise RuntimeError("no settings")\n\nf()\n',
    'pack/leaving.py': 'import sys\nsys.exit(3)\n',
    'pack/twice.py': """
import rom
class NamedTwice(rom.Model): pass
class Other(rom.Model):
    _namespace = 'NamedTwice'
""",
    'pack/within.py': 'import pack.nothing\n',
    'single.py': 'import rom\nclass NamedSingle(rom.Model): pass\n',
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, 'path', [entry for entry in sys.path if entry])
    monkeypatch.setattr(sys, 'dont_write_bytecode', True)
    yield tmp_path
    for name in [name for name in sys.modules if name.partition('.')[0] in ('pack', 'single')]:
        del sys.modules[name]


def names(*said: str) -> list[str]:
    return [model.__name__ for model in models_named(said)]


def test_all_models_of_a_module_or_one() -> None:
    assert names('pack.models') == ['NamedUser', 'NamedOrder']
    assert names('pack.models:NamedOrder') == ['NamedOrder']
    assert names('pack.both') == ['NamedUser', 'NamedOrder']
    assert names('single', 'pack.models:NamedOrder', 'pack.models', 'single:NamedSingle') == [
        'NamedSingle', 'NamedOrder', 'NamedUser',
    ]  # fmt: skip


@pytest.mark.parametrize(
    ('name', 'what'),
    [
        ('', "'' names no models: write package.module, or package.module:Model"),
        ('pack models', "'pack models' names no models"),
        ('./pack/models.py', 'did you mean pack.models?'),
        ('pack/models', 'did you mean pack.models?'),
        ('pack.models.py', "'pack.models.py' is the name of a file; name the module: pack.models"),
        ('singel', "no module 'singel' in {folder}, nor is it installed; did you mean single?"),
        ('pack.modles', "no module 'pack.modles' in the package pack; did you mean pack.models?"),
        ('pack.qqq', "no module 'pack.qqq' in the package pack; there are pack.both, pack.broken"),
        ('single.models', "no module 'single.models': single is a module, and no package"),
        ('pack.models:nameduser', "has no model 'nameduser'; did you mean pack.models:NamedUser "),
        ('pack.models:Qqq', "no model 'Qqq'; there are pack.models:NamedUser, pack.models:NamedO"),
        ('pack.models:limit', 'pack.models:limit is no rom.Model; there are'),
        ('pack.models:', "pack.models has no model ''"),
        ('pack.empty', 'pack.empty has no models: name a module that defines or imports some'),
        ('pack', 'it is a package, with pack.both, pack.broken'),
        ('pack.broken', "importing pack.broken failed: ModuleNotFoundError: No module named 'no_s"),
        ('pack.broken', '(\x00pack/broken.py, line 3)'),
        (
            'pack.within',
            "importing pack.within failed: ModuleNotFoundError: No module named 'pa",
        ),
        ('pack.strange', "SyntaxError: '(' was never closed (\x00pack/strange.py, line 1)"),
        ('pack.failing', 'RuntimeError: no settings (\x00pack/failing.py, line 2)'),
        ('pack.leaving', 'importing pack.leaving failed: SystemExit: 3'),
        ('pack.twice', "ORMError: two models have the namespace 'NamedTwice'"),
        ('pack.twice', '(\x00pack/twice.py, line 4)'),
    ],
)
def test_mistakes(folder: Path, name: str, what: str) -> None:
    with pytest.raises(MisuseError) as caught:
        models_named([name])
    said = str(caught.value)
    assert what.replace('{folder}', str(folder)).replace('\x00', f'{folder}/') in said
    assert '\n' not in said
