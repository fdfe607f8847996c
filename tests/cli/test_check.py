"""`rom check`."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from rom.cli import output
from tests._core.ops.maintenance.damage import rows
from tests.cli.maintaining import Place, placed
from tests.support.patience import PATIENCE
from tests.support.servers import Server

pytestmark = pytest.mark.one_server


@pytest.fixture
def place(
    tmp_path: Path, server: Server, raw: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Place]:
    yield from placed(tmp_path, server, raw, monkeypatch)


def spoil(place: Place) -> None:
    place.raw.sadd('cli:name:ghost:idx', 7, 999)
    place.raw.zadd('cli:age:idx', {'5': 99})
    place.raw.hdel('cli:email:uidx', 'e3')


FOUND = {
    'doubled\tcli:name:ghost:idx\t7\tthe row does not imply it',
    "dangling\tcli:name:ghost:idx\t999\tan entry without a row ('999')",
    'score\tcli:age:idx\t5\tits number is 99, and should be 5.0',
    "unclaimed\tcli:email:uidx\t3\t'e3', which the row has, is not claimed",
}


def test_nothing_is_wrong(place: Place) -> None:
    assert place.run('check', 'shop') == (0, ['right\tUser', 'right\tTeam'], '')


def test_what_is_wrong_is_told_mended_and_gone(place: Place) -> None:
    spoil(place)
    before = rows(place.raw)
    code, lines, said = place.run('check', 'shop', '--batch', '10')
    assert (code, said) == (1, '')
    assert set(lines[:4]) == {f'finding\tUser\t{found}\tleft' for found in FOUND}
    sums = ['dangling\t1', 'doubled\t1', 'score\t1', 'unclaimed\t1']
    assert lines[4:] == [*(f'found\tUser\t{one}\t1' for one in sums), 'right\tTeam']
    code, lines, said = place.run('check', 'shop', '--repair')
    assert (code, said) == (1, '')
    assert set(lines[:4]) == {f'finding\tUser\t{found}\trepaired' for found in FOUND}
    assert lines[4:] == [*(f'found\tUser\t{one}\t0' for one in sums), 'right\tTeam']
    assert place.run('check', 'shop') == (0, ['right\tUser', 'right\tTeam'], '')
    assert rows(place.raw) == before


def test_quiet_and_with_a_reindex_due(place: Place) -> None:
    place.declare('index=True, unique=True')
    code, lines, said = place.run('check', 'shop:User', '--quiet')
    assert (code, lines) == (1, ['found\tUser\tunclaimed\t60\t60'])
    assert said == (
        'User needs rom reindex shop:User (unique age is new), which may be why something is '
        'found.\n'
    )


def test_in_a_terminal(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.raw.zadd('cli:age:idx', {'5': 99})
    monkeypatch.setattr(output, 'is_terminal', lambda stream: True)
    code, lines, said = place.run('check', 'shop', '--repair')
    assert code == 1
    assert 'User: score: cli:age:idx (id 5): its number is 99, and should be 5.0: repaired' in said
    assert lines == [
        'User: 1 score, 1 repaired (an index entry has another score than its row implies)',
        'right  Team',
    ]


# So many lines fit into no pipe: before they are read, the program cannot end.
GHOSTS = 2000


def test_ctrl_c(place: Place) -> None:
    """It is held back until a batch is done, and what is repaired has been told."""
    place.raw.sadd('cli:name:ghost:idx', *range(1, GHOSTS + 1))
    with place.begin('check', 'shop', '--repair', '--batch', '1') as program:
        assert program.stdout is not None and program.stderr is not None
        first = program.stdout.readline()
        program.send_signal(signal.SIGINT)
        told = [first, *program.stdout.readlines()]
        said = program.stderr.read()
        assert program.wait(PATIENCE) == 130
    repaired = sum(line.endswith('\trepaired\n') for line in told)
    assert 'rom check --repair shop:User shop:Team' in said
    assert f'{repaired:,} found, {repaired:,} repaired, and nothing is half done' in said
    assert place.raw.scard('cli:name:ghost:idx') == GHOSTS - repaired
    place.run('check', 'shop', '--repair', '--quiet')
    assert place.run('check', 'shop')[0] == 0


def test_what_it_is_told_wrongly(place: Place) -> None:
    for arguments in (['shop:Nobody'], ['shop', '--batch', '0'], ['shop', '--url', 'x:']):
        code, lines, said = place.run('check', *arguments)
        assert (code, lines) == (2, [])
        assert 'Traceback' not in said and said
