"""What is shipped: the Lua files and py.typed are there, however rom got onto the machine.

Builds from copies of the checkout, so that nothing is left in it, and without isolation, so that no
network is needed. The environments get what is installed here, except for rom itself.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from rom._core.drivers import scripts

pytest.importorskip('build')

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent.parent
LUA_FILES = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / 'lua').rglob('*.lua'))
SCRIPTS = sorted(path.stem for path in (ROOT / 'lua').glob('*.lua'))

# Run by each environment, in an empty folder: what does the loader find, and from where?
PROBE = """
import importlib.resources, json, sys
import rom._version
from rom._core.drivers import scripts
print(json.dumps({
    'names': scripts.names(),
    'scripts': {name: scripts.source(name) for name in sys.argv[1:]},
    'typed': importlib.resources.files('rom').joinpath('py.typed').is_file(),
    'version': rom._version.VERSION,
    'place': rom._version.__file__,
}))
"""


@dataclass(frozen=True)
class Built:
    checkout: Path  # a copy
    wheel: Path
    sdist: Path
    wheel_of_sdist: Path


@pytest.fixture(scope='module')
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The wheel, and beside it the sdist with the wheel that is built from it."""
    folder = tmp_path_factory.mktemp('built')
    one, other = copy_checkout(folder / 'one checkout'), copy_checkout(folder / 'other')
    running = [
        subprocess.Popen(
            [sys.executable, '-m', 'build', '--no-isolation', *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for arguments in (
            ['--wheel', '--outdir', str(folder / 'direct'), str(one)],
            ['--outdir', str(folder / 'through'), str(other)],
        )
    ]
    for process in running:
        output, _ = process.communicate()
        assert process.returncode == 0, output
    return Built(
        checkout=copy_checkout(folder / 'bare checkout'),
        wheel=only(folder / 'direct', '*.whl'),
        sdist=only(folder / 'through', '*.tar.gz'),
        wheel_of_sdist=only(folder / 'through', '*.whl'),
    )


def copy_checkout(target: Path) -> Path:
    ignored = ['.git', '.venv*', '.*_cache', '.hypothesis', '__pycache__', '*.egg-info']
    ignored += ['build', 'dist', '_build', '*.sock', '*.pid']
    return Path(shutil.copytree(ROOT, target, ignore=shutil.ignore_patterns(*ignored)))


def only(folder: Path, pattern: str) -> Path:
    (found,) = folder.glob(pattern)
    return found


def files_of(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_wheel_has_all_files(built: Built) -> None:
    files = files_of(built.wheel)
    assert LUA_FILES
    for name in LUA_FILES:
        assert files[f'rom/{name}'] == (ROOT / name).read_bytes()
    assert 'rom/py.typed' in files
    for path in (ROOT / 'rom').rglob('*.py'):
        assert path.relative_to(ROOT).as_posix() in files


def test_the_wheel_has_nothing_else(built: Built) -> None:
    info = built.wheel.name.removesuffix('-py3-none-any.whl') + '.dist-info'
    files = files_of(built.wheel)
    assert {name.partition('/')[0] for name in files} == {'rom', info}
    others = {name for name in files if name.startswith('rom/') and not name.endswith('.py')}
    assert others == {'rom/py.typed', *(f'rom/{name}' for name in LUA_FILES)}
    assert f'{info}/licenses/LICENSE' in files
    entries = files[f'{info}/entry_points.txt'].decode()
    assert 'rom = rom.cli:main' in entries
    # The fixtures are asked for by name: no test run of others' loads rom.
    assert 'pytest11' not in entries


def test_a_wheel_of_the_sdist_is_the_same(built: Built) -> None:
    def without_record(wheel: Path) -> dict[str, bytes]:
        files = files_of(wheel)
        return {name: text for name, text in files.items() if not name.endswith('/RECORD')}

    assert built.wheel_of_sdist.name == built.wheel.name
    assert without_record(built.wheel_of_sdist) == without_record(built.wheel)


def test_the_sdist_has_what_a_packager_needs(built: Built) -> None:
    with tarfile.open(built.sdist) as archive:
        names = {name.partition('/')[2] for name in archive.getnames()}
    assert names >= set(LUA_FILES)
    assert names >= {'LICENSE', 'README.rst', 'CHANGELOG.rst', 'CONTRIBUTING.rst', '.luacheckrc'}
    assert names >= {'setup.py', 'pyproject.toml', 'scripts/test', 'tests/conftest.py', '.ci/run'}
    assert names >= {path.relative_to(ROOT).as_posix() for path in (ROOT / 'tests').rglob('*.py')}


def test_the_version_is_read_without_importing_rom(built: Built, tmp_path: Path) -> None:
    """rom's requirements are not installed where its metadata is asked for."""
    version = (ROOT / 'rom' / '_version.py').read_text('utf-8').split("'")[1]
    broken = copy_checkout(tmp_path / 'checkout')
    (broken / 'rom' / '__init__.py').write_text('raise RuntimeError("imported")')
    done = run([sys.executable, 'setup.py', '--quiet', '--version'], cwd=broken)
    assert done.splitlines()[-1] == version
    assert f'rom_redis-{version}' in built.wheel.name


@pytest.mark.parametrize('way', ['wheel', 'wheel_of_sdist', 'editable', 'checkout'])
def test_every_script_is_found(built: Built, tmp_path: Path, way: str) -> None:
    python = environment(tmp_path / 'venv')
    variables = {}
    if way == 'checkout':
        variables['PYTHONPATH'] = str(built.checkout)
        place = built.checkout
    elif way == 'editable':
        editable = copy_checkout(tmp_path / 'a checkout')
        pip(python, '--no-build-isolation', '--editable', str(editable))
        place = editable
    else:
        pip(python, str(getattr(built, way)))
        place = tmp_path / 'venv'
    empty = tmp_path / 'empty'
    empty.mkdir()
    found = json.loads(run([python, '-c', PROBE, *SCRIPTS], cwd=empty, **variables))
    assert Path(found['place']).is_relative_to(place)
    assert found['typed']
    assert found['names'] == SCRIPTS
    assert found['scripts'] == {name: scripts.source(name) for name in SCRIPTS}


def test_the_install_line_of_the_readme(tmp_path: Path) -> None:
    """It is carried out beside a clone, and then the example below it."""
    readme = (ROOT / 'README.rst').read_text('utf-8').partition('\nWhy rom\n')[0]
    copy_checkout(tmp_path / 'rom')
    python = environment(tmp_path / 'venv')
    [line] = re.findall(r'^    pip install (.+)$', readme, re.MULTILINE)
    pip(python, '--no-build-isolation', *shlex.split(line), cwd=tmp_path)
    (tmp_path / 'example.rst').write_text(readme)
    empty = tmp_path / 'empty'
    empty.mkdir()
    probe = 'import doctest, sys; print(doctest.testfile(sys.argv[1], module_relative=False))'
    printed = run([python, '-I', '-c', probe, str(tmp_path / 'example.rst')], cwd=empty)
    assert printed.splitlines()[-1] == 'TestResults(failed=0, attempted=7)', printed


def environment(folder: Path) -> str:
    """A fresh virtual environment that sees what is installed here, rom itself left out."""
    run([sys.executable, '-m', 'venv', '--without-pip', str(folder)])
    python = str(folder / 'bin' / 'python')
    installed = folder / 'installed here'
    installed.mkdir()
    for place in {sysconfig.get_path('purelib'), sysconfig.get_path('platlib')}:
        for entry in Path(place).iterdir():
            ours = re.match(r'rom$|rom-|rom_redis-|__editable__', entry.name)
            if not ours and entry.suffix != '.pth' and not (installed / entry.name).exists():
                (installed / entry.name).symlink_to(entry)
    purelib = run([python, '-c', 'import sysconfig; print(sysconfig.get_path("purelib"))'])
    Path(purelib.strip(), 'installed-here.pth').write_text(f'{installed}\n')
    return python


def pip(python: str, *arguments: str, cwd: Path | None = None) -> None:
    options = ['--quiet', '--no-deps', '--no-index', '--disable-pip-version-check', '--no-input']
    options.append('--no-compile')
    run([sys.executable, '-m', 'pip', '--python', python, 'install', *options, *arguments], cwd)


def run(command: list[str], cwd: Path | None = None, **variables: str) -> str:
    kept = {name: value for name, value in os.environ.items() if name != 'PYTHONPATH'}
    done = subprocess.run(
        command,
        cwd=cwd,
        env=kept | variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f'{command}\n{done.stdout}{done.stderr}'
    return done.stdout
