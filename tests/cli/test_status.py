"""`rom status`."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from rom.cli import output
from tests.cli.maintaining import Place, placed
from tests.support.servers import Server

pytestmark = pytest.mark.one_server


@pytest.fixture
def place(
    tmp_path: Path, server: Server, raw: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Place]:
    yield from placed(tmp_path, server, raw, monkeypatch)


def test_all_is_right(place: Place) -> None:
    lines = ['status\tUser\tright\t\t', 'status\tTeam\tright\t\t']
    assert place.run('status', 'shop') == (0, lines, '')


def test_what_needs_a_reindex(place: Place) -> None:
    place.declare('unique=True')
    place.raw.delete('cliteam:id:indexes')
    code, lines, said = place.run('status', 'shop')
    assert (code, said) == (1, 'To build them: rom reindex shop:User shop:Team\n')
    assert lines == [
        'status\tUser\tstale\tage is gone; unique age is new\t',
        'status\tTeam\tunknown\t\t',
    ]
    code, lines, _ = place.run('status', 'shop:User', '--json')
    assert code == 1
    assert json.loads('\n'.join(lines)) == [
        {
            'model': 'User',
            'state': 'stale',
            'changes': ['age is gone', 'unique age is new'],
            'stopped_at': None,
            'is_due': True,
            'eviction': None,
        }
    ]


def test_in_a_terminal(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.declare('unique=True')
    place.raw.set('cli:id:reindex', '{"declared": {}, "after": "7"}')
    monkeypatch.setattr(output, 'is_terminal', lambda stream: True)
    _, lines, _ = place.run('status', 'shop')
    assert lines == [
        'User  stale: the indexes are not those that it declares; age is gone; unique age is new; '
        'a reindex stopped at id 7',
        'Team  right: the indexes are those that it declares',
    ]


def test_a_server_that_evicts_keys_is_named_once(place: Place) -> None:
    before = {name: place.raw.config_get(name)[name] for name in ('maxmemory-policy', 'maxmemory')}
    try:
        place.raw.config_set('maxmemory-policy', 'allkeys-lru')
        place.raw.config_set('maxmemory', '10gb')
        code, lines, said = place.run('status', 'shop')
        assert (code, len(lines)) == (0, 2)
        assert said.count('maxmemory-policy allkeys-lru') == 1
        assert 'CONFIG SET maxmemory-policy noeviction' in said
        _, lines, _ = place.run('status', 'shop', '--json')
        for one in json.loads('\n'.join(lines)):
            assert 'maxmemory-policy allkeys-lru' in one['eviction']
    finally:
        for name, value in before.items():
            place.raw.config_set(name, value)


def test_no_data(place: Place) -> None:
    place.raw.flushdb()
    assert place.run('status', 'shop:Team') == (0, ['status\tTeam\tempty\t\t'], '')
