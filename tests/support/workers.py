"""In how many processes `scripts/test` runs the tests; a plugin of pytest, for `-n auto`.

One more than there are cores: many tests wait for programs that they have started. Each process
starts servers of its own and collects all tests, which takes longer than most files do. So a part
that is soon over stays in one process, and what somebody wants to watch as well.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

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


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In several processes begin with the files that are slow: so all end at the same time.

    What needs a cluster comes before. Each process gets a part of the tests in this order, and
    gives some up from its end: so one process has these, and starts each cluster.
    """
    if hasattr(config, 'workerinput'):
        items.sort(key=lambda item: (not needs_cluster(item), is_quick(item)))


def needs_cluster(item: pytest.Item) -> bool:
    """Say whether a test uses one of the clusters that are started once in a process."""
    return not CLUSTERS.isdisjoint(getattr(item, 'fixturenames', ()))


def is_quick(item: pytest.Item) -> bool:
    """Say whether the file of a test is not marked as slow."""
    module = item.getparent(pytest.Module)
    return module is None or all(mark.name != 'slow' for mark in module.own_markers)


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
