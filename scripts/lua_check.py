"""Run luacheck over lua/, as the server will see it: each script with its includes pasted in.

A script uses the locals of what it includes, so a lib file alone means nothing to luacheck. What it
finds in an assembled script is reported at the file and line that it came from. A script need not
use all that a lib offers: "unused" counts in a lib only where no copy of it is used.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import NamedTuple

from rom._core.drivers import scripts

ROOT = Path(__file__).resolve().parent.parent
LUA = ROOT / 'lua'
INCLUDE = re.compile(r'(?P<indent> *)-- @include (?P<lib>\S+)(?: if \S+)?$')
PART = re.compile(r'^ *-- @include \S+ if (\S+)$', re.MULTILINE)
FOUND = re.compile(r'(?P<path>.+?):(?P<line>\d+):(?P<column>\d+): (?P<text>\((?P<code>\w+)\).*)')

# What the search calls of a part, where the request says what that part is for.
ENTRIES = {
    'begin_sorted', 'bound_order', 'exist', 'is_built', 'is_value_within', 'matches',
    'open_unexpired', 'rank_matches', 'reply_directly', 'tally_ids', 'value_and_id',
}  # fmt: skip


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
    problems = [*differences(assembled), *never_included(assembled), *missing(luacheck)]
    problems += [
        f'{finding.file.relative_to(ROOT)}:{finding.number}:{finding.column}: {finding.text}'
        for finding in check(luacheck, assembled)
    ]
    print('\n'.join(problems) or f'luacheck: {len(assembled)} scripts, nothing found')
    return 1 if problems else 0


def assemble(path: Path, known: set[Path]) -> Iterator[Line]:
    """The loader's rule, keeping where each line came from."""
    room: set[Path] | None = None
    for number, text in enumerate(path.read_text('utf-8').splitlines(), 1):
        include = INCLUDE.match(text)
        if include is None:
            yield Line(path, number, text)
            if text[:1].strip():
                room = None
            continue
        if include['indent']:
            room = set(known) if room is None else room
        place = room if include['indent'] and room is not None else known
        included = LUA / f'{include["lib"]}.lua'
        if included not in place:
            place.add(included)
            yield from assemble(included, place)


def differences(assembled: dict[str, list[Line]]) -> Iterator[str]:
    """What we check must be what the loader sends."""

    def code(texts: list[str]) -> list[str]:
        bare = [text.strip() for text in texts]
        return [text for text in bare if text and not text.startswith('--')]

    for name, lines in assembled.items():
        if code(scripts.source(name).splitlines()) != code([line.text for line in lines]):
            yield f'lua/{name}.lua: rom._core.drivers.scripts.source() assembles it differently'


def never_included(assembled: dict[str, list[Line]]) -> Iterator[str]:
    used = {line.file for lines in assembled.values() for line in lines}
    for path in sorted(LUA.glob('lib/*.lua')):
        if path not in used:
            yield f'{path.relative_to(ROOT)}: no script includes it'


def missing(luacheck: str) -> Iterator[str]:
    """What the search lacks that comes with few of its parts: none, one or two of them."""
    names = {
        name for path in LUA.glob('**/*.lua') for name in PART.findall(path.read_text('utf-8'))
    }
    choices = {frozenset(chosen) for chosen in product(sorted(names), repeat=2)} | {frozenset()}
    sources = {'+'.join(sorted(parts)): scripts.source('search', parts) for parts in choices}
    for finding in output_of(luacheck, sources):
        name = finding['text'].split("'")[1] if finding['code'] == 'W113' else None
        if name and name not in ENTRIES:
            yield f'lua/search.lua with the parts {finding["path"]}: {name} is missing'


def check(luacheck: str, assembled: dict[str, list[Line]]) -> list[Finding]:
    """Every finding once, at its place in lua/; "unused" in a lib when it is so in all copies."""
    found: dict[Finding, int] = defaultdict(int)
    for line, finding in run(luacheck, assembled):
        found[Finding(line.file, line.number, int(finding['column']), finding['text'])] += 1
    copies = Counter((line.file, line.number) for lines in assembled.values() for line in lines)
    return sorted(
        finding
        for finding, times in found.items()
        if not finding.text.startswith('(W2') or times == copies[finding.file, finding.number]
    )


def run(luacheck: str, assembled: dict[str, list[Line]]) -> Iterator[tuple[Line, re.Match[str]]]:
    texts = {name: ''.join(f'{line.text}\n' for line in lines) for name, lines in assembled.items()}
    for finding in output_of(luacheck, texts):
        lines = assembled[finding['path'].removesuffix('.lua')]
        # A syntax error at the end is one line behind the last.
        yield lines[min(int(finding['line']), len(lines)) - 1], finding


def output_of(luacheck: str, texts: dict[str, str]) -> Iterator[re.Match[str]]:
    if not texts:
        return
    with tempfile.TemporaryDirectory() as folder:
        for name, text in texts.items():
            Path(folder, f'{name}.lua').write_text(text, 'utf-8')
        command = [luacheck, '--config', str(ROOT / '.luacheckrc'), '--formatter', 'plain']
        command += ['--codes', '--no-cache', *sorted(f'{name}.lua' for name in texts)]
        done = subprocess.run(
            command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
    yield from filter(None, map(FOUND.match, done.stdout.splitlines()))
    if done.returncode > 2:
        sys.exit(f'luacheck itself failed:\n{done.stdout}{done.stderr}')


if __name__ == '__main__':
    sys.exit(main())
