"""A small campaign, every story of it, with fixed seeds. `scripts/faults` runs larger ones."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults import campaign, report
from tests.faults.campaign import Tally
from tests.faults.journal import ACKNOWLEDGED
from tests.faults.stories import STORIES
from tests.faults.workers import Workers
from tests.support import servers

ROOT = Path(__file__).parents[2]
COMMITS = 60  # of each story
BINARY = next(iter(servers.available().values()))


@pytest.fixture(scope='module')
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    with Workers(tmp_path_factory.mktemp('nursery') / 'errors') as running:
        yield running


@pytest.mark.parametrize('name', STORIES)
def test_a_story(name: str, workers: Workers, tmp_path: Path) -> None:
    settings = campaign.Settings(BINARY, COMMITS, seed=15, stories=(name,))
    tally = campaign.run_story(name, settings, workers, tmp_path)
    assert report.is_clean({name: tally}), report.failures({name: tally})
    assert tally.answers[ACKNOWLEDGED] > COMMITS // 3
    # What a request meets does not depend on the machine, as long as there are enough of them.
    assert all(
        tally.faults[kind] for kind, chance in STORIES[name].chances.items() if chance > 0.03
    )


def test_the_table() -> None:
    tally = Tally(tried=1234)
    tally.answers.update({'ok': 1200, 'no': 4, 'unknown': 30})
    tally.faults.update({'before': 7, 'after': 8})
    assert report.is_clean({'cuts': tally})
    tally.problems['lost'] = 1
    assert not report.is_clean({'cuts': tally})
    lines = report.table({'cuts': tally}, rst=True).splitlines()
    assert lines[3].split() == ['cuts', '1,234', '1,200', '4', '30', '15', '1', '0', '0', '0', '0']
    assert lines[0] == lines[2] == lines[5]
    assert set(lines[0]) == {'=', ' '}
    assert report.table({'cuts': tally}).splitlines()[-2:] == ['after       8', 'before      7']


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder in which the names of sockets are short enough, as in tmp_path they may not be."""
    with tempfile.TemporaryDirectory(prefix='rom-') as made:
        yield Path(made).resolve()


@pytest.mark.skipif(not Path('/proc/self/environ').exists(), reason='the system does not tell')
@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_campaign_leaves_nothing(short_folder: Path, number: int) -> None:
    command = [sys.executable, '-m', 'tests.faults', '--commits', '100000', '--seed', '1']
    with subprocess.Popen(
        [*command, '--only', 'restarts', '--server', str(BINARY)],
        cwd=ROOT,
        env={**os.environ, 'TMPDIR': str(short_folder)},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        while not process.stderr.readline().startswith('restarts: '):
            assert process.poll() is None
        while len(list(_processes_that_know(str(short_folder)))) < 6:  # in the middle of a round
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(number)
        *_, last = process.stderr
    assert process.returncode == 130
    assert last == 'scripts/faults: interrupted; everything was cleaned up\n'
    assert list(short_folder.iterdir()) == []
    assert list(_processes_that_know(str(short_folder))) == []


def test_it_refuses_a_story_that_there_is_not() -> None:
    done = subprocess.run(
        [sys.executable, '-m', 'tests.faults', '--only', 'calm,clam'],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "no story 'clam'; there are calm, cuts, " in done.stderr


def _processes_that_know(text: str) -> Iterator[str]:
    """The processes with this in their environment."""
    for path in Path('/proc').glob('[0-9]*/environ'):
        try:
            if text.encode() in path.read_bytes():
                yield path.parent.name
        except OSError:
            continue
