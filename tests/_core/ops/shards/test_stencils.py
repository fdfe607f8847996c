"""Stencils: the requests of all partitions that are made of one, against those that are planned."""

from collections.abc import Callable
from typing import Any

import pytest
import redis

import rom
from rom._core.drivers.sync_driver import SyncDriver
from rom._core.ops.requests import Pipeline, Script
from rom._core.ops.search import first_calls, queries
from rom._core.ops.search.aggregates import TALLY_BOUNDS
from rom._core.ops.search.bounds import BOUNDS, Bounds
from rom._core.ops.search.facets import facets
from rom._core.ops.search.scattered import query_for
from rom._core.ops.shards.stencils import alike, stencilled
from rom._core.query.aggregates import counting
from rom._core.query.query import Query
from rom._core.query.sort_order import SortCursor, SortKey
from rom.exceptions import CorruptRowError
from tests.support.stories import both

pytestmark = pytest.mark.one_server
SHARDS = rom.Shards('stencils', 5)
EVERY = [0, 1, 2, 3, 4]


class StencilUser(rom.Model):
    _shards = SHARDS
    city = rom.Text(index=True, prefix=True, keygen=rom.IDENTITY)
    score = rom.Integer(index=True)
    code = rom.Text(unique=True)
    buddy = rom.ManyToOne('StencilUser', on_delete='no action')
    compound_index = [('city', 'score')]


#: Queries, and the groups of partitions whose requests differ in the tag alone.
QUERIES: list[tuple[Callable[[Any], Any], list[list[int]]]] = [
    (lambda q: q, [EVERY]),
    (lambda q: q.filter(city='Oslo'), [EVERY]),
    (lambda q: q.filter(city='Oslo', score=(1, None)).order_by('-score').limit(0, 20), [EVERY]),
    (lambda q: q.filter(buddy=9).startswith(city='O').order_by('city', '-id'), [EVERY]),
    (lambda q: q.filter(code=['a', 'b', 'c', 'd', 'e', 'f']), [EVERY]),
    (lambda q: q.where(~(q.model.city == 'Oslo') | (q.model.score > 3)), [EVERY]),
    (lambda q: q.filter(id=(8, None)), [[0, 1], [2, 3, 4]]),
    (lambda q: q.filter(id=(8, 19)), [[0, 1], [2, 3], [4]]),
    (lambda q: q.where((q.model.score == 1) | q.model.id.between(8, 10)), [[0, 1], [2, 3, 4]]),
    (lambda q: q.where((q.model.score == 1) | (q.model.id == 8)), [[0, 1, 3, 4], [2]]),
    (lambda q: q.where(~(q.model.id == 8)), [[0, 1, 3, 4], [2]]),
    (lambda q: q.marked(SortCursor(8)), [[0, 1], [2], [3, 4]]),
    (
        lambda q: q.order_by('-score').marked(SortCursor(8, (SortKey(b'3', b'3'),))),
        [[0, 1], [2], [3, 4]],
    ),
]  # fmt: skip


def of_rows(query: Query[Any]) -> first_calls.FirstCall | None:
    return first_calls.of_rows(query, BOUNDS)


def of_tally(query: Query[Any]) -> first_calls.FirstCall | None:
    return first_calls.of_tally(query, counting(query.schema, 'city'), TALLY_BOUNDS)


@pytest.mark.parametrize('place', range(len(QUERIES)))
@pytest.mark.parametrize('begin', [of_rows, of_tally])
def test_what_is_made_is_what_would_be_planned(place: int, begin: Any) -> None:
    ask, groups = QUERIES[place]
    query = ask(StencilUser.query)
    assert alike(query, EVERY) == groups
    planned = {number: begin(query_for(query, number, query.spec.count)) for number in EVERY}
    for group in groups:
        scripts = [planned[number].script for number in group]
        assert stencilled(query, group, scripts[0], scripts[-1]) == scripts


def test_a_value_with_a_tag_is_not_replaced() -> None:
    query = StencilUser.query.filter(city=f'{{{SHARDS.tag(0)}}}')
    scripts = [of_rows(query_for(query, number, None)) for number in EVERY]
    first, last = scripts[0], scripts[-1]
    assert first is not None and last is not None
    assert stencilled(query, EVERY, first.script, last.script) is None
    assert stencilled(query, EVERY[1:], scripts[1].script, last.script) is not None  # type: ignore[union-attr]


@both(StencilUser)
async def test_answers_about_values_with_tags(s: Any) -> None:
    cities = [f'{{{SHARDS.tag(number)}}}' for number in (0, 4)]
    for number in range(10):
        await s.save(StencilUser(city=cities[number % 2], score=number))
    for place, city in enumerate(cities):
        query = StencilUser.query.filter(city=city)
        assert await s.count(query) == 5 and await s.exists(query)
        scores = [user.score for user in await s.all(query.order_by('-score').limit(1, 3))]
        assert scores == [6 + place, 4 + place, 2 + place]
        assert await s.facets(query, 'city') == {city: 5}
        assert await s.exists(query.filter(score=(10, None))) is False


def searches(trips: list[Any]) -> list[int]:
    """The number of searches in each trip since the last call."""
    found = [one.requests if isinstance(one, Pipeline) else (one,) for one in trips]
    trips.clear()
    return [sum(isinstance(one, Script) for one in requests) for requests in found]


@both(whole=False)
async def test_one_partition_lacks_the_compound_index(
    s: Any, trips: list[Any], raw: redis.Redis
) -> None:
    class StencilLate(rom.Model):  # its own, because the process remembers what data lacks
        _shards = SHARDS
        city = rom.Text(index=True, keygen=rom.IDENTITY)
        score = rom.Integer(index=True)
        compound_index = [('city', 'score')]

    for number in range(10):
        await s.save(StencilLate(city='Oslo', score=number))
    for number in EVERY:
        keys = StencilLate._schema.at(number).keys
        assert raw.exists(keys.indexes), 'a new model has all its indexes'
    raw.delete(StencilLate._schema.at(2).keys.indexes)
    query = StencilLate.query.filter(city='Oslo', score=(3, None))
    trips.clear()
    assert await s.count(query) == 7
    assert searches(trips) == [5, 1], 'its search begins again, without the index'
    first = query.order_by('-score').limit(0, 4)
    assert [user.score for user in await s.all(first)] == [9, 8, 7, 6]
    assert searches(trips) == [5]
    assert alike(query, EVERY) == [[0, 1, 3, 4], [2]]


@pytest.mark.usefixtures('on_client')
def test_searches_that_go_on(raw: redis.Redis) -> None:
    """One call does not find all matches, and not all partitions have as many."""
    for number in range(24):
        city = 'Oslo' if number % 5 < 2 else 'Rome'
        StencilUser(city=city, score=number).save()
    query = StencilUser.query.filter(score=(2, None))
    small = Bounds(page=1, small=2, budget=2, chunk=1)
    driver = SyncDriver(raw)
    either = query.where((StencilUser.city == 'Rome') | (StencilUser.score < 9))
    for one in (query, query.filter(city='Oslo'), query.startswith(city='O'), either):
        ids = one.order_by('-score').ids()
        rows = driver.run(queries.search(one.order_by('-score'), small))
        assert [row.id for row in rows] == ids
        rows = driver.run(queries.search(one.order_by('-score').limit(2, 5), small))
        assert [row.id for row in rows] == ids[2:7]
        assert driver.run(queries.count(one, small)) == len(ids)
        assert driver.run(queries.exists(one, small)) is True
        wanted = one.facets('city')
        assert driver.run(facets(one, 'city', small)) == wanted


@pytest.mark.usefixtures('on_client')
@pytest.mark.parametrize('spoil', ['an index', 'a row'])
def test_one_partition_is_corrupt(spoil: str, raw: redis.Redis) -> None:
    for number in range(10):
        StencilUser(city='Oslo', score=number).save()
    rom.session.rollback()
    keys = StencilUser._schema.at(3).keys
    if spoil == 'an index':
        raw.set(keys.scores('score'), 'text')
    else:
        raw.delete(keys.row(1))
        raw.set(keys.row(1), 'text')
    query = StencilUser.query.filter(score=(0, None))
    with pytest.raises(CorruptRowError, match=SHARDS.tag(3)) as error:
        query.all()
    if spoil == 'a row':
        assert len(error.value.entities) == 9 and query.count() == 10
        return
    with pytest.raises(CorruptRowError, match=SHARDS.tag(3)):
        query.count()
