"""The comparison is fair: the same data, the same keys, and everybody's answers are right.

Nothing is timed here. Peers that are not installed are left out; `scripts/bench` installs them.
"""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from benchmarks import data, engine, environments
from benchmarks.operations import OPERATIONS, QUERIES
from benchmarks.peers import (
    BY_NAME,
    HANDWRITTEN,
    OURS,
    OURS_COMPOUND,
    OURS_SCHEMATICS,
    PEERS,
    REDIS_SCHEMATICS,
    REDISEARCH,
    ROM1,
    Member,
)
from benchmarks.questions import Questions
from benchmarks.server import Servers
from benchmarks.team import PeerFailed, Worker
from tests.support import redis_schematics, rom1
from tests.support.fetched import Unavailable
from tests.support.servers import Server, dump

SIZE = data.PLANTED
# Those that other tests need as well, and how to have them.
INSTALLED: dict[str, Any] = {ROM1: rom1, REDIS_SCHEMATICS: redis_schematics}
SMALL = [operation for operation in OPERATIONS if operation.kind != 'query']

pytestmark = [pytest.mark.one_server, pytest.mark.slow]


def worker_of(member: Member) -> Worker:
    if member.name in (OURS, OURS_COMPOUND, OURS_SCHEMATICS, HANDWRITTEN):
        return Worker(member.name, Path(sys.executable))
    if member.name in INSTALLED:
        old = INSTALLED[member.name]
        try:
            return Worker(member.name, Path(sys.executable), str(old.install()))
        except Unavailable as reason:
            pytest.skip(str(reason))
    python = environments.existing(member.name, member.requires)
    if python is None:
        pytest.skip(f'scripts/bench has not installed {member.title} yet')
    return Worker(member.name, python)


@pytest.fixture(params=PEERS, ids=lambda member: member.name)
def worker(request: pytest.FixtureRequest, server: Server) -> Iterator[Worker]:
    """Each peer in turn, on an empty database."""
    member = request.param
    with ExitStack() as stack:
        found = stack.enter_context(closing(worker_of(member)))
        place = {'socket': server.socket, 'db': 0}
        if member.engine:
            installed = engine.existing()
            if installed is None:
                pytest.skip('scripts/bench has not installed the search engine yet')
            servers = stack.enter_context(Servers((SIZE,), (member,), installed))
            assert servers.of(member.name, SIZE).engine().startswith('RediSearch 2.')
            place = servers.of(member.name, SIZE).large(member.name)
        found.order('use', **place)
        yield found


@pytest.fixture(scope='module')
def questions() -> Questions:
    return Questions(SIZE)


def test_every_query_is_answered_right(worker: Worker, questions: Questions) -> None:
    worker.order('load', size=SIZE)
    for operation in QUERIES:
        if operation.name in worker.cannot:
            continue
        asked = questions.ask(operation.name)
        done = worker.order('query', name=operation.name, questions=asked, most=10, seconds=60)
        assert len(done['answers']) == len(done['ns']) == 10
        for question, answer in zip(asked, done['answers'], strict=True):
            assert questions.objection(operation.name, question, answer) is None


def test_what_is_written_is_read(worker: Worker) -> None:
    """The worker compares what it reads with the data, and complains."""
    for operation in SMALL:
        if operation.name not in worker.cannot:
            count = 300 if operation.name in ('create', 'change') else 30
            done = worker.order(operation.name, count=count, check=True)
            assert all(ns > 0 for ns in done['ns'])


def test_the_search_engine_finishes_slow_queries() -> None:
    """By default it returns a part of the answer after half a second, as if that were all."""
    installed = engine.existing()
    if installed is None:
        pytest.skip('scripts/bench has not installed the search engine yet')
    with Servers((SIZE,), (BY_NAME[REDISEARCH],), installed) as servers:
        found = servers.small(REDISEARCH).admin.execute_command('FT.CONFIG', 'GET', 'TIMEOUT')
    assert found == {b'TIMEOUT': b'0'}


def test_a_wrong_value_is_found(server: Server, raw: Any) -> None:
    with closing(Worker(HANDWRITTEN, Path(sys.executable))) as worker:
        worker.order('use', socket=server.socket, db=0)
        worker.order('create', count=100)
        worker.order('get_many', count=100, check=True)
        raw.hset('user:1', 'age', 1000)
        with pytest.raises(PeerFailed, match='WrongAnswer'):
            worker.order('get_many', count=100, check=True)


def test_our_trips(server: Server) -> None:
    with closing(Worker(OURS, Path(sys.executable))) as worker:
        worker.order('use', socket=server.socket, db=0)
        worker.order('create', count=20)
        trips = {
            name: worker.order(name, count=20, check=True)['trips']
            for name in ('get_many', 'get_by', 'get_one', 'save_one')
        }
    assert set(trips.values()) == {1}


def test_a_filter_of_models_is_one_trip_and_writes_nothing(
    server: Server, raw: Any, questions: Questions
) -> None:
    with closing(Worker(OURS_SCHEMATICS, Path(sys.executable))) as worker:
        worker.order('use', socket=server.socket, db=0)
        worker.order('load', size=SIZE)
        asked = questions.ask('filter_models')
        # Once before, for the server gets the script in a trip of its own.
        worker.order('query', name='filter_models', questions=asked, most=1, seconds=60)
        before = dump(raw)
        done = worker.order(
            'query', name='filter_models', questions=asked, most=1, seconds=60, check=True
        )
        assert done['trips'] == 1
        assert dump(raw) == before


def test_only_those_who_store_models_filter_them(worker: Worker) -> None:
    is_asked = worker.name in (OURS_SCHEMATICS, REDIS_SCHEMATICS)
    assert is_asked == ('filter_models' not in worker.cannot)


def test_hand_written_keys_are_ours(server: Server, raw: Any) -> None:
    found = []
    for name in (OURS, HANDWRITTEN):
        raw.flushdb()
        with closing(Worker(name, Path(sys.executable))) as worker:
            worker.order('use', socket=server.socket, db=0)
            worker.order('create', count=200)
            worker.order('change', count=100)
            worker.order('save_one', count=3)
        found.append(
            {
                key: held
                for key, held in dump(raw).items()
                # Notes for a few minutes; a stamp, once in the life of the data; epochs, once in
                # that of a server.
                if not key.startswith((b'user:id:done:', b'user:id:indexes', b'user:id:epochs'))
            }
        )
    ours, theirs = found
    assert ours.keys() == theirs.keys()
    assert ours == theirs
