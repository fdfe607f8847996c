"""Run luacheck over lua/, as the server will see it: each script with its includes pasted in.

A script uses the locals of what it includes, so a lib file alone means nothing to luacheck. What it
finds in an assembled script is reported at the file and line that it came from. A script need not
use all that a lib offers: "unused" counts in a lib only where no script that includes it uses it.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from rom.drivers import scripts

ROOT = Path(__file__).resolve().parent.parent
LUA = ROOT / 'lua'
INCLUDE = re.compile(r'-- @include (\S+)(?: if \S+)?$')
FOUND = re.compile(r'(?P<path>.+?):(?P<line>\d+):(?P<column>\d+): (?P<text>\((?P<code>\w+)\).*)')


class Line(NamedTuple):
    file: Path
    number: int
    text: str


class Finding(NamedTuple):
    file: Path
    number: int
    column: int
    text: str


def main() -> int:
    luacheck = shutil.which('luacheck')
    if luacheck is None:
        print('luacheck is not on PATH: the Lua scripts were not checked', file=sys.stderr)
        return 0
    assembled = {path.stem: list(assemble(path, set())) for path in sorted(LUA.glob('*.lua'))}
    problems = [*differences(assembled), *never_included(assembled)]
    problems += [
        f'{finding.file.relative_to(ROOT)}:{finding.number}:{finding.column}: {finding.text}'
        for finding in check(luacheck, assembled)
    ]
    print('\n'.join(problems) or f'luacheck: {len(assembled)} scripts, nothing found')
    return 1 if problems else 0


def assemble(path: Path, done: set[Path]) -> Iterator[Line]:
    """The loader's rule, keeping where each line came from."""
    done.add(path)
    for number, text in enumerate(path.read_text('utf-8').splitlines(), 1):
        if include := INCLUDE.match(text):
            included = LUA / f'{include[1]}.lua'
            if included not in done:
                yield from assemble(included, done)
        else:
            yield Line(path, number, text)


def differences(assembled: dict[str, list[Line]]) -> Iterator[str]:
    """What we check must be what the loader sends."""

    def code(texts: list[str]) -> list[str]:
        return [line.strip() for line in texts if line.strip() and not line.startswith('--')]

    for name, lines in assembled.items():
        if code(scripts.source(name).splitlines()) != code([line.text for line in lines]):
            yield f'lua/{name}.lua: rom.drivers.scripts.source() assembles it differently'


def never_included(assembled: dict[str, list[Line]]) -> Iterator[str]:
    used = {line.file for lines in assembled.values() for line in lines}
    for path in sorted(LUA.glob('lib/*.lua')):
        if path not in used:
            yield f'{path.relative_to(ROOT)}: no script includes it'


def check(luacheck: str, assembled: dict[str, list[Line]]) -> list[Finding]:
    """Every finding once, at its place in lua/; "unused" in a lib when it is so in all scripts."""
    found: dict[Finding, set[str]] = defaultdict(set)
    for name, place, finding in run(luacheck, assembled):
        found[Finding(place.file, place.number, int(finding['column']), finding['text'])].add(name)
    including: dict[Path, set[str]] = defaultdict(set)
    for name, lines in assembled.items():
        for line in lines:
            including[line.file].add(name)
    return sorted(
        finding
        for finding, names in found.items()
        if not finding.text.startswith('(W2') or names == including[finding.file]
    )


def run(
    luacheck: str, assembled: dict[str, list[Line]]
) -> Iterator[tuple[str, Line, re.Match[str]]]:
    if not assembled:
        return
    with tempfile.TemporaryDirectory() as folder:
        for name, lines in assembled.items():
            text = ''.join(f'{line.text}\n' for line in lines)
            Path(folder, f'{name}.lua').write_text(text, 'utf-8')
        command = [luacheck, '--config', str(ROOT / '.luacheckrc'), '--formatter', 'plain']
        command += ['--codes', '--no-cache', *sorted(f'{name}.lua' for name in assembled)]
        done = subprocess.run(
            command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
    for line in done.stdout.splitlines():
        if finding := FOUND.match(line):
            name = finding['path'].removesuffix('.lua')
            lines = assembled[name]
            # A syntax error at the end is one line behind the last.
            yield name, lines[min(int(finding['line']), len(lines)) - 1], finding
    if done.returncode > 2:
        sys.exit(f'luacheck itself failed:\n{done.stdout}{done.stderr}')


if __name__ == '__main__':
    sys.exit(main())
