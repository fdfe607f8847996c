"""`rom.util`: the names of 1.x. Contract, sections 1, 2, 7; expected values as 1.1.2 gives them."""

from typing import Any

import pytest
import redis

import rom
from rom import util
from tests.support.golden import golden

SCORES = golden('prefix score')


NAMES = """
    CONNECTION get_connection set_connection_settings session Session
    refresh_indices clean_old_index refresh_all_indexes show_progress clean_unsafe_cols
    Lock EntityLock use_null_session use_rom_session ClassProperty
    FULL_TEXT CASE_INSENSITIVE SIMPLE SIMPLE_CI IDENTITY IDENTITY_CI IDENTITY_STRING
    IDENTITY_STRING_CI _connect _script_load _prefix_score _encode_unique_constraint
"""


@pytest.mark.parametrize('name', NAMES.split())
def test_every_name_is_there(name: str) -> None:
    assert hasattr(util, name)
    assert name.startswith('_') or name in util.__all__


def test_all_is_sorted() -> None:
    assert util.__all__ == sorted(util.__all__)


@pytest.mark.parametrize('case', SCORES, ids=range(len(SCORES)))
def test_prefix_scores_are_those_of_1x(case: dict[str, Any]) -> None:
    [(kind, text)] = case['value'].items()
    value = text.encode('latin-1') if kind == 'bytes' else text
    assert util._prefix_score(value) == case['scores']['']
    assert util._prefix_score(value, next=True) == case['scores']['next']


def test_unique_constraints_are_encoded_as_in_1x() -> None:
    assert util._encode_unique_constraint(('a', 'b')) == '\0\0a\0\0\0b'
    assert util._encode_unique_constraint([b'a', b'\xff']) == '\0\0a\0\0\0ÿ'
    assert util._encode_unique_constraint(['é', 'b']) == '\0\0Ã©\0\0\0b'


@pytest.mark.one_server
def test_a_script_of_ones_own(client: redis.Redis) -> None:
    add = util._script_load('return {KEYS[1], ARGV[1]}')
    client.script_flush()
    for _ in range(2):
        assert add(client, ['k'], ['a']) == [b'k', b'a']
    client.script_flush()
    assert add(client, ['k'], ['a'], True) == [b'k', b'a']
    assert add(client, keys=['k'], args=[1], force_eval=True) == [b'k', b'1']
    assert add(client) == []
    with client.pipeline() as pipe:
        add(pipe, ['k'], ['b'])
        assert pipe.execute() == [[b'k', b'b']]
    with pytest.raises(rom.ServerError, match='wrong'):
        util._script_load('return redis.error_reply("wrong")')(client)


@pytest.mark.one_server
def test_the_client_in_force(client: redis.Redis) -> None:
    class Connectable(rom.Model):
        n = rom.Integer()

    util.CONNECTION = client
    assert util._connect(Connectable) is client
    assert util._connect(Connectable(n=1)) is client
    assert Connectable._connection is util.get_connection() is client


def test_the_registries() -> None:
    assert rom.Integer in rom.COLUMN_TYPES
    assert isinstance(1.5, rom.NUMERIC_TYPES)
    assert not isinstance('x', rom.NUMERIC_TYPES)
    for registry in (rom.MODELS, rom.MODELS_REFERENCED, rom.SKIP_ON_DELETE):
        registry.clear()
