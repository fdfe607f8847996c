"""`rom reindex`."""

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.cli.maintaining import Place, placed
from tests.support.patience import PATIENCE
from tests.support.servers import Server

pytestmark = pytest.mark.one_server


@pytest.fixture
def place(
    tmp_path: Path, server: Server, raw: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Place]:
    yield from placed(tmp_path, server, raw, monkeypatch)


def test_after_a_change(place: Place) -> None:
    place.declare('unique=True')
    assert place.run('reindex', 'shop') == (0, ['reindexed\tUser', 'reindexed\tTeam'], '')
    assert not place.raw.exists('cli:age:idx')
    assert place.raw.hlen('cli:age:uidx') == 60
    assert place.run('status', 'shop')[0] == 0
    assert place.run('check', 'shop')[0] == 0


def test_stopped_and_gone_on_with(place: Place) -> None:
    place.declare('unique=True')
    with place.begin('reindex', 'shop', '--rate', '40', '--batch', '4') as program:
        assert program.stderr is not None and program.stdout is not None
        until = time.monotonic() + PATIENCE
        while _position(place) < 8 and time.monotonic() < until:
            time.sleep(0.005)
        program.send_signal(signal.SIGINT)
        said = program.stderr.read()
        assert program.wait(PATIENCE) == 130
        assert program.stdout.read() == ''
    assert 'Stopped in User, ' in said
    assert said.endswith(
        'and nothing is half done. It continues there: rom reindex shop:User shop:Team\n'
    )
    position = _position(place)
    assert 8 <= position < 60
    code, lines, _ = place.run('status', 'shop:User')
    assert (code, lines[0].rpartition('\t')[2]) == (1, str(position))
    code, lines, said = place.run('reindex', 'shop:User', 'shop:Team')
    assert (code, lines) == (0, ['reindexed\tUser', 'reindexed\tTeam'])
    assert f'stopped at id {position}' in said
    assert place.run('check', 'shop')[0] == 0


def _position(place: Place) -> int:
    found = place.raw.get('cli:id:reindex')
    return 0 if found is None else int(json.loads(found)['after'])


def test_what_cannot_be_indexed(place: Place) -> None:
    place.raw.hset('cli:9', 'age', 'x')
    code, lines, said = place.run('reindex', 'shop', '--restart')
    assert (code, lines) == (1, ['reindexed\tTeam'])
    assert "User: cli:9, column 'age': the stored b'x' is not a valid Integer" in said
    assert said.count("column 'age'") == 1
    assert 'User: 1 rows could not be indexed, all others are' in said


def test_what_it_is_told_wrongly(place: Place) -> None:
    for arguments, code in (
        (['shop', '--rate', '0'], 2),
        (['shop', '--rate', 'x'], 2),
        (['no'], 2),
    ):
        ran = place.run('reindex', *arguments)
        assert ran[:2] == (code, [])
        assert 'Traceback' not in ran[2] and ran[2]


def test_a_server_that_is_not_there(place: Place) -> None:
    for command in ('status', 'check', 'reindex'):
        code, lines, said = place.run(command, 'shop', '--url', 'unix:///none/of/it.sock')
        assert (code, lines) == (3, [])
        assert said.startswith('Error: no answer from Redis')
