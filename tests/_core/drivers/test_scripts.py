import hashlib
import re
import textwrap
from pathlib import Path

import pytest

from rom._core.drivers import scripts


def test_every_script_is_found() -> None:
    assert {'commit', 'load', 'search', 'take_ids'} <= set(scripts.names())


@pytest.mark.parametrize('name', scripts.names())
def test_includes_are_put_in_once(name: str) -> None:
    source = scripts.source(name)
    assert not re.search(r'^ *-- @include', source, re.MULTILINE)
    functions = re.findall(r'^local function (\w+)', source, re.MULTILINE)
    assert len(functions) == len(set(functions))


def test_digest() -> None:
    loaded = scripts.loaded('commit')
    assert loaded.source == scripts.source('commit')
    assert loaded.digest == hashlib.sha1(loaded.source.encode()).hexdigest()


def test_only_the_parts_asked_for() -> None:
    whole, bare = scripts.source('search'), scripts.source('search', frozenset())
    assert 'function SIZE.near' in whole
    assert 'function SIZE.near' not in bare
    near = scripts.source('search', frozenset(('near',)))
    assert len(bare) < len(near) < len(whole)
    assert scripts.loaded('search', frozenset(('near',))).source == near
    assert scripts.loaded('search').digest != scripts.loaded('search', frozenset()).digest


def test_what_is_brought_into_a_function_is_known_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = {
        'commit': """\
            -- @include lib/around
            local function one()
                -- @include lib/room if room
                -- @include lib/shared
            end
            local function other()
                -- @include lib/shared
                -- @include lib/around
            end
            -- @include lib/shared
            """,
        'lib/around': 'around',
        'lib/room': '-- @include lib/shared\nroom',
        'lib/shared': '-- @include lib/around\nshared',
    }
    (tmp_path / 'lib').mkdir()
    for name, text in texts.items():
        (tmp_path / f'{name}.lua').write_text(textwrap.dedent(text).rstrip() + '\n', 'utf-8')
    monkeypatch.setattr(scripts, 'folder', lambda: tmp_path)
    scripts._read.cache_clear()
    whole, bare = scripts.source('commit'), scripts.source('commit', frozenset())
    scripts._read.cache_clear()
    assert whole.split('\n') == [
        'around',
        'local function one()', '    shared', '    room', 'end',
        'local function other()', '    shared', 'end',
        'shared', '',
    ]  # fmt: skip
    assert bare == whole.replace('    room\n', '')
