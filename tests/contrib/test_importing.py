"""Who imports what: rom none of this, each front its own framework, if it is there."""

import subprocess
import sys

import pytest

from tests.support.patience import PATIENCE

FRAMEWORKS = ('flask', 'django', 'starlette', 'fastapi', 'asgiref', 'werkzeug')


def run(program: str, *missing: str) -> str:
    """What a program of its own prints, in which these packages cannot be imported."""
    hidden = ''.join(f'sys.modules[{name!r}] = None\n' for name in missing)
    done = subprocess.run(
        [sys.executable, '-W', 'error', '-c', f'import sys\n{hidden}{program}'],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def loaded_by(program: str) -> set[str]:
    shown = f'print(*(name for name in {FRAMEWORKS!r} if name in sys.modules))'
    return set(run(f'{program}\n{shown}').split())


def test_rom_imports_no_framework() -> None:
    program = 'import rom, rom.contrib\nassert "rom.contrib.request_scope" not in sys.modules'
    assert loaded_by(program) == set()


@pytest.mark.parametrize(
    'module, frameworks',
    [('flask', {'flask', 'werkzeug'}), ('django', {'django', 'asgiref'}), ('asgi', set())],
)
def test_a_front_imports_its_own(module: str, frameworks: set[str]) -> None:
    loaded = loaded_by(f'import rom.contrib.{module}')
    assert loaded - {'asgiref'} == frameworks - {'asgiref'}


@pytest.mark.parametrize(
    'module, framework',
    [('flask', 'Flask'), ('django', 'Django')],
)
def test_what_is_said_without_the_framework(module: str, framework: str) -> None:
    program = f'try: import rom.contrib.{module}\nexcept ImportError as error: print(error)'
    said = f'rom.contrib.{module} needs {framework}, which is not installed: pip install '
    assert run(program, module) == f"{said}'rom-redis[{module}]'"


def test_what_is_said_without_fastapi() -> None:
    program = (
        'from rom.contrib.asgi import RomMiddleware\n'
        'try: from rom.contrib.asgi import RomSession\n'
        'except ImportError as error: print(error)'
    )
    said = 'rom.contrib.asgi.RomSession needs FastAPI, which is not installed: pip install fastapi'
    assert run(program, 'fastapi', 'starlette') == said


def test_other_names_are_no_secret() -> None:
    program = (
        'import rom.contrib.asgi\n'
        'try: rom.contrib.asgi.Sesion\n'
        'except AttributeError as error: print(error)'
    )
    assert run(program) == "module 'rom.contrib.asgi' has no attribute 'Sesion'"
