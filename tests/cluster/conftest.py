"""Clusters of every program that there is: each is started once, and empty for each test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.support import servers
from tests.support.cluster import Cluster
from tests.support.fleet import ending

PROGRAMS = servers.available()


@pytest.fixture(scope='session')
def clusters(request: pytest.FixtureRequest) -> Iterator[dict[str, Cluster]]:
    """Those that were started; that of the embedded server's program is everybody's."""
    with ExitStack() as stack:
        started: dict[str, Cluster] = {}
        yield started
        for name, cluster in started.items():
            if name != next(iter(PROGRAMS)):
                stack.enter_context(ending(cluster))


@pytest.fixture
def each_cluster(request: pytest.FixtureRequest, clusters: dict[str, Cluster]) -> Cluster:
    """A cluster of the program that the parameter names, empty."""
    name = request.param
    if name not in clusters:
        is_first = name == 'valkey9'
        clusters[name] = (
            request.getfixturevalue('running_cluster') if is_first else Cluster(PROGRAMS[name])
        )
    clusters[name].flush()
    return clusters[name]
