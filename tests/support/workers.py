"""In how many processes `scripts/test` runs the tests; a plugin of pytest, for `-n auto`.

One more than there are cores: many tests wait for programs that they have started. Each process
starts servers of its own and collects all tests, which takes longer than most files do. So a part
that is soon over stays in one process, and what somebody wants to watch as well.

Pytest compiles a test file with its assertions rewritten, which takes three times as long as all
else in a collection. So the processes share this work: each begins at another place, and finds
what the others have compiled.
"""

import os
import sys
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TypeVar

import pytest

Part = TypeVar('Part')

#: More would keep few busy: each has to start two or three servers, and to import all.
MOST = 8
#: The fixtures of the session that start clusters.
CLUSTERS = frozenset(('running_cluster', 'clusters'))


@pytest.hookimpl(tryfirst=True, optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Say how many processes `-n auto` means; 0 is this one alone."""
    options = config.option
    is_watched = options.capture == 'no' or options.usepdb
    return workers(options.file_or_dir, bool(options.keyword) or is_watched, cores())


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keep compiled test files beside them, also where PYTHONDONTWRITEBYTECODE is set.

    Only those: a program that a test starts and edits may not find what it was before.
    """
    wanted, sys.dont_write_bytecode = sys.dont_write_bytecode, False
    try:
        return (yield)
    finally:
        sys.dont_write_bytecode = wanted


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Begin each folder at another file in each process."""
    report = yield
    ours = getattr(collector.config, 'workerinput', None)
    if ours and isinstance(collector, pytest.Directory):
        number = int(ours['workerid'].removeprefix('gw'))
        report.result = rotated(report.result, number, ours['workercount'])
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> Generator[None, object, object]:
    """In several processes: one order for all, then what is slow first.

    The order of the files comes before pytest groups tests by fixtures of a wide scope.
    """
    if not hasattr(config, 'workerinput'):
        return (yield)
    items.sort(key=lambda item: item.path)
    result = yield
    put_slow_first(items)
    return result


def put_slow_first(items: list[pytest.Item]) -> None:
    """Begin with the files that are slow: so all processes end at the same time.

    What needs a cluster comes before. Each process gets a part of the tests in this order, and
    gives some up from its end: so one process has these, and starts each cluster.
    """
    items.sort(key=lambda item: (not needs_cluster(item), is_quick(item)))


def needs_cluster(item: pytest.Item) -> bool:
    """Say whether a test uses one of the clusters that are started once in a process."""
    return not CLUSTERS.isdisjoint(getattr(item, 'fixturenames', ()))


def is_quick(item: pytest.Item) -> bool:
    """Say whether the file of a test is not marked as slow."""
    module = item.getparent(pytest.Module)
    return module is None or all(mark.name != 'slow' for mark in module.own_markers)


def rotated(files: Sequence[Part], number: int, count: int) -> list[Part]:
    """Return the files in the order of one process: it begins with its own share of them.

    Args:
        files: what is in a folder.
        number: of the process, from 0.
        count: how many processes there are.
    """
    begin = len(files) * number // count
    return [*files[begin:], *files[:begin]]


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1


def workers(paths: Sequence[str], alone: bool, cores: int) -> int:
    """Return in how many processes to run the tests.

    Args:
        paths: what was asked for, as pytest takes it (`tests/cli`, `tests/a.py::test_b`).
        alone: one process was asked for, in a way.
        cores: how many there are.

    Returns:
        0 for this process alone.
    """
    is_small = bool(paths) and not any(Path(path.partition('::')[0]).is_dir() for path in paths)
    if alone or is_small or cores < 2:
        return 0
    return min(cores + 1, MOST)
