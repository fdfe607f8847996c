"""Explaining: each way is told for the query that takes it, and the way told is the way taken."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
import redis

from rom._core.encoding import keygens as kg
from rom._core.ops.requests import Script
from rom._core.ops.search import queries
from rom._core.ops.search.bounds import BOUNDS, Bounds
from rom._core.ops.search.explain import explain
from rom._core.query.explanation import Explanation, Filter
from rom.columns import Boolean, ExpireAt, Integer, String, Text
from rom.exceptions import CorruptRowError, QueryError, ServerError
from rom.query import Query
from tests._core.ops.search.search_support import Store, model_of
from tests._core.ops.search.test_queries_trips import Trips, trips

MODEL = model_of(
    words=Text(index=True, prefix=True, keygen=kg.FULL_TEXT),
    name=Text(index=True, keygen=kg.SIMPLE),
    city=Text(index=True, prefix=True, keygen=kg.IDENTITY),
    age=Integer(index=True),
    flag=Boolean(index=True),
    note=Text(index=True, keygen=kg.IDENTITY),
    size=Integer(index=True, keygen=lambda value: value),
    tag=String(prefix=True, keygen=kg.IDENTITY),
)
SIZE = 2000
SMALL = Bounds(budget=300, small=100)
Ask = Callable[[Query[Any]], Query[Any]]


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
                'age': id % 100,
                'flag': id % 2 == 0,
                'note': f'n{id % 3}',
            }
            for id in range(1, SIZE + 1)
        }
    )
    return found


def told(
    store: Store, query: Query[Any], run: bool = True, of: Any = 'all', bounds: Bounds = BOUNDS
) -> Explanation:
    found = store.driver.run(explain(query, run, of, bounds))
    json.dumps(found.as_dict())
    assert str(found)
    return found


def roles(explanation: Explanation) -> list[Any]:
    return [node.role for node in explanation.plan.filters]


WAYS: dict[str, tuple[Ask, str, list[str]]] = {
    'everything': (lambda q: q, 'ids', []),
    'few of a large set': (lambda q: q.filter(flag=True).limit(0, 5), 'ids', ['probed']),
    'a set': (lambda q: q.filter(city='City 05'), 'gather', ['drives']),
    'two sets': (
        lambda q: q.filter(flag=True, city='City 06'), 'gather', ['intersected', 'drives'],
    ),
    'a set and a range': (
        lambda q: q.filter(city='City 06', age=(0, 50)), 'gather', ['drives', 'probed'],
    ),
    'a range': (lambda q: q.filter(age=(3, 5)), 'index', ['drives']),
    'a range and a set': (
        lambda q: q.filter(age=(3, 5), flag=True), 'index', ['drives', 'probed'],
    ),
    'words': (
        lambda q: q.startswith(words='w1').filter(flag=True), 'index', ['drives', 'probed'],
    ),
    'whole strings': (
        lambda q: q.startswith(city='City 1').filter(age=3), 'index', ['probed', 'drives'],
    ),
    'words twice': (
        lambda q: q.startswith(words='w').startswith(words='a'), 'index', ['drives', 'collected'],
    ),
    'a tree': (
        lambda q: q.where((MODEL._schema.columns['age'] == 3) | ~_is_flagged()), 'ids', ['probed'],
    ),
    'an order': (lambda q: q.order_by('-age').limit(0, 5), 'order', []),
    'an order and a wide filter': (
        lambda q: q.filter(flag=True).order_by('age').limit(0, 5), 'order', ['probed'],
    ),
    'an order by the filter': (
        lambda q: q.filter(age=(3, 50)).order_by('age'), 'order', ['bounds'],
    ),
    'an order and few': (
        lambda q: q.filter(city='City 05').order_by('-age').limit(0, 5), 'sort', ['drives'],
    ),
    'an order and words': (
        lambda q: q.startswith(words='w1').order_by('age').limit(0, 5), 'sort', ['drives'],
    ),
    'none': (lambda q: q.filter(age=1000, flag=True), 'empty', ['counted', 'counted']),
    'no result': (lambda q: q.filter(flag=True).limit(0, 0), 'unasked', []),
}  # fmt: skip


def _is_flagged() -> Any:
    return MODEL._schema.columns['flag'] == True  # noqa: E712


@pytest.mark.parametrize('case', WAYS)
def test_the_way_told_is_the_way_taken(crowd: Store, case: str) -> None:
    ask, way, roles_of_filters = WAYS[case]
    query = ask(crowd.query)
    found = told(crowd, query)
    assert (found.plan.way, roles(found)) == (way, roles_of_filters)
    assert found.run is not None
    assert found.run.results == len(crowd.rows(query))
    steps = [step.way for call in found.run.calls for step in call.steps]
    assert steps[:1] == ([] if way in ('empty', 'unasked') else [way])
    assert told(crowd, query, run=False).plan == found.plan


@pytest.mark.one_server
@pytest.mark.parametrize(
    ('ask', 'way', 'step'),
    [
        (lambda q: q, 'known', None),
        (lambda q: q.filter(flag=True).order_by('-age').limit(5, 5), 'known', None),
        (lambda q: q.filter(age=1000), 'empty', None),
        (lambda q: q.filter(flag=True, city='City 06'), 'gather', 'gather'),
        (lambda q: q.filter(flag=True, age=(3, 9)), 'index', 'index'),
        (lambda q: q.startswith(words='w'), 'index', 'index'),
    ],
)
def test_counts(crowd: Store, ask: Ask, way: str, step: str | None) -> None:
    query = ask(crowd.query)
    found = told(crowd, query, of='count')
    assert found.plan.way == way
    assert found.run is not None
    assert found.run.results == crowd.count(query)
    assert [one.way for call in found.run.calls for one in call.steps][:1] == [step] * bool(step)
    assert found.plan.sorting is None
    assert (found.offset, found.limit) == (0, None)


@pytest.mark.one_server
def test_the_sizes(crowd: Store) -> None:
    columns = MODEL._schema.columns
    deep = (columns['age'] < 10) & (~(columns['city'].in_(['City 01', 'City 02'])) | _is_flagged())
    found = told(crowd, crowd.query.filter(flag=True).where(deep), run=False).plan
    assert found.entities == SIZE

    def sizes(node: Filter) -> Any:
        inner = [sizes(one) for one in node.nodes]
        return (node.kind, node.size, *inner)

    assert [sizes(node) for node in found.filters] == [
        ('set', 1000),
        ('range', 200),
        ('any of', 3000, ('not', 2000, ('any of', 100, ('set', 50), ('set', 50))), ('set', 1000)),
    ]  # fmt: skip
    inner = found.filters[2].nodes[0].nodes[0].nodes[1]
    assert (str(inner.label), inner.key) == ("city = 'City 02'", 'Thing:city:City 02:idx')
    nested = (columns['age'] == 3) | (_is_flagged() & (columns['age'] == 4) & ~_is_flagged())
    [whole] = told(crowd, crowd.query.where(nested), run=False).plan.filters
    assert sizes(whole) == (
        'any of', 40, ('range', 20),
        ('all of', 20, ('set', 1000), ('range', 20), ('not', 2000, ('set', 1000))),
    )  # fmt: skip


@pytest.mark.one_server
def test_the_estimates(crowd: Store) -> None:
    plan = told(crowd, crowd.query.filter(flag=True, age=(0, 9)).limit(0, 5), run=False).plan
    # Of the range's 200, every other one has the flag.
    assert (plan.matches, plan.walk, plan.gather, plan.patience) == (100, 10, 200, None)
    query = crowd.query.filter(flag=True).order_by('-age').limit(10, 20)
    plan = told(crowd, query, run=False).plan
    assert (plan.matches, plan.walk, plan.gather, plan.patience) == (1000, 60, 1000, 2000)
    assert plan.sorting is not None
    assert (plan.sorting.key, plan.sorting.size, plan.sorting.within) == (
        'Thing:age:idx', SIZE, None,
    )  # fmt: skip
    plan = told(crowd, query.filter(age=(10, 19)), run=False).plan
    assert plan.sorting is not None
    assert (plan.sorting.within, plan.walk) == (200, 60)


@pytest.mark.one_server
def test_no_more_is_looked_at_than_should_be_enough(crowd: Store) -> None:
    def looked(query: Any) -> int:
        run = told(crowd, query).run
        assert run is not None
        return run.looked

    key = MODEL._schema.keys.word('note', 'most')
    crowd.raw.sadd(key, *(id for id in range(1, SIZE + 1) if id % 10 < 9))
    # A quarter more than should be enough, and twice as many as are wanted, at most. Groups of one
    # score, of 20, are whole.
    most = crowd.query.filter(note='most')
    assert looked(most.order_by('age').limit(0, 60)) == 100
    assert looked(most.order_by('age').limit(0, 1)) == 20
    assert looked(crowd.query.filter(flag=True, age=(0, 19)).limit(0, 20)) == 40
    assert looked(crowd.query.filter(age=(0, 19)).limit(0, 20)) == 20
    assert looked(crowd.query.order_by('-age').limit(0, 20)) == 20


@pytest.mark.one_server
def test_a_walk_that_is_given_up(crowd: Store) -> None:
    """All with the word come last, which no size says."""
    key = MODEL._schema.keys.word('note', 'old')
    crowd.raw.sadd(key, *(id for id in range(1, SIZE + 1) if id % 100 < 10))
    found = told(crowd, crowd.query.filter(note='old').order_by('-age').limit(0, 10))
    assert (found.plan.way, found.plan.walk, found.plan.patience) == ('order', 100, 400)
    assert found.run is not None
    [call] = found.run.calls
    assert call.gave_up
    assert [step.way for step in call.steps] == ['order', 'sort']
    assert call.steps[0].looked >= 400
    assert call.steps[1].looked == 200
    assert call.matches == call.rows == 10
    assert 'gave up' in str(found)


@pytest.mark.one_server
def test_several_calls(crowd: Store) -> None:
    query = crowd.query.filter(flag=True, age=(0, 79))
    found = told(crowd, query, bounds=SMALL._replace(small=0))
    assert (found.plan.way, found.plan.entities) == ('parts', SIZE)
    assert [node.size for node in found.plan.filters] == [SIZE // 2, SIZE * 4 // 5]
    assert found.run is not None
    assert found.run.results == SIZE * 2 // 5
    assert found.run.calls[0].looked == 0
    assert 'parts' in [call.script for call in found.run.calls]
    query = crowd.query.filter(age=(0, 79)).filter(age=(-5, 1000))
    found = told(crowd, query, bounds=SMALL._replace(chunk=100))
    assert found.run is not None
    assert len(found.run.calls) > 2
    assert all(call.steps[0].way == found.plan.way for call in found.run.calls)
    assert sum(call.matches for call in found.run.calls) == found.run.results == 1600
    assert found.run.looked >= 1600
    assert found.run.milliseconds >= sum(call.milliseconds for call in found.run.calls)
    for call in found.run.calls:
        assert call.server_milliseconds is not None
        assert 0 <= call.server_milliseconds < call.milliseconds + 1


@pytest.mark.one_server
def test_rows_that_come_later(crowd: Store) -> None:
    found = told(crowd, crowd.query)
    assert found.run is not None
    assert [(call.script, call.matches, call.rows) for call in found.run.calls] == [
        ('search', 2000, 1000), ('load', 0, 1000),
    ]  # fmt: skip
    assert found.run.calls[1].server_milliseconds is None


@pytest.mark.one_server
@pytest.mark.parametrize(
    'ask',
    [
        lambda q: q.order_by('note').limit(0, 5),  # the index does not sort
        lambda q: q.order_by('size').limit(3, 5),  # there is no index of it yet
        lambda q: q.filter(flag=True).order_by('age', 'tag').limit(0, 5),
        lambda q: q.filter(city='City 05').order_by('city'),  # few strings
    ],
)
@pytest.mark.filterwarnings('ignore:.*does not sort')
def test_what_is_sorted_in_the_program(crowd: Store, ask: Ask) -> None:
    query = ask(crowd.query)
    found = told(crowd, query)
    assert found.plan.sorting is not None
    assert found.plan.sorting.by == 'program'
    assert 'sorted in the program' in str(found)
    assert found.run is not None
    assert found.run.results == len(crowd.rows(query)) > 0
    assert found.run.looked >= len(crowd.rows(query.limitless()))


@pytest.mark.one_server
def test_trips(crowd: Store) -> None:
    query = crowd.query.filter(flag=True).order_by('-age').limit(0, 5)
    told(crowd, query, run=False)
    assert trips(crowd) == ['search']
    told(crowd, query)
    assert trips(crowd) == ['search', 'search']
    told(crowd, query.limit(0, 0))
    assert trips(crowd) == []


@pytest.mark.one_server
def test_only_who_asks_gets_more_script() -> None:
    query = Query(MODEL).filter(age=5)
    plan = next(explain(query))
    plain = next(queries.search(query))
    assert isinstance(plan, Script)
    assert isinstance(plain, Script)
    assert plan.parts == {'plan'}
    assert plain.parts == frozenset()


@pytest.mark.one_server
def test_what_has_expired(client: redis.Redis, raw: redis.Redis) -> None:
    model = model_of(age=Integer(index=True), until=ExpireAt())
    store = Store(client, raw, model)
    store.write({id: {'age': id % 10} for id in range(1, 101)})
    key = model._schema.keys.scores('until')
    assert told(store, store.query).plan.expired == 0
    raw.zadd(key, {'5': time.time() - 10, '6': time.time() - 10, '7': time.time() + 1000})
    found = told(store, store.query.filter(age=(4, 6)))
    assert (found.plan.expired, roles(found)) == (2, ['drives'])
    assert found.run is not None
    assert found.run.results == 28
    assert 'expired: 2, left out' in str(found)
    assert told(store, store.query.with_expired()).plan.expired == 0
    assert told(store, store.query, of='count').plan.way == 'known'


@pytest.mark.one_server
def test_data_without_a_bitmap(client: redis.Redis, raw: redis.Redis) -> None:
    store = Store(client, raw, MODEL)
    store.write({id: {'age': id % 10} for id in range(1, 101)}, live=False)
    found = told(store, store.query)
    assert (found.plan.way, found.plan.entities) == ('ids', 100)
    assert told(store, store.query, of='count').plan.way == 'ids'


@pytest.mark.one_server
def test_a_named_number_is_a_range(client: redis.Redis, raw: redis.Redis) -> None:
    store = Store(client, raw, MODEL)
    store.write({1: {'age': 5}})
    raw.zadd(MODEL._schema.keys.word('note', 'x'), {'1': 5})
    [found] = told(store, store.query.filter(note='x')).plan.filters
    assert (found.kind, found.size, found.role) == ('range', 1, 'drives')


@pytest.mark.one_server
def test_trees_as_deep_as_they_may_be(crowd: Store) -> None:
    columns = MODEL._schema.columns
    expression = columns['age'] == 3
    for level in range(45):
        expression = ~((columns['age'] == level) | expression)
    found = told(crowd, crowd.query.where(expression))
    assert found.plan.way == 'ids'


@pytest.mark.one_server
def test_errors_are_those_of_the_query(crowd: Store) -> None:
    with pytest.raises(QueryError, match=r"explain\(of='first'\).*limit\(0, 1\)"):
        told(crowd, crowd.query, of='first')
    crowd.raw.set(MODEL._schema.keys.scores('age'), b'no index')
    for run in (False, True):
        with pytest.raises(CorruptRowError, match='Thing:age:idx'):
            told(crowd, crowd.query.filter(age=5), run=run)
    with pytest.raises(CorruptRowError, match='Thing:age:idx'):
        told(crowd, crowd.query.order_by('age'), run=True)


@pytest.mark.one_server
def test_an_error_while_it_runs(crowd: Store) -> None:
    operation = explain(crowd.query, run=True)
    request = next(operation)
    request = operation.send(crowd.driver.perform(request))
    with pytest.raises(ServerError, match='gone'):
        operation.throw(ServerError('gone'))


@pytest.mark.one_server
def test_a_key_that_holds_no_row(crowd: Store) -> None:
    crowd.raw.delete(b'Thing:5')
    crowd.raw.set(b'Thing:5', b'no row')
    with pytest.raises(CorruptRowError, match='Thing:5'):
        told(crowd, crowd.query.filter(age=5))
    assert told(crowd, crowd.query.filter(age=5), run=False).plan.way == 'index'
