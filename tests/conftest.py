"""Fixtures for all tests: real servers and clients of every kind. (Registries: ../conftest.py.)

A test that takes `server` runs once on each server that is available here (the ids are those of
tests/support/servers.py); one that takes `client` runs once for each kind of client: four kinds on
the first server, two on each other one. `raw` looks at the same server's keys. With
`@pytest.mark.one_server` it is once, on the first server, with one plain client. Each of them finds
an empty database. Pure parts are tested without any of this.
"""

import functools
import importlib.metadata
import math
import os
import signal
from collections.abc import Iterator

import hypothesis
import pytest
import redis

import rom
from rom._core.drivers import native_reads
from rom._core.ops.commits.attempts import forget_doubts
from tests.support import servers as support
from tests.support.cluster import Cluster
from tests.support.fleet import ending
from tests.support.worlds import BOTH, Front

# A shared machine has slow moments, and a fixture that empties the database does so once a test,
# not once an example: a test that draws examples empties it itself (`server.flush()`).
hypothesis.settings.register_profile(
    'rom',
    deadline=None,
    suppress_health_check=[
        hypothesis.HealthCheck.function_scoped_fixture,
        hypothesis.HealthCheck.too_slow,
    ],
)
# What failed once in CI must fail again on a desk: no luck, and the example is printed to paste.
hypothesis.settings.register_profile(
    'ci', hypothesis.settings.get_profile('rom'), derandomize=True, print_blob=True
)
hypothesis.settings.load_profile('ci' if os.environ.get('CI') else 'rom')


# Whether native reads are faster depends on the machine, so tests ask for the way that they mean:
# see the fixture `native`.
native_reads.set_limit(0.0)


@pytest.fixture(params=[0.0, math.inf], ids=['script', 'native'])
def each_way(request: pytest.FixtureRequest) -> Iterator[str]:
    """Queries of one range are answered by their script, then by native commands."""
    native_reads.set_limit(request.param)
    yield 'native' if request.param else 'script'
    native_reads.set_limit(0.0)


@pytest.fixture
def native() -> Iterator[None]:
    """Queries of one range are answered by native commands."""
    native_reads.set_limit(math.inf)
    yield
    native_reads.set_limit(0.0)


# The client library reads its own version from a file for each client and each connection.
importlib.metadata.version = functools.cache(importlib.metadata.version)


def pytest_configure() -> None:
    """A shell starts what is in its background with SIGINT ignored, and that is inherited.

    Programs that the tests start, to stop them by Ctrl-C, would never end.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Only what is available is a parameter; tests/support/test_servers.py names what is not."""
    if 'server' not in metafunc.fixturenames:
        return
    names = _names()
    variants = [support.EVERY_VARIANT, *([support.TWO_VARIANTS] * len(names))]
    if metafunc.definition.get_closest_marker('one_server'):
        names, variants = names[:1], [(support.PLAIN,)]
    if 'client' not in metafunc.fixturenames:
        metafunc.parametrize('server', names, indirect=True)
        return
    cases = [
        pytest.param(name, variant, id=f'{name}-{variant}')
        for name, variants_here in zip(names, variants, strict=False)
        for variant in variants_here
    ]
    metafunc.parametrize(('server', 'client'), cases, indirect=True)


@functools.cache
def _names() -> list[str]:
    return list(support.available())


@pytest.fixture(autouse=True)
def no_doubts() -> None:
    """What a test before this one left in doubt was on a server that is gone, or empty."""
    forget_doubts()


@pytest.fixture(autouse=True)
def no_null_session() -> None:
    """What a test before this one set of the session of this thread is the default again."""
    del rom.session.null_session


@pytest.fixture(scope='session')
def servers() -> Iterator[support.Servers]:
    """Ends what was started. Take `server` instead, unless the test is about servers."""
    started = support.Servers()
    yield started
    started.close()


@pytest.fixture
def server(request: pytest.FixtureRequest, servers: support.Servers) -> support.Server:
    """One of the available servers, empty."""
    running = servers.get(request.param)
    running.flush()
    return running


@pytest.fixture
def client(request: pytest.FixtureRequest, server: support.Server) -> Iterator[redis.Redis]:
    """A client on `server`, of each kind in turn."""
    with server.connect(request.param) as connected:
        yield connected


@pytest.fixture
def on_client(client: redis.Redis) -> Iterator[None]:
    """Models are on `client`, and the thread's session begins and ends without entities."""
    rom.util.CONNECTION = client
    rom.session.rollback()
    yield
    rom.session.rollback()


@pytest.fixture
def raw(server: support.Server) -> Iterator[redis.Redis]:
    """A RESP2 client of bytes on the same server as `client`, to look at the keys with."""
    with server.connect() as connected:
        yield connected


@pytest.fixture(scope='session')
def running_cluster() -> Iterator[Cluster]:
    """A cluster of three masters with a replica each; take `cluster` instead."""
    with ending(Cluster()) as running:
        yield running


@pytest.fixture
def cluster(running_cluster: Cluster) -> Cluster:
    """A cluster of the embedded server's program, empty. Whoever harms it heals it."""
    running_cluster.flush()
    return running_cluster


@pytest.fixture(params=BOTH)
def front(request: pytest.FixtureRequest) -> Iterator[Front]:
    """Locks and maintenance, in each world: what blocks, and what is awaited."""
    with Front(request.param) as front:
        yield front
