"""A small campaign on a fleet, with fixed seeds. `scripts/faults --fleet` runs larger ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults import fleet_report, report
from tests.faults.fleet_campaign import Events, FleetRound, FleetTally
from tests.faults.fleet_server import HEAD, KEY, ClusterFleet
from tests.faults.fleet_stories import FLEET_STORIES, FleetStory
from tests.faults.journal import ACKNOWLEDGED, TRY, Journal
from tests.faults.oracle import STALE
from tests.faults.workers import Workers
from tests.support.cluster import Cluster

pytestmark = [pytest.mark.slow]


@pytest.fixture(scope='module')
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    with Workers(tmp_path_factory.mktemp('nursery') / 'errors', head=HEAD) as running:
        yield running


@pytest.mark.parametrize('name', ['moves', 'handovers', 'kills', 'durable'])
def test_a_story(name: str, cluster: Cluster, workers: Workers, tmp_path: Path) -> None:
    story = FLEET_STORIES[name].small()
    tally = FleetTally()
    FleetRound(name, story, '19', ClusterFleet(cluster), workers, tmp_path).run(tally)
    assert report.is_clean({name: tally}), report.failures({name: tally})
    assert tally.faults == story.plan
    assert tally.answers[ACKNOWLEDGED] > 100


def test_what_is_at_a_wrong_master_is_found(
    cluster: Cluster, workers: Workers, tmp_path: Path
) -> None:
    fleet, story = ClusterFleet(cluster), FleetStory('nothing befalls it', {}, 1, team=('process',))
    stray = next(node for node in cluster.masters() if node is not cluster.owner(KEY))
    tally = FleetTally()
    FleetRound('stray', story, '19', fleet, workers, tmp_path).run(tally)
    assert report.is_clean({'stray': tally})
    key = next(key for key in (f'k{n}' for n in range(99)) if cluster.owner(key) is stray)
    stray.client.set(key, 1)
    assert fleet.astray() == [key.encode()]


def test_a_mark_is_replicated(cluster: Cluster) -> None:
    ClusterFleet(cluster).mark()
    [replica] = cluster.replicas_of(cluster.owner(KEY))
    replica.client.execute_command('READONLY')
    assert KEY.encode() in replica.client.scan_iter()


def test_events_are_counted(tmp_path: Path) -> None:
    events, journal = Events(tmp_path), Journal(tmp_path, 'a')
    assert events.look() == 0
    for _ in range(3):
        journal.write('an1', TRY, act='add', row='shelf 1')
    assert (events.look(), events.look(), events.total) == (3, 0, 3)
    journal.close()


def test_the_table() -> None:
    tally = FleetTally(tried=1234, allowed=5, longest={'add': 1.0, 'pay': 2.5}, paused=3.0)
    tally.answers.update({'ok': 1200, 'no': 4, 'unknown': 30})
    tally.problems[STALE] = 7
    tally.faults['handed over'], tally.troubled['handed over'] = 2, 0.4
    tally.errors['DataRaceError'] = 9
    lines = fleet_report.table({'moves': tally}).splitlines()
    assert ' '.join(lines[1].split()) == 'moves 1,234 1,200 4 30 5 0 0 0 0 0 0 0 7'
    assert lines[4].split() == ['moves', '2.5', 's', '(pay)', '3.0', 's']
    assert lines[7].split() == ['handed', 'over', '2', '0.4', 's']
    assert lines[10].split() == ['DataRaceError', '9']
