"""scripts/release: it says what is not right, and else makes files that work. In copies of this.

The copies are made with git, so that a commit and a tag can be had; what rom needs comes from the
environment of the tests, so that no network is needed.
"""

import datetime as dt
import importlib.util
import io
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rom._version import VERSION

pytest.importorskip('build')

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent.parent
WHEEL, SDIST = f'rom_redis-{VERSION}-py3-none-any.whl', f'rom_redis-{VERSION}.tar.gz'
TODAY = dt.date.today().isoformat()
IGNORED = ['.git', '.venv*', '.*_cache', '.hypothesis', '__pycache__', '*.egg-info', 'build']


class Checkout:
    """A copy of this one, all committed and ready for a release."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(
            shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*IGNORED, 'dist', '_build'))
        )
        self.edit('CHANGELOG.rst', heading(r'\(.*\)'), f'{VERSION} ({TODAY})')
        self.git('init', '--quiet')
        self.commit()
        self.git('tag', 'original')

    def git(self, *arguments: str) -> None:
        settings = ['-c', 'user.name=A', '-c', 'user.email=a@example.org', '-c', 'gc.auto=0']
        settings += ['-c', 'commit.gpgsign=false', '-c', 'tag.gpgsign=false']
        subprocess.run(['git', *settings, *arguments], cwd=self.folder, check=True)

    def commit(self) -> None:
        self.git('add', '--all')
        self.git('commit', '--quiet', '--no-verify', '--message', 'all')

    def edit(self, name: str, old: str, new: str) -> None:
        path = self.folder / name
        text, count = re.subn(old, lambda _: new, path.read_text('utf-8'), flags=re.MULTILINE)
        assert count == 1, f'{old} is {count} times in {name}'
        path.write_text(text, 'utf-8')

    def release(self, *options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, 'scripts/release.py', '--offline', *options]
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True)


@dataclass(frozen=True)
class Made:
    folder: Path
    said: str


def heading(rest: str) -> str:
    return rf'^{re.escape(VERSION)} {rest}$'


@pytest.fixture(scope='module')
def original(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    return Checkout(tmp_path_factory.mktemp('release') / 'rom')


@pytest.fixture(scope='module')
def release(original: Checkout) -> Iterator[Any]:
    """The script itself, of the copy."""
    spec = importlib.util.spec_from_file_location(
        'release_of_copy', original.folder / 'scripts' / 'release.py'
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look there
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture
def checkout(original: Checkout) -> Checkout:
    """The same one, as it was at first."""
    original.git('reset', '--quiet', '--hard', 'original')
    original.git('clean', '--quiet', '-xdff')
    return original


@pytest.fixture(scope='module')
def made(original: Checkout, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """What a release comes to. A file that git ignores lies about, and gets nowhere."""
    (original.folder / 'rom' / 'secret.pyc').write_text('secret')
    folder = tmp_path_factory.mktemp('files')
    done = original.release('--skip-check', '--out', str(folder))
    assert done.returncode == 0, done.stderr
    return Made(folder, done.stdout)


def test_a_release(made: Made) -> None:
    assert {path.name for path in made.folder.iterdir()} == {WHEEL, SDIST}
    for line in (f'trying {WHEEL} in an empty', f'trying {SDIST} in', f'git tag -a v{VERSION}'):
        assert line in made.said
    assert 'nothing was uploaded' in made.said
    with zipfile.ZipFile(made.folder / WHEEL) as archive:
        names = set(archive.namelist())
    assert {'rom/lua/commit.lua', 'rom/py.typed'} <= names
    assert not [name for name in names if name.startswith('tests') or name.endswith('.pyc')]


Files = dict[str, bytes]


def change_wheel(made: Made, folder: Path, change: Callable[[Files], Any]) -> Path:
    """The wheel again, with other files in it."""
    with zipfile.ZipFile(made.folder / WHEEL) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    change(files)
    with zipfile.ZipFile(folder / WHEEL, 'w') as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return folder / WHEEL


def change_sdist(made: Made, folder: Path, change: Callable[[Files], Any]) -> Path:
    """The same of the sdist; files by their names without the folder that all are in."""
    start = SDIST.removesuffix('.tar.gz') + '/'
    with tarfile.open(made.folder / SDIST) as archive:
        members = {m.name.removeprefix(start): m for m in archive.getmembers() if m.isfile()}
        files = {name: archive.extractfile(m).read() for name, m in members.items()}  # type: ignore[union-attr]
    change(files)
    with tarfile.open(folder / SDIST, 'w:gz', compresslevel=1) as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(start + name)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text))
    return folder / SDIST


def edited(name: str, old: bytes, new: bytes) -> Callable[[Files], Any]:
    def change(files: Files) -> None:
        assert old in files[name]
        files[name] = files[name].replace(old, new)

    return change


INFO = f'rom_redis-{VERSION}.dist-info'
METADATA = f'{INFO}/METADATA'
WRONG_WHEELS: list[tuple[Callable[[Files], Any], str]] = [
    (lambda files: files.pop('rom/lua/commit.lua'), 'lacks rom/lua/commit.lua; see setup.py'),
    (lambda files: files.pop('rom/lua/lib/live.lua'), 'lacks rom/lua/lib/live.lua'),
    (lambda files: files.pop('rom/py.typed'), 'lacks rom/py.typed'),
    (lambda files: files.pop('rom/_core/model.py'), 'lacks rom/_core/model.py'),
    (lambda files: files.update({'tests/test_x.py': b''}), 'does not belong there: tests/test_x'),
    (lambda files: files.update({'rom/x.pyc': b''}), 'does not belong there: rom/x.pyc'),
    (
        edited('rom/_core/model.py', b'Model', b'Mdl'),
        'another text than the checkout in rom/_core/model.py',
    ),
    (
        edited(METADATA, b'Name: rom-redis', b'Name: rum'),
        'says Name: rum, and should say rom-redis',
    ),
    (edited(METADATA, b'\nVersion: ', b'\nVersion: 9'), 'says Version: 9'),
    (edited(METADATA, b'Requires-Python', b'Requires-Snake'), 'says no Requires-Python'),
    (edited(METADATA, b'Contributing\n', b'.. nonsense::\n\nx\n'), 'README.rst.* cannot be shown'),
    (lambda files: files.pop(f'{INFO}/licenses/LICENSE'), 'lacks .*LICENSE'),
    (
        lambda files: files.pop(f'rom_redis-{VERSION}.dist-info/entry_points.txt'),
        'has no command rom',
    ),
]


@pytest.mark.parametrize('place', range(len(WRONG_WHEELS)))
def test_a_wheel_that_is_not_right(made: Made, release: Any, tmp_path: Path, place: int) -> None:
    change, says = WRONG_WHEELS[place]
    wheel = change_wheel(made, tmp_path, change)
    with pytest.raises(release.Problem, match=says):
        release.check_wheel(release.Built(VERSION, wheel, made.folder / SDIST))


@pytest.mark.parametrize(
    ('change', 'says'),
    [
        (lambda files: files.pop('lua/commit.lua'), 'lacks lua/commit.lua; see .*MANIFEST.in'),
        (lambda files: files.pop('tests/conftest.py'), 'lacks tests/conftest.py'),
        (lambda files: files.pop('docs/tutorial.rst'), 'lacks docs/tutorial.rst'),
        (lambda files: files.pop('scripts/lib.sh'), 'lacks scripts/lib.sh'),
        (lambda files: files.update({'.venv/x': b''}), 'does not belong there: .venv/x'),
        (edited('PKG-INFO', b'Name: rom-redis', b'Name: rum'), 'says Name: rum'),
    ],
)
def test_an_sdist_that_is_not_right(
    made: Made, release: Any, tmp_path: Path, change: Callable[[Files], Any], says: str
) -> None:
    sdist = change_sdist(made, tmp_path, change)
    with pytest.raises(release.Problem, match=says):
        release.check_sdist(release.Built(VERSION, made.folder / WHEEL, sdist))


def test_what_is_right_is_let_through(made: Made, release: Any, tmp_path: Path) -> None:
    wheel, sdist = (change(made, tmp_path, dict) for change in (change_wheel, change_sdist))
    release.check_wheel(release.Built(VERSION, wheel, sdist))
    release.check_sdist(release.Built(VERSION, wheel, sdist))


def test_a_wheel_that_does_not_work(made: Made, release: Any, tmp_path: Path) -> None:
    (tmp_path / 'broken').mkdir()
    wheel = change_wheel(
        made,
        tmp_path / 'broken',
        lambda files: files.update({'rom/__init__.py': b'import rom.nowhere\n'}),
    )
    with pytest.raises(release.Problem, match=r"No module named 'rom\.nowhere'"):
        release.try_out(wheel, VERSION, tmp_path / 'try', True)


def test_a_dry_run_goes_on_and_leaves_nothing(
    made: Made,
    checkout: Checkout,
    release: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It looks at the files that a release built; building takes ten seconds."""
    checkout.edit('CHANGELOG.rst', heading(r'\(.*\)'), f'{VERSION} (unreleased)')
    checkout.git('tag', f'v{VERSION}')
    changes = (checkout.folder / 'CHANGELOG.rst').read_bytes()
    sdist = change_sdist(made, tmp_path, lambda files: files.update({'CHANGELOG.rst': changes}))
    built = release.Built(VERSION, made.folder / WHEEL, sdist)
    monkeypatch.setattr(release, 'build', lambda version, folder: built)
    tried: list[Path] = []
    monkeypatch.setattr(release, 'try_out', lambda file, *rest: tried.append(file))
    code = release.main(['--offline', '--skip-check', '--dry-run'])
    checkout.git('tag', '--delete', f'v{VERSION}')
    said = capsys.readouterr()
    assert code == 0, said.err
    assert said.out.count('not ready yet') == 3
    assert 'all is well' in said.out
    assert tried == [built.wheel, sdist]
    assert not (checkout.folder / 'dist').exists()


def edit(name: str, old: str, new: str) -> Callable[[Checkout], None]:
    def change(checkout: Checkout) -> None:
        checkout.edit(name, old, new)
        checkout.commit()

    return change


def write(name: str, text: str, committed: bool = True) -> Callable[[Checkout], None]:
    def change(checkout: Checkout) -> None:
        path = checkout.folder / name
        path.write_text(text, 'utf-8')
        path.chmod(0o755)
        if committed:
            checkout.commit()

    return change


BAD: dict[str, tuple[Callable[[Checkout], None], str]] = {
    'a dirty tree': (
        write('rom/new.py', '', committed=False),
        r'not committed:\n    \?\? rom/new.py\ncommit them, or put them away',
    ),
    'an old version': (
        lambda checkout: checkout.git('tag', '--force', f'v{VERSION}'),
        rf'{VERSION} is tagged already \(v{VERSION}\).*Set the next one in rom/_version.py',
    ),
    'a version without changes': (
        write('rom/_version.py', "VERSION = '7.1.0'\n"),
        rf"CHANGELOG.rst has no heading for 7.1.0.* below a heading '7.1.0 \({TODAY}\)'",
    ),
    'changes without a date': (
        edit('CHANGELOG.rst', heading(r'\(.*\)'), f'{VERSION} (unreleased)'),
        rf"has no date: make it '{VERSION} \({TODAY}\)'",
    ),
    'a heading alone': (
        write('CHANGELOG.rst', f'Changelog\n=========\n\n{VERSION} ({TODAY})\n----\n\n'),
        'says nothing below',
    ),
    'a version that is none': (
        write('rom/_version.py', "VERSION = '2.0-final'\n"),
        r"rom/_version.py should be one line, VERSION = '1.2.3'",
    ),
    'a check that fails': (
        write('scripts/check', '#!/bin/sh\nexit 1\n'),
        r'scripts/check found something',
    ),
}


@pytest.mark.parametrize('what', BAD)
def test_what_is_not_right(checkout: Checkout, what: str) -> None:
    change, says = BAD[what]
    change(checkout)
    done = checkout.release()
    if what == 'an old version':
        checkout.git('tag', '--delete', f'v{VERSION}')
    assert done.returncode == 1
    assert re.search(rf'\Ascripts/release: (.|\n)*{says}', done.stderr), done.stderr
    assert 'Traceback' not in done.stderr
    assert not (checkout.folder / 'dist').exists()


def test_the_hooks_of_pre_commit_are_our_own_scripts() -> None:
    text = (ROOT / '.pre-commit-config.yaml').read_text('utf-8')
    assert set(re.findall(r'repo: (\S+)', text)) == {'local'}
    entries = re.findall(r'entry: (\S+)', text)
    assert entries == ['scripts/check', 'scripts/test']
    assert all((ROOT / entry).stat().st_mode & 0o100 for entry in [*entries, 'scripts/release'])
    assert '://' not in text
