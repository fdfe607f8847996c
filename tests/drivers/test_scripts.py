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
