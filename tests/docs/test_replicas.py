"""docs/howto/replicas-and-sentinel.rst: its statements about replicas, on each server.

The page itself runs with a sentinel, on the embedded server.
"""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.sentinel import Sentinel

import rom
from tests.support.fleet import HOST, NAME, Process, ending, is_in_step, until, wait_for_replicas
from tests.support.patience import PATIENCE
from tests.support.proxy import Proxy
from tests.support.servers import available as servers_here
from tests.support.servers import dump, find
from tests.support.watched import Watched

pytestmark = [pytest.mark.slow]


@pytest.fixture(params=list(servers_here()))
def pair(request: pytest.FixtureRequest) -> Iterator[tuple[Process, Process]]:
    """A main server, and its replica."""
    binary = find(request.param)
    with ending(Process(binary)) as main:
        with ending(Process(binary, (f'replicaof {HOST} {main.port}',))) as replica:
            until(lambda: is_in_step(replica))
            yield main, replica


def order() -> type[rom.Model]:
    class Order(rom.Model):
        number = rom.Integer(required=True, unique=True, index=True)
        state = rom.Text(index=True, keygen=rom.IDENTITY, default='open')
        sent = rom.Integer(index=True, default=0)

    return Order


def test_a_replica_answers_and_refuses_to_write(pair: tuple[Process, Process]) -> None:
    main, replica = pair
    model = order()
    rom.util.CONNECTION = main.client
    entities = [model(number=number) for number in range(30)]
    rom.session.commit()
    assert wait_for_replicas(main.client, 1, 5000) == 1
    rom.session.rollback()
    del entities
    rom.util.CONNECTION = replica.client
    before = dump(main.client)
    query = model.query.filter(state='open').order_by('-number')
    assert query.count() == len(query.all()) == 30
    assert query.page(7).next and query.sum('number') == 435
    found = model.get_by(number=7)
    found.sent = 1
    for write in (
        found.save,
        found.delete,
        lambda: query.cached_result(9),
        lambda: query.update(sent=5),
    ):
        with pytest.raises(rom.ServerError, match='read only'):
            write()
    assert dump(replica.client) == dump(main.client) == before


def test_what_is_older_than_the_row_is_a_race(pair: tuple[Process, Process]) -> None:
    main, replica = pair
    model = order()
    rom.util.CONNECTION = main.client
    model(number=1).save()
    assert wait_for_replicas(main.client, 1, 5000) == 1
    rom.session.rollback()
    rom.util.CONNECTION = replica.client
    stale = model.get(1)
    rom.util.CONNECTION = main.client
    with rom.Session() as session:
        session.update_all(model.query.filter(number=1), sent=1)
    stale.sent = 2
    with pytest.raises(rom.DataRaceError):
        stale.save()


def test_a_commit_whose_answer_was_lost_counts_once_on_the_next_main_server(
    pair: tuple[Process, Process],
) -> None:
    main, replica = pair
    model = order()
    with Proxy((HOST, main.port)) as proxy:
        client = redis.Redis(unix_socket_path=proxy.socket, retry=Retry(NoBackoff(), 0))
        rom.util.CONNECTION = client
        entity = model(number=1)
        entity.save()
        entity.sent += 1
        proxy.cut_after_request(proxy.named('EVALSHA'))
        with pytest.raises(rom.ServerUnavailable):
            entity.save()
        assert wait_for_replicas(main.client, 1, 5000) == 1
        client.close()
    main.end()
    replica.client.replicaof('NO', 'ONE')
    rom.util.CONNECTION = replica.client
    entity.save()
    entity.state = 'paid'
    entity.save()
    rom.session.rollback()
    again = model.get(1)
    assert (again.sent, again.state) == (1, 'paid')
    assert model.query.filter(sent=1).count() == model.query.filter(state='paid').count() == 1


def test_without_the_replicas_that_it_needs_nothing_is_written(
    pair: tuple[Process, Process],
) -> None:
    main, _ = pair
    model = order()
    rom.util.CONNECTION = main.client
    entity = model(number=1)
    entity.save()
    main.client.config_set('min-replicas-to-write', 2)
    before = dump(main.client)
    entity.state = 'paid'
    with pytest.raises(rom.ServerError, match=r'(?i)NOREPLICAS|not enough good replicas'):
        entity.save()
    assert dump(main.client) == before


def test_a_planned_failover_loses_nothing() -> None:
    """The steps of the page, which `Watched.hand_over` takes, while a program writes."""
    model, done = order(), threading.Event()
    with ending(Watched()) as watched:
        watch = Sentinel(watched.sentinels, socket_timeout=PATIENCE)

        def write() -> int:
            with rom.Session(watch.master_for(NAME)) as session:
                number = 0
                while not done.is_set():
                    session.save(model(number=number))
                    number += 1
                return number

        with ThreadPoolExecutor(1) as pool:
            writing = pool.submit(write)
            with rom.Session(watch.master_for(NAME)) as session:
                until(lambda: session.count(model.query) > 20)
                old = watched.owner()
                assert watched.hand_over() is not old
                reached = session.count(model.query)
                until(lambda: session.count(model.query) > reached + 20)
                done.set()
                written = writing.result()
                assert session.count(model.query) == written
