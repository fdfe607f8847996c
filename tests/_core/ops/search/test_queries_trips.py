"""How many trips searches take, and pages while others write."""

from __future__ import annotations

from typing import Any

import pytest
import redis

from rom._core.drivers.sync_driver import SyncDriver
from rom._core.encoding import keygens as kg
from rom._core.ops.requests import Pipeline, Rest, Script
from rom._core.ops.search import queries
from rom._core.ops.search.bounds import Bounds
from rom.columns import Boolean, Integer, Text
from tests._core.ops.search.search_support import Store, model_of

MODEL = model_of(
    words=Text(index=True, prefix=True, keygen=kg.FULL_TEXT),
    name=Text(index=True, keygen=kg.SIMPLE),
    city=Text(prefix=True, keygen=kg.IDENTITY_CI),
    age=Integer(index=True),
    flag=Boolean(index=True),
)


class Trips(SyncDriver):
    """Notes what is sent."""

    def __init__(self, client: redis.Redis) -> None:
        super().__init__(client)
        self.sent: list[str] = []

    def perform(self, request: Any) -> Any:
        if isinstance(request, Pipeline):
            self.sent.append('+'.join(_name(one) for one in request.requests))
        elif not isinstance(request, Rest):
            self.sent.append(_name(request))
        return super().perform(request)


def _name(request: Any) -> str:
    return request.name if isinstance(request, Script) else str(request.args[0])


@pytest.fixture
def crowd(raw: redis.Redis) -> Store:
    found = Store(raw, raw, MODEL)
    found.driver = Trips(raw)
    found.write(
        {
            id: {
                'words': f'all w{id % 7}',
                'name': f'name {id % 50:02}',
                'city': f'City {id % 40:02}',
                'age': id % 10,
                'flag': id % 2 == 0,
            }
            for id in range(1, 2501)
        }
    )
    return found


def trips(store: Store) -> list[str]:
    assert isinstance(store.driver, Trips)
    sent, store.driver.sent = store.driver.sent, []
    return sent


@pytest.mark.one_server
def test_one_trip_for_what_fits_a_page(crowd: Store) -> None:
    for query in (
        crowd.query.filter(flag=True).limit(0, 1000),
        crowd.query.limit(3, 1000),
        crowd.query.filter(age=3, flag=False),
        crowd.query.order_by('-age').limit(100, 20),
        crowd.query.order_by('city').limit(0, 20),
        crowd.query.filter(age=3).order_by('city'),
        crowd.query.startswith(city='city 1').order_by('city').limit(0, 20),
        crowd.query.startswith(words='w').limit(0, 20),
        crowd.query.filter(age=3).order_by('-name').limit(0, 20),
        crowd.query.order_by('name', '-age').limit(0, 20),
        crowd.query.filter(flag=True).order_by('age', '-name').limit(100, 20),
    ):
        assert crowd.rows(query)
        assert trips(crowd) == ['search']
        crowd.count(query)
        assert trips(crowd) == ['search']


@pytest.mark.one_server
def test_more_rows_come_in_pages(crowd: Store) -> None:
    assert crowd.ids(crowd.query) == list(range(1, 2501))
    assert trips(crowd) == ['search', 'load+load']
    assert len(crowd.ids(crowd.query.filter(flag=True))) == 1250
    assert trips(crowd) == ['search', 'load']


@pytest.mark.one_server
def test_a_page_takes_one_trip_wherever_it_is(crowd: Store) -> None:
    for query in (
        crowd.query,
        crowd.query.filter(flag=True),
        crowd.query.order_by('-age'),
        crowd.query.order_by('age', 'name'),
        crowd.query.filter(age=(3, 5)).order_by('name', '-age'),
    ):
        pages = crowd.pages(query, 50)
        assert len(pages) > 10
        assert trips(crowd) == ['search'] * len(pages)


@pytest.mark.one_server
def test_much_work_is_done_a_piece_at_a_time(crowd: Store) -> None:
    bounds = Bounds(budget=500, small=100)
    assert crowd.count(crowd.query.filter(flag=True, age=(0, 6)), bounds) == 1000
    assert len(trips(crowd)) > 2
    expected = sorted(range(1, 2501), key=lambda id: (id % 10, id))
    assert crowd.ids(crowd.query.order_by('age'), bounds) == expected
    assert len(trips(crowd)) > 2
    assert crowd.ids(crowd.query.startswith(words=''), bounds) == list(
        dict.fromkeys(sorted(range(1, 2501), key=str))
    )


@pytest.mark.one_server
def test_pages(crowd: Store) -> None:
    for query in (
        crowd.query,
        crowd.query.order_by('-age'),
        crowd.query.order_by('city').limit(100, 1500),
        crowd.query.startswith(words='w'),
        crowd.query.filter(flag=True),
    ):
        whole = crowd.ids(query)
        for bounds in (Bounds(), Bounds(budget=300, small=10)):
            pages = crowd.blocks(query, 400, bounds)
            assert [id for page in pages for id in page] == whole
            assert max(map(len, pages)) <= 400


@pytest.mark.one_server
@pytest.mark.parametrize('small', [0, 50_000])
@pytest.mark.parametrize(
    'ask',
    [
        lambda query: query,
        lambda query: query.order_by('age'),
        lambda query: query.order_by('-age'),
        lambda query: query.order_by('city'),
        lambda query: query.order_by('-city'),
        lambda query: query.order_by('-name'),
        lambda query: query.filter(age=(2, 8)),
        lambda query: query.filter(flag=True),
        lambda query: query.startswith(city=''),
        lambda query: query.startswith(words=''),
    ],
)
def test_pages_while_others_write(crowd: Store, ask: Any, small: int) -> None:
    """What stays is found once, whatever comes and goes."""
    query, bounds = ask(crowd.query), Bounds(budget=100, chunk=10, small=small)
    expected = crowd.ids(query)
    gone: set[int] = set()
    found: list[int] = []
    cursor = None
    new = 3000
    while True:
        rows, cursor = crowd.driver.run(queries.block(query, cursor, 50, bounds))
        found += [row.id for row in rows]
        if cursor is None:
            break
        # Of what was found last, as of what is to come, some goes away.
        for id in (found[-1], expected[-len(found) // 2], expected[len(found) * 7 % 2500 % 900]):
            gone.add(id)
            crowd.remove(id)
        new += 1
        crowd.write({new: {'words': 'all', 'city': 'City 17', 'age': 5, 'flag': True}})
    stayed = [id for id in found if id not in gone and id < 3000]
    assert len(found) == len(set(found))
    assert sorted(stayed) == sorted(set(expected) - gone)
