"""In how many processes the tests run."""

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.workers import (
    MOST,
    cores,
    is_quick,
    needs_cluster,
    pytest_collection_modifyitems,
    pytest_xdist_auto_num_workers,
    workers,
)

HERE = Path(__file__)
FOLDER, FILE = str(HERE.parent), str(HERE)


@pytest.mark.parametrize(
    ('paths', 'alone', 'cores', 'count'),
    [
        ([], False, 1, 0),
        ([], False, 2, 3),
        ([], False, 64, MOST),
        ([], True, 2, 0),
        ([FOLDER], False, 2, 3),
        ([FOLDER, FILE], False, 2, 3),
        ([FILE], False, 2, 0),
        ([FILE, f'{FILE}::test_cores'], False, 2, 0),
        ([FOLDER], True, 2, 0),
    ],
)
def test_workers(paths: list[str], alone: bool, cores: int, count: int) -> None:
    assert workers(paths, alone, cores) == count


def test_cores() -> None:
    assert 1 <= cores() <= (os.cpu_count() or 1)


@pytest.mark.parametrize(
    ('watched', 'count'),
    [
        ({}, min(cores() + 1, MOST) if cores() > 1 else 0),
        ({'capture': 'no'}, 0),
        ({'usepdb': True}, 0),
        ({'keyword': 'scores'}, 0),
        ({'file_or_dir': [FILE]}, 0),
    ],
)
def test_what_pytest_is_told(watched: dict[str, Any], count: int) -> None:
    usual = {'capture': 'fd', 'usepdb': False, 'keyword': '', 'file_or_dir': []}
    config: Any = SimpleNamespace(option=SimpleNamespace(**{**usual, **watched}))
    assert pytest_xdist_auto_num_workers(config) == count


def test_slow_files_come_first(request: pytest.FixtureRequest) -> None:
    items = list(request.session.items)
    config: Any = SimpleNamespace(workerinput={})
    pytest_collection_modifyitems(config, items)
    others = [item for item in items if not needs_cluster(item)]
    assert sorted(others, key=is_quick) == others
    assert items[len(items) - len(others) :] == others
    if hasattr(request.config, 'workerinput'):
        assert request.session.items == items
    assert is_quick(request.node) and not needs_cluster(request.node)
    assert needs_cluster(SimpleNamespace(fixturenames=['cluster', 'running_cluster']))  # type: ignore[arg-type]
