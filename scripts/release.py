"""Make the files of a release: see scripts/release, which sets up what this needs.

What is built is what git knows, in a folder of its own: nothing that lies about in the checkout
gets in. Both files are tried as their users will have them: installed into an empty environment, in
an empty folder, on an embedded server. Whatever is wrong ends it, with what to do about it.
"""

import argparse
import email
import email.message
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VERSION_FILE = 'rom/_version.py'
CHANGELOG = 'CHANGELOG.rst'

# What an installed version looks like, and nothing that PEP 440 would write in another way.
VERSION = re.compile(r'\d+(\.\d+)+((a|b|rc)\d+)?(\.post\d+)?(\.dev\d+)?')
# The folders that a packager finds in the sdist, as they are in git.
IN_SDIST = ('rom/', 'lua/', 'tests/', 'docs/', 'scripts/', 'benchmarks/')
JUNK = re.compile(r'(^|/)(__pycache__|\.venv[^/]*|\.git|\.[a-z]+_cache|\.hypothesis)(/|$)|\.pyc$')

# Run in each environment: rom as installed, on a server of its own.
SMOKE = """
import asyncio, sys
import rom

version, place = sys.argv[1:]
assert rom.VERSION == version, f'rom.VERSION is {rom.VERSION}'
assert rom.__file__.startswith(place), f'rom comes from {rom.__file__}'
rom.connect('embedded:')

class User(rom.Model):
    name = rom.Text(required=True, unique=True)
    age = rom.Integer(index=True)

User(name='Ann', age=42), User(name='Bob', age=18)
rom.session.commit()
rom.session.rollback()
assert [user.name for user in User.query.filter(age=(40, None))] == ['Ann']
try:
    User(name='Ann').save()
except rom.UniqueKeyViolation:
    rom.session.rollback()
else:
    raise AssertionError('a second Ann was saved')

async def count():
    async with rom.AsyncSession() as session:
        return await session.count(User.query)

assert asyncio.run(count()) == 2
"""


class Problem(Exception):
    """Something is not right; the message says what, and what to do."""


@dataclass(frozen=True)
class Built:
    version: str
    wheel: Path
    sdist: Path


def main(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    try:
        release(options)
    except Problem as problem:
        print(f'scripts/release: {problem}', file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='scripts/release', description=__doc__.split('\n\n')[0])
    parser.add_argument(
        '--dry-run',
        action='store_true',
        help='try all of it on what is here: the tree, the tag and the date of the changes may be '
        'as they are while one works, and no file is left',
    )
    parser.add_argument('--skip-check', action='store_true', help='do not run scripts/check')
    parser.add_argument(
        '--offline',
        action='store_true',
        help='take what rom needs from the environment of this script, not from a package index',
    )
    parser.add_argument('--out', type=Path, default=ROOT / 'dist', help='where the files go')
    return parser


def release(options: argparse.Namespace) -> None:
    version = read_version()
    for check in (check_tree, check_tag, check_changes):
        try:
            check(version)
        except Problem as problem:
            if not options.dry_run:
                raise
            say(f'not ready yet: {problem}')
    if not options.skip_check:
        say('scripts/check')
        if subprocess.run([ROOT / 'scripts' / 'check'], cwd=ROOT).returncode:
            raise Problem('scripts/check found something (see above); mend it, and commit')
    with tempfile.TemporaryDirectory(prefix='rom-release-') as folder:
        built = build(version, Path(folder))
        check_wheel(built)
        check_sdist(built)
        for file in (built.wheel, built.sdist):
            try_out(file, version, Path(folder) / f'try {file.suffix}', options.offline)
        if options.dry_run:
            say(f'all is well with {built.wheel.name} and {built.sdist.name}; nothing was kept')
            return
        options.out.mkdir(parents=True, exist_ok=True)
        kept = [shutil.copy2(file, options.out) for file in (built.wheel, built.sdist)]
    print(what_next(version, kept))


# Whether it is time.


def read_version(root: Path = ROOT) -> str:
    """The version, which is in one place."""
    text = (root / VERSION_FILE).read_text('utf-8')
    found = re.fullmatch(r"VERSION = '([^']*)'\n", text)
    if found is None or not VERSION.fullmatch(found[1]):
        raise Problem(
            f"{VERSION_FILE} should be one line, VERSION = '1.2.3' (or 1.2.3rc1, 1.2.3.dev1), and "
            f'is {text!r}'
        )
    return found[1]


def check_tree(version: str) -> None:
    """Everything is committed."""
    changed = git('status', '--porcelain').splitlines()
    if changed:
        shown = '\n    '.join([*changed[:10], *(['...'] if len(changed) > 10 else [])])
        raise Problem(
            f'the tree has changes that are not committed:\n    {shown}\n'
            'commit them, or put them away (git stash -u), and run this again'
        )


def check_tag(version: str) -> None:
    """The version was not released before."""
    tag = f'v{version}'
    if git('tag', '--list', tag).strip():
        raise Problem(
            f'{version} is tagged already ({tag}): a version is released once. '
            f'Set the next one in {VERSION_FILE}, and give it a heading in {CHANGELOG}'
        )


def check_changes(version: str) -> None:
    """The changes have a heading with the version and a day, and something below it."""
    heading, text = changes_of(version, (ROOT / CHANGELOG).read_text('utf-8'))
    wanted = f'{version} ({date.today().isoformat()})'
    if heading is None:
        raise Problem(
            f'{CHANGELOG} has no heading for {version}, which {VERSION_FILE} says: '
            f'write what changed below a heading {wanted!r}, or set the version that is meant'
        )
    if not re.fullmatch(re.escape(version) + r' \(\d{4}-\d\d-\d\d\)', heading):
        raise Problem(
            f'the heading {heading!r} in {CHANGELOG} has no date: make it {wanted!r}, and commit'
        )
    if not text:
        raise Problem(f'{CHANGELOG} says nothing below {heading!r}: write what changed')


def changes_of(version: str, changes: str) -> tuple[str | None, str]:
    """A version's heading, if there is one, and what is below it."""
    parts = re.split(r'^(.+)\n-+\n', changes, flags=re.MULTILINE)
    for heading, text in zip(parts[1::2], parts[2::2], strict=True):
        if heading.split(' ')[0] == version:
            return heading, text.strip()
    return None, ''


# The files.


def build(version: str, folder: Path) -> Built:
    """Build the sdist, and the wheel from it, as whoever installs the sdist does."""
    say(f'building {version}')
    tree, out = folder / 'tree', folder / 'built'
    for name in tracked():
        target = tree / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target)
    run([sys.executable, '-m', 'build', '--no-isolation', '--outdir', str(out), str(tree)])
    expected = [out / f'rom_redis-{version}-py3-none-any.whl', out / f'rom_redis-{version}.tar.gz']
    if sorted(out.iterdir()) != sorted(expected):
        found = ', '.join(path.name for path in out.iterdir())
        raise Problem(f'built {found}, not {expected[0].name} and {expected[1].name}')
    return Built(version, *expected)


def tracked() -> list[str]:
    """The files that git has, and those that it would have with the next commit."""
    listed = git('ls-files', '-z', '--cached', '--others', '--exclude-standard').split('\0')
    return sorted({name for name in listed if name and (ROOT / name).is_file()})


def check_wheel(built: Built) -> None:
    """The package, its Lua files, and nothing else; what is said of it makes sense."""
    with zipfile.ZipFile(built.wheel) as archive:
        found = {name: archive.read(name) for name in archive.namelist()}
    info = f'rom_redis-{built.version}.dist-info'
    lua = {f'rom/{name}': name for name in tracked() if re.match(r'lua/.*\.lua$', name)}
    code = {name: name for name in tracked() if re.match(r'rom/.*(\.py|/py\.typed)$', name)}
    wanted = {'rom/py.typed': 'rom/py.typed', **lua, **code}
    where = built.wheel.name
    _compare(where, wanted, found)
    others = {name for name in found if not name.startswith(f'{info}/')} - wanted.keys()
    if others:
        raise Problem(f'{where} has what does not belong there: {_some(others)}; see setup.py')
    needed = {f'{info}/{name}' for name in ('METADATA', 'RECORD', 'WHEEL', 'licenses/LICENSE')}
    if not found.keys() >= needed:
        raise Problem(f'{where} lacks {_some(needed - found.keys())}; see pyproject.toml')
    if b'rom = rom.cli:main' not in found.get(f'{info}/entry_points.txt', b''):
        raise Problem(f'{where} has no command rom; see [project.scripts] in pyproject.toml')
    check_metadata(where, found[f'{info}/METADATA'], built.version)


def check_sdist(built: Built) -> None:
    """All that a packager needs: the code, the Lua files, tests, documents, scripts."""
    where = built.sdist.name
    start = f'rom_redis-{built.version}/'
    with tarfile.open(built.sdist) as archive:
        files = [member for member in archive.getmembers() if member.isfile()]
        outside = [member.name for member in files if not member.name.startswith(start)]
        found = {
            member.name.removeprefix(start): archive.extractfile(member).read()  # type: ignore[union-attr]
            for member in files
        }
    if outside:
        raise Problem(f'{where} has files beside {start}: {_some(outside)}')
    wanted = {name: name for name in tracked() if name.startswith(IN_SDIST)}
    wanted |= {name: name for name in ('LICENSE', 'README.rst', CHANGELOG, 'pyproject.toml')}
    _compare(where, wanted, found)
    junk = {name for name in found if JUNK.search(name)}
    if junk:
        raise Problem(f'{where} has what does not belong there: {_some(junk)}; see MANIFEST.in')
    check_metadata(where, found['PKG-INFO'], built.version)


def _compare(where: str, wanted: dict[str, str], found: dict[str, bytes]) -> None:
    """Each file that is wanted is there, as it is in the checkout."""
    missing = wanted.keys() - found.keys()
    if missing:
        raise Problem(f'{where} lacks {_some(missing)}; see setup.py and MANIFEST.in')
    other = {name for name, file in wanted.items() if found[name] != (ROOT / file).read_bytes()}
    if other:
        raise Problem(f'{where} has another text than the checkout in {_some(other)}')


def check_metadata(where: str, text: bytes, version: str) -> None:
    """What an index and pip go by."""
    said = email.message_from_bytes(text)
    expected = {'Name': 'rom-redis', 'Version': version, 'Description-Content-Type': 'text/x-rst'}
    for field, value in expected.items():
        if said[field] != value:
            raise Problem(f'{where} says {field}: {said[field]}, and should say {value}')
    for field in (
        'Summary',
        'License-Expression',
        'Requires-Python',
        'Requires-Dist',
        'Classifier',
    ):
        if not said[field]:
            raise Problem(f'{where} says no {field}; see [project] in pyproject.toml')
    check_readme(where, said)


def check_readme(where: str, said: email.message.Message) -> None:
    """The long description can be shown: it is reStructuredText without a fault."""
    import docutils.core
    import docutils.utils

    settings = {'report_level': 2, 'halt_level': 2, 'raw_enabled': False, 'traceback': True}
    settings |= {'file_insertion_enabled': False, 'warning_stream': False}
    try:
        docutils.core.publish_string(
            str(said.get_payload()), writer='html5', settings_overrides=settings
        )
    except docutils.utils.SystemMessage as error:
        raise Problem(f'README.rst, as {where} has it, cannot be shown: {error}') from None


def _some(names: Iterable[str]) -> str:
    listed = sorted(names)
    return ', '.join(listed[:5]) + (f' and {len(listed) - 5} more' if len(listed) > 5 else '')


# As its users have it.


def try_out(file: Path, version: str, folder: Path, offline: bool) -> None:
    """Install a file into an empty environment, and use it there."""
    say(f'trying {file.name} in an empty environment')
    environment, empty = folder / 'venv', folder / 'empty'
    empty.mkdir(parents=True)
    run([sys.executable, '-m', 'venv', '--without-pip', str(environment)])
    python = str(environment / 'bin' / 'python')
    pip = [sys.executable, '-m', 'pip', '--python', python, 'install', '--quiet', '--no-input']
    pip.append('--disable-pip-version-check')
    if offline:
        borrow(python)
        pip += ['--no-deps', '--no-index', '--no-build-isolation', '--ignore-installed']
        run([*pip, str(file)])
    else:
        run([*pip, f'rom-redis[embedded] @ {file.as_uri()}'])
    run([python, '-I', '-c', SMOKE, version, str(environment)], cwd=empty)


def borrow(python: str) -> None:
    """Have an environment find what is installed in this one; its own packages come first."""
    found = run([python, '-c', 'import sysconfig; print(sysconfig.get_path("purelib"))'])
    ours = {sysconfig.get_path('purelib'), sysconfig.get_path('platlib')}
    others = [path for path in sys.path if path.endswith('site-packages') and path not in ours]
    Path(found.strip(), 'borrowed.pth').write_text('\n'.join([*sorted(ours), *others]) + '\n')


# Running things.


def git(*arguments: str) -> str:
    return run(['git', *arguments], cwd=ROOT)


def run(command: list[str], cwd: Path | None = None) -> str:
    """What a command prints.

    Raises:
        Problem: it failed, or is not there; with the last lines it wrote.
    """
    try:
        done = subprocess.run(
            command, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
    except FileNotFoundError:
        raise Problem(f'{command[0]} is not on PATH: install it') from None
    if done.returncode:
        said = '\n    '.join(f'{done.stdout}\n{done.stderr}'.strip().splitlines()[-15:])
        shown = ' '.join(command if len(command) < 8 else [*command[:3], '...'])
        raise Problem(f'{shown} failed:\n    {said}')
    return done.stdout


def what_next(version: str, kept: list[str]) -> str:
    files = '\n'.join(f'    {file}' for file in kept)
    names = ' '.join(kept)
    return f"""
{version} is ready, and nothing was uploaded:
{files}

Next:
    git tag -a v{version} -m 'rom {version}' && git push origin v{version}
    python -m twine upload {names}
    the next version in {VERSION_FILE}, and a heading for it in {CHANGELOG}, '... (unreleased)'"""


def say(line: str) -> None:
    print(f'[release] {line}', flush=True)


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
