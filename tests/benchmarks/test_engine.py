"""Without the search engine a run goes on, and says what is missing and why."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks import environments, runner
from benchmarks.operations import SEARCHES
from benchmarks.peers import BY_NAME, OURS, REDIS_OM, REDISEARCH
from benchmarks.results import Results


def plan_of(*names: str) -> runner.Plan:
    return runner.Plan(
        sizes=(1000,), rounds=1, members=tuple(BY_NAME[name] for name in names), operations=()
    )


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A package index that has nothing; the names that it was asked for."""
    names: list[str] = []

    def prepare(name: str, requires: Sequence[str]) -> Path:
        names.append(name)
        raise environments.Unavailable('no such wheel')

    monkeypatch.setattr(environments, 'prepare', prepare)
    return names


def test_without_the_engine(asked: list[str]) -> None:
    results = Results()
    assert runner._engine(plan_of(OURS, REDIS_OM, REDISEARCH), results) is None
    assert asked == ['engine']
    reason = 'the search engine could not be installed: no such wheel'
    assert results.dashes[REDISEARCH] == {'': reason}
    assert results.dashes[REDIS_OM] == {one.name: reason for one in SEARCHES}
    assert OURS not in results.dashes


def test_who_needs_no_engine_installs_none(asked: list[str]) -> None:
    results = Results()
    assert runner._engine(plan_of(OURS), results) is None
    assert asked == []
    assert results.dashes == {}
