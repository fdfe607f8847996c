"""The stories that are told on a single server, told once more on a cluster.

Their models have a hash tag in the namespace. What only Python decides is left out, and so is what
breaks the connection to the one server, or looks at it.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
import redis

import rom
from tests._core.conftest import trips
from tests._core.sessions import (
    test_both,
    test_defaults,
    test_loading,
    test_unique_values,
    test_values,
)
from tests.support.cluster import Cluster
from tests.support.fleet import HOST
from tests.support.servers import available
from tests.support.worlds import ASYNC, SYNC, ClusterWorld

__all__ = ['trips']

PROGRAMS = list(available())
#: The fixtures that stories may take here.
GIVEN = {'world', 'raw', 'trips'}
#: Stories of thousands of rows, whose pages are the same on a cluster.
LONG = {'test_many_ids_in_one_trip', 'test_get_of_more_than_a_page'}
WORLDS = {
    'sync-resp2': (SYNC, {'protocol': 2}),
    'async-resp3-str': (ASYNC, {'protocol': 3, 'decode_responses': True}),
}


#: A namespace of each story's models, which have the same tag.
NAMESPACES: dict[Any, str] = {}


def _models(module: ModuleType) -> list[Any]:
    models = (one for one in vars(module).values() if isinstance(one, type))
    return [one for one in models if issubclass(one, rom.Model) and one is not rom.Model]


def stories_of(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """Yield the stories of a module of tests that can be told here, with names of their own."""
    for name, test in vars(module).items():
        if not hasattr(test, 'models'):
            continue
        is_for_python = any(mark.name == 'one_server' for mark in test.pytestmark)
        is_told = name not in LONG and not is_for_python
        if GIVEN.issuperset(test.__signature__.parameters) and is_told:
            place = module.__name__.rpartition('test_')[2]
            NAMESPACES.setdefault(test, (test.models or _models(module))[0]._namespace)
            yield name.replace('test_', f'test_{place}_', 1), test


for module in (test_both, test_defaults, test_loading, test_unique_values, test_values):
    globals().update(stories_of(module))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each story is told once on each program, and in the other world on the next one."""
    worlds, number = list(WORLDS), list(NAMESPACES).index(metafunc.function)
    cases = [(name, worlds[(number + place) % len(worlds)]) for place, name in enumerate(PROGRAMS)]
    metafunc.parametrize(
        ('each_cluster', 'world'), cases, indirect=True, ids=['-'.join(case) for case in cases]
    )


@pytest.fixture
def world(request: pytest.FixtureRequest, each_cluster: Cluster) -> ClusterWorld:
    """Either session, on a cluster."""
    kind, settings = WORLDS[request.param]
    return ClusterWorld(kind, each_cluster.startup, **settings)


@pytest.fixture
def raw(request: pytest.FixtureRequest, each_cluster: Cluster) -> Iterator[redis.Redis]:
    """A RESP2 client of bytes on the master that has all keys of the story's models."""
    owner = each_cluster.owner(NAMESPACES[request.function])
    with redis.Redis(host=HOST, port=owner.port, protocol=2) as client:
        yield client
        others = [node for node in each_cluster.masters() if node is not owner]
        assert not any(node.client.dbsize() for node in others), 'keys are in several slots'
