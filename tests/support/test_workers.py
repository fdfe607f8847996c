"""In how many processes the tests run."""

import importlib.util
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.workers import (
    MOST,
    cores,
    is_quick,
    needs_cluster,
    put_slow_first,
    pytest_xdist_auto_num_workers,
    rotated,
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
    put_slow_first(items)
    others = [item for item in items if not needs_cluster(item)]
    assert sorted(others, key=is_quick) == others
    assert items[len(items) - len(others) :] == others
    if hasattr(request.config, 'workerinput'):
        assert request.session.items == items
    assert is_quick(request.node) and not needs_cluster(request.node)
    assert needs_cluster(SimpleNamespace(fixturenames=['cluster', 'running_cluster']))  # type: ignore[arg-type]


@pytest.mark.parametrize('count', [1, 2, 3, 8])
@pytest.mark.parametrize('names', ['', 'a', 'abcde', 'abcdefghi'])
def test_each_process_begins_with_its_share(names: str, count: int) -> None:
    orders = [rotated(names, number, count) for number in range(count)]
    assert all(sorted(order) == list(names) for order in orders)
    shares = [''.join(order)[: -(-len(names) // count)] for order in orders]
    assert set(''.join(shares)) == set(names)


def test_no_program_of_a_test_keeps_what_it_compiled(request: pytest.FixtureRequest) -> None:
    """Only the test files are compiled once and for all, whatever the environment says."""
    assert sys.dont_write_bytecode == bool(sys.flags.dont_write_bytecode)
    kept = Path(importlib.util.cache_from_source(str(HERE))).parent
    assert list(kept.glob(f'{HERE.stem}.*-pytest-*.pyc'))
