"""Random schedules of the protocol over partitions, and directed ones that each mutant fails."""

from collections import Counter

import pytest
import redis

from tests.faults.shards import directed, mutants, schedule

SCHEDULES = 300
_EACH = 60  # a test of its own, so that one that fails says so early

pytestmark = pytest.mark.one_server


@pytest.mark.parametrize('first', range(0, SCHEDULES, _EACH))
def test_random_schedules(first: int, client: redis.Redis) -> None:
    met = Counter[str]()
    for seed in range(first, first + _EACH):
        result = schedule.run(client, seed, with_indexes=seed % 20 == 0)
        assert not result.problems, f'python -m tests.faults.shards --seed {seed} --schedules 1'
        met += result.met
    faults = ('killed', 'late', 'doubled', 'expired', 'reply lost', 'given up')
    assert all(met[fault] for fault in faults), met


@pytest.mark.parametrize('name', directed.DIRECTED)
def test_directed_schedules(name: str, client: redis.Redis) -> None:
    assert directed.DIRECTED[name](directed.Stage(client)) == []


@pytest.mark.parametrize('name', mutants.MUTANTS)
def test_each_mutant_is_found(name: str, client: redis.Redis) -> None:
    with mutants.without(name):
        assert directed.DIRECTED[name](directed.Stage(client))
