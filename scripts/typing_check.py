"""Run a type checker, and compare its errors with the lines marked as wrong in tests/typing.

`typing_check.py mypy` checks the whole project; `typing_check.py pyright` checks tests/typing only,
which shows how a program sees rom. An error in any other line fails, and so does a marked line
without one.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
TYPING = ROOT / 'tests' / 'typing'
CHECKED = ('rom', 'tests/typing', 'benchmarks', 'examples')
WRONG = re.compile(r'  # wrong(?:: (?P<by>\w+))?')
# Those that pyright reads: not rom.repocket, whose protocols it does not take.
PYRIGHT = ('annotated.py', 'annotations_page.py', 'usage.py', 'wrong.py')


class Error(NamedTuple):
    """An error that a type checker has found."""

    file: str
    line: int
    message: str


def main(checker: str) -> int:
    """Run a checker; print each difference, and return how many there are."""
    errors = list(CHECKERS[checker]())
    expected = set(marked_lines(checker))
    found = {(error.file, error.line) for error in errors}
    failed = [
        f'{error.file}:{error.line}: {error.message}'
        for error in errors
        if (error.file, error.line) not in expected
    ]
    failed += [f'{file}:{line}: no error found' for file, line in sorted(expected - found)]
    print(*failed, sep='\n', end='\n' if failed else '')
    print(f'{checker}: {len(expected & found)} of {len(expected)} wrong lines found')
    return len(failed)


def marked_lines(checker: str) -> Iterator[tuple[str, int]]:
    """Yield the lines that are wrong for a checker, with their files."""
    for path in sorted(TYPING.glob('*.py')):
        for number, line in enumerate(path.read_text('utf-8').splitlines(), 1):
            found = WRONG.search(line)
            if found and found['by'] in (None, checker):
                yield str(path.relative_to(ROOT)), number


def mypy() -> Iterator[Error]:
    """Yield the errors of mypy."""
    command = ['-m', 'mypy', '--strict', '--no-error-summary', '--hide-error-context', *CHECKED]
    done = run(command)
    for line in done.stdout.splitlines():
        match = re.match(r'(.*?):(\d+): (error: .*)', line)
        if match:
            yield Error(match[1], int(match[2]), match[3])
    if done.returncode not in (0, 1):
        sys.exit(done.stdout + done.stderr)


def pyright() -> Iterator[Error]:
    """Yield the errors of pyright."""
    files = [str(TYPING / name) for name in PYRIGHT]
    done = run(['-m', 'pyright', '--outputjson', '--pythonpath', sys.executable, *files])
    try:
        report = json.loads(done.stdout)
    except ValueError:
        sys.exit(done.stdout + done.stderr)
    for found in report['generalDiagnostics']:
        if found['severity'] == 'error':
            file = str(Path(found['file']).relative_to(ROOT))
            message = found['message'].replace('\n', ' ')
            yield Error(file, found['range']['start']['line'] + 1, message)


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a module of this Python in the checkout."""
    return subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True)


CHECKERS = {'mypy': mypy, 'pyright': pyright}

if __name__ == '__main__':
    sys.exit(main(sys.argv[1]) > 0)
