import hashlib
import re

import pytest

from rom.drivers import scripts


def test_every_script_is_found() -> None:
    assert {'commit', 'load', 'search', 'take_ids'} <= set(scripts.names())


@pytest.mark.parametrize('name', scripts.names())
def test_includes_are_put_in_once(name: str) -> None:
    source = scripts.source(name)
    assert not re.search(r'^-- @include', source, re.MULTILINE)
    functions = re.findall(r'^local function (\w+)', source, re.MULTILINE)
    assert len(functions) == len(set(functions))


def test_digest() -> None:
    loaded = scripts.loaded('commit')
    assert loaded.source == scripts.source('commit')
    assert loaded.digest == hashlib.sha1(loaded.source.encode()).hexdigest()


def test_only_the_parts_asked_for() -> None:
    whole, bare = scripts.source('search'), scripts.source('search', frozenset())
    assert 'function KEEP.near' in whole
    assert 'function KEEP.near' not in bare
    near = scripts.source('search', frozenset(('near',)))
    assert len(bare) < len(near) < len(whole)
    assert scripts.loaded('search', frozenset(('near',))).source == near
    assert scripts.loaded('search').digest != scripts.loaded('search', frozenset()).digest
