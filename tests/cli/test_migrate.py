"""`rom migrate`."""

import json
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.cli.maintaining import Place, placed
from tests.support.patience import PATIENCE, eventually
from tests.support.servers import Server, data

pytestmark = pytest.mark.one_server

MOVES = """
import rom
from rom.migrations import Migration, backfill, migration, rename

class User(rom.Model):
    _namespace = 'cli'
    name = rom.Text(index=True, prefix=True, keygen=rom.FULL_TEXT)
    mail = rom.Text(unique=True)
    age = rom.Integer(index=True)
    born = rom.Integer(index=True)

to_mail = Migration('to-mail', User, rename('email', 'mail'))

@migration(User)
def born(row):
    row['born'] = THEN - row['age']
"""


class Moves:
    """A folder with a module of migrations, beside the stored users."""

    def __init__(self, place: Place) -> None:
        self.place, self.raw = place, place.raw
        self.write('2026')

    def write(self, then: str) -> None:
        (self.place.folder / 'shopmoves.py').write_text(MOVES.replace('THEN', then))

    def run(self, *arguments: str) -> tuple[int, list[str], str]:
        sys.modules.pop('shopmoves', None)
        return self.place.run('migrate', *arguments)


@pytest.fixture
def moves(
    tmp_path: Path, server: Server, raw: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Moves]:
    for place in placed(tmp_path, server, raw, monkeypatch):
        yield Moves(place)


def test_all_of_them(moves: Moves) -> None:
    assert moves.run('shopmoves') == (
        0,
        ['migrated\tto-mail\tUser', 'migrated\tborn\tUser', 'reindexed\tUser'],
        '',
    )
    assert moves.raw.hgetall('cli:7') == {
        b'id': b'7', b'name': b'n7 all', b'mail': b'e7', b'age': b'7', b'born': b'2019',
    }  # fmt: skip
    assert not moves.raw.exists('cli:email:uidx')
    assert moves.place.run('check', 'shopmoves')[0] == 0
    assert moves.place.run('status', 'shopmoves')[0] == 0
    assert moves.run('shopmoves') == (0, [], 'Nothing to do: all migrations are done.\n')


def test_plan_and_status(moves: Moves, monkeypatch: pytest.MonkeyPatch) -> None:
    before = data(moves.raw)
    steps = 'rename email to mail'
    assert moves.run('shopmoves', '--plan') == (
        0,
        [
            f'migration\tto-mail\tUser\tpending\t60\t0\t0\t\t{steps}',
            'migration\tborn\tUser\tpending\t60\t0\t0\t\tcall born',
            'migration\treindex\tUser\tpending\t60\t0\t0\t\t'
            'born is new; unique email is gone; unique mail is new',
        ],
        '',
    )
    assert len(moves.run('shopmoves', '--plan', '--no-reindex')[1]) == 2
    assert moves.run('shopmoves', '--plan', '--to', 'to-mail')[1][1:] == []
    assert moves.run('shopmoves', '--status')[0] == 1
    assert data(moves.raw) == before
    assert moves.run('shopmoves', '--to', 'to-mail')[1] == ['migrated\tto-mail\tUser']
    code, lines, _ = moves.run('shopmoves', '--status', '--json')
    done, pending = json.loads('\n'.join(lines))
    assert code == 1
    assert (done['name'], done['state'], done['done'], done['is_due']) == ('to-mail', 'done', 60, 0)
    assert (pending['state'], pending['rows_left'], pending['begun']) == ('pending', 60, None)
    monkeypatch.setenv('ROM_MIGRATIONS', 'shopmoves')
    assert moves.run('--no-reindex')[1] == ['migrated\tborn\tUser']
    code, lines, _ = moves.run('--status')
    assert code == 0
    assert lines[1].startswith('migration\tborn\tUser\tdone\t0\t60\t0\t2')
    assert moves.run('--plan')[1][0].startswith('migration\treindex\tUser\tpending\t60')
    assert moves.run('--plan', '--no-reindex') == (0, [], '')


def test_a_row_that_fails(moves: Moves) -> None:
    moves.raw.hset('cli:9', 'age', '\x1b[2Jx')
    code, lines, said = moves.run('shopmoves', '--batch', '4')
    assert (code, lines) == (1, ['migrated\tto-mail\tUser'])
    assert said.startswith(
        "Error: migration 'born': User 9: cli:9, column 'age': the stored b'\\x1b"
    )
    assert 'it continues at this row' in said
    assert moves.raw.hget('cli:8', 'born') == b'2018'
    assert not moves.raw.hexists('cli:9', 'born')
    moves.raw.hset('cli:9', 'age', 9)
    assert moves.run('shopmoves')[:2] == (0, ['migrated\tborn\tUser', 'reindexed\tUser'])
    assert moves.place.run('check', 'shopmoves')[0] == 0


def test_rows_that_fail_are_skipped(moves: Moves) -> None:
    for id in (9, 60):
        moves.raw.hset(f'cli:{id}', 'age', '\x1b[2Jx')
    code, lines, said = moves.run('shopmoves', '--skip-failing', '--no-reindex')
    assert (code, lines) == (1, ['migrated\tto-mail\tUser', 'migrated\tborn\tUser'])
    first, second, last = said.splitlines()
    assert first.startswith("User 9: cli:9, column 'age': the stored b'\\x1b[2Jx' is not a valid")
    assert second.startswith('User 60: ')
    assert last.startswith('born: 2 of 60 rows of User were skipped, and are as they were; correct')
    assert moves.raw.hget('cli:59', 'born') == b'1967'
    assert not moves.raw.hexists('cli:60', 'born')
    code, lines, _ = moves.run('shopmoves', '--status', '--json')
    assert [row['id'] for row in json.loads('\n'.join(lines))[1]['skipped']] == [9, 60]
    assert moves.run('shopmoves', '--skip-failing', '--no-reindex')[0] == 0


def test_stopped_and_gone_on_with(moves: Moves) -> None:
    options = ('--rate', '40', '--batch', '4')
    with moves.place.begin('migrate', 'shopmoves', *options) as program:
        assert program.stderr is not None and program.stdout is not None
        eventually(lambda: _done(moves) >= 8)
        assert moves.run('shopmoves', '--wait', '0')[0] == 1, 'one migrator at a time'
        program.send_signal(signal.SIGINT)
        said = program.stderr.read()
        assert program.wait(PATIENCE) == 130
        assert program.stdout.read() == ''
    done = _done(moves)
    assert 8 <= done < 60
    assert 'Stopped in to-mail of User, ' in said
    assert said.endswith(
        f'{done} of 60 rows done, and nothing is half done. It continues there: rom migrate '
        'shopmoves\n'
    )
    # The lock is released, so nothing has to be waited for.
    assert moves.run('shopmoves', '--wait', '0')[0] == 0
    assert moves.place.run('check', 'shopmoves')[0] == 0


def _done(moves: Moves) -> int:
    found = moves.raw.hget('cli:id:migrations', 'to-mail')
    return 0 if found is None else int(json.loads(found)['done'])


@pytest.mark.parametrize(
    ('arguments', 'problem'),
    [
        ([], 'expected a module of migrations, got none'),
        (['shop'], 'shop declares no migrations'),
        (['no_such'], "no module 'no_such'"),
        (['shopmoves:User'], 'expected the name of a module'),
        (['shopmoves', '--plan', '--status'], 'expected one of them, got both'),
        (['shopmoves', '--to', 'x'], "--to: no migration is called 'x'; there are to-mail, born"),
        (['shopmoves', '--rate', '0'], '--rate: expected a number of rows a second above 0'),
        (['shopmoves', '--rate', 'nan'], '--rate: expected a number of rows a second above 0'),
        (['shopmoves', '--batch', '0'], 'Invalid value'),
        (['shopmoves', '--wait', '-1'], 'Invalid value'),
    ],
)
def test_wrong_arguments(moves: Moves, arguments: list[str], problem: str) -> None:
    before = data(moves.raw)
    code, lines, said = moves.run(*arguments)
    assert (code, lines) == (2, [])
    assert problem in said
    assert data(moves.raw) == before


def test_rows_that_cannot_be_indexed(moves: Moves) -> None:
    """The migrations are done; the reindex names the rows."""
    moves.run('shopmoves', '--no-reindex')
    moves.raw.hset('cli:5', 'born', 'x')
    code, lines, said = moves.run('shopmoves')
    assert (code, lines) == (1, [])
    assert "column 'born': the stored b'x' is not a valid Integer" in said
    assert 'The migrations are done. 1 rows could not be indexed' in said
