"""`rom shard`."""

import importlib
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

import rom
from tests.cli.maintaining import Place, placed
from tests.support.patience import PATIENCE, eventually
from tests.support.servers import Server

pytestmark = pytest.mark.one_server

SHARDED = """
import rom

class User(rom.Model):
    _shards = rom.Shards('town', 3)
    name = rom.Text(index=True, prefix=True, keygen=rom.FULL_TEXT)
    email = rom.Text(unique=True)
    age = rom.Integer(index=True)

class Team(rom.Model):
    _namespace = 'cliteam'
    _shards = User._shards
    label = rom.Text(unique=True)

class Unsharded(rom.Model):
    label = rom.Text()
"""


@pytest.fixture
def place(
    tmp_path: Path, server: Server, raw: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Place]:
    for found in placed(tmp_path, server, raw, monkeypatch):
        (tmp_path / 'sharded.py').write_text(SHARDED)
        sys.modules.pop('sharded', None)
        yield found
        sys.modules.pop('sharded', None)


def run(place: Place, *arguments: str) -> tuple[int, list[str], str]:
    sys.modules.pop('sharded', None)
    return place.run('shard', *arguments)


def counts(place: Place) -> tuple[int, int]:
    place.forget()
    sys.modules.pop('sharded', None)
    sharded: Any = importlib.import_module('sharded')
    return sharded.User.query.count(), sharded.Team.query.count()


def test_models_one_after_the_other(place: Place) -> None:
    code, lines, said = run(place, 'sharded:Team', '--into', 'town')
    assert (code, lines) == (0, ['moved\tTeam\ttown'])
    code, lines, said = run(place, 'sharded:User', '--into', 'town', '--from', 'cli')
    assert (code, lines, said) == (0, ['moved\tUser\ttown'], '')
    assert counts(place) == (60, 1)
    sys.modules.pop('sharded', None)
    assert place.run('check', 'sharded')[0] == 0
    assert run(place, 'sharded:Team', '--into', 'town')[0] == 0  # once more


@pytest.mark.parametrize(
    ('arguments', 'said'),
    [
        (('sharded',), '--into: expected the name of the group'),
        (('sharded', '--into', 'town', '--rate', '0'), '--rate: expected a number of rows'),
        (('sharded', '--into', 'town', '--from', 'cli'), '--from: expected one model'),
        (('sharded:Team', '--into', 'city'), "expected 'town'"),
        (('sharded:Team', 'sharded:Unsharded', '--into', 'town'), 'Unsharded: expected'),
    ],
)
def test_invalid_usage_starts_nothing(place: Place, arguments: tuple[str, ...], said: str) -> None:
    code, lines, errors = run(place, *arguments)
    assert (code, lines) == (2, [])
    assert said in errors
    assert not place.raw.exists('cliteam:id:moved')


def test_refused(place: Place) -> None:
    code, _, said = run(place, 'sharded:User', '--into', 'town')
    assert code == 1 and 'rom shard --from' in said
    code, _, said = run(place, 'sharded:User', '--into', 'town', '--from', 'cli', '--durable=1')
    assert code == 1 and 'too few replicas have the copies' in said


def test_stopped_and_gone_on_with(place: Place) -> None:
    options = ('sharded:User', '--into', 'town', '--from', 'cli')
    with place.begin('shard', *options, '--rate', '40', '--batch', '4') as program:
        eventually(lambda: int(place.raw.hget('cli:id:moved', 'done') or 0) > 4)
        program.send_signal(signal.SIGINT)
        assert program.wait(PATIENCE) == 130
        assert program.stderr is not None
        said = program.stderr.read()
    assert 'nothing is half done' in said
    assert 'rom shard sharded:User --into town --from cli' in said
    rom.MODELS.clear()
    code, lines, _ = run(place, *options)
    assert (code, lines) == (0, ['moved\tUser\ttown'])
    run(place, 'sharded:Team', '--into', 'town')
    assert counts(place) == (60, 1)
