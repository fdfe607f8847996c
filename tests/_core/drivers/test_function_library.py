"""The library of server functions: its text, its names, and what its functions may keep."""

import re
from pathlib import Path

import pytest

from rom._core.drivers import function_library
from rom._core.drivers.function_library import EACH_CALL, SCRIPTS, function_of, library
from rom._core.drivers.scripts import names, parts_of, source
from rom._core.drivers.send_outcome import READING_SCRIPTS

LUA = Path(__file__).parents[3] / 'lua'
#: Parts that replace functions for their call.
LEFT_OUT = {'plan', 'report'}
#: Locals that functions may write to, because each call sets them before it does anything else.
SET_ANEW = {'CALL', 'EFFORT', 'request', 'KEYS', 'ARGV'}
#: Tables of functions, which are filled when they are first needed.
FILLED = {'COLLECT', 'KEEP'}


def once_of(name: str) -> str:
    """What a script does once, without comments."""
    text = source(name, parts_of(name) - LEFT_OUT).split(EACH_CALL)[0]
    return re.sub(r'--.*', '', text)


def test_only_scripts_that_write_nothing() -> None:
    assert set(SCRIPTS) <= READING_SCRIPTS
    assert library().text.count(b"flags = {'no-writes'}") == len(SCRIPTS)


def test_names_carry_the_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    name, text = library()
    assert re.fullmatch(r'rom_[0-9a-f]{16}', name)
    assert text.startswith(b'#!lua name=%s\n' % name.encode())
    functions = set(re.findall(rb"function_name = '(\w+)'", text))
    assert functions == {f'{name}_{script}'.encode() for script in SCRIPTS}
    monkeypatch.setattr(function_library, 'SCRIPTS', SCRIPTS[:1])
    other = library.__wrapped__()
    assert other.name != name


def test_the_function_of_a_script() -> None:
    assert function_of('load', None) == f'{library().name}_load'.encode()
    for parts in (frozenset[str](), frozenset(('orders', 'words'))):
        assert function_of('search', parts) == f'{library().name}_search'.encode()
    assert function_of('search', frozenset(('orders', 'plan'))) is None
    assert function_of('search', None) is None, 'it has the plan as well'
    assert function_of('commit', None) is None


def test_parts() -> None:
    assert {'orders', 'plan', 'patterns'} <= parts_of('search')
    assert parts_of('load') == frozenset()


def test_each_script_of_the_library_is_divided() -> None:
    assert {name for name in names() if EACH_CALL in source(name)} == set(SCRIPTS)


def files_of(name: str) -> dict[str, str]:
    """The files of a script, each by itself: one that is included in a function may be kept too."""
    found: dict[str, str] = {}
    left = [name]
    while left:
        path = left.pop()
        text = (LUA / f'{path}.lua').read_text('utf-8').split(EACH_CALL)[0]
        found[path] = re.sub(r'--.*', '', text)
        included = re.findall(r'-- @include (\S+)(?: if (\S+))?', text)
        left += [lib for lib, part in included if part not in LEFT_OUT if lib not in found]
    return found


def kept_writes(text: str) -> set[str]:
    """Names of the outermost scope, locals or tables in them, that indented lines write to."""
    kept = {
        name
        for names in re.findall(r'^local ([\w, ]+?)(?: =|$)', text, re.MULTILINE)
        for name in names.split(', ')
    }
    written = set()
    for line in text.splitlines():
        if line[:1] != ' ' or line.lstrip().startswith('local '):
            continue
        target = re.match(r" +([\w.\[\]#+', -]+) = ", line)
        for name in target.group(1).split(', ') if target else ():
            written.add(re.split(r'[.\[]', name)[0])
    return kept & written


@pytest.mark.parametrize('name', SCRIPTS)
def test_functions_keep_nothing_of_a_call(name: str) -> None:
    assert kept_writes(once_of(name)) - SET_ANEW - FILLED == set()
    for path, text in files_of(name).items():
        assert kept_writes(text) - SET_ANEW - FILLED == set(), f'{path} may be kept in a room'
    _, each = source(name).split(EACH_CALL)
    assert 'CALL, request = {}, cmsgpack.unpack(ARGV[1])' in each


def test_what_a_function_would_keep_is_found() -> None:
    text = """
local moment, seen
local KEPT = {}
local LIST = {}
local function now()
    local inner = 1
    moment = 2
    KEPT.id, inner = 3, 4
    LIST[#LIST + 1] = 5
end
"""
    assert kept_writes(text) == {'moment', 'KEPT', 'LIST'}
