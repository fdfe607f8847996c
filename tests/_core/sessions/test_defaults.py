"""Defaults: a row that lacks a column reads alike everywhere, and is found so after a reindex."""

import datetime as dt
import decimal
import itertools
import json
from collections import Counter
from typing import Any

import pytest
import redis

import rom
import rom.jsonl
import rom.maintenance
from tests.support.servers import dump
from tests.support.stories import both

pytestmark = pytest.mark.one_server

SERIAL = itertools.count()


class DefaultOther(rom.Model):
    _namespace = '{defaults}other'


class DefaultThing(rom.Model):
    _namespace = '{defaults}thing'
    name = rom.Text(index=True, keygen=rom.IDENTITY)
    score = rom.Integer(default=10, index=True)
    share = rom.Float(default=0.5, index=True)
    price = rom.Decimal(default='1.50', index=True)
    flag = rom.Boolean(default=False, index=True)
    born = rom.Date(default=dt.date(2000, 1, 2), index=True)
    state = rom.Text(default='new', index=True, prefix=True, suffix=True, keygen=rom.IDENTITY)
    data = rom.Json(default={'a': 1})
    serial = rom.Integer(default=lambda: next(SERIAL), index=True)
    until = rom.ExpireAt(default=dt.timedelta(days=1))
    other = rom.ManyToOne('DefaultOther', on_delete='cascade', default=lambda: OTHER[0])
    code = rom.Text(index=True, keygen2=lambda name, row: [f'{row["name"]}{row["score"]}'])
    words = rom.IndexOnly('state', keygen=rom.IDENTITY_CI, index=True)


OTHER: list[Any] = [None]
Thing = DefaultThing
SHOWN = {
    'score': 10, 'share': 0.5, 'price': decimal.Decimal('1.50'), 'flag': False,
    'born': dt.date(2000, 1, 2), 'state': 'new', 'data': {'a': 1}, 'until': None,
}  # fmt: skip


@pytest.fixture(autouse=True)
def no_other() -> None:
    OTHER[0] = None


def old_rows(raw: redis.Redis, count: int = 3) -> None:
    """Rows that a program wrote which knew of the name alone, and its indexes."""
    raw.set('{defaults}thing:id:', count)
    for id in range(1, count + 1):
        raw.hset(f'{{defaults}}thing:{id}', mapping={'id': id, 'name': f'n{id}', 'code': 'x'})
        raw.sadd(f'{{defaults}}thing:name:n{id}:idx', id)
        raw.sadd(f'{{defaults}}thing:code:n{id}None:idx', id)


def reindex(raw: redis.Redis) -> None:
    rom.util.CONNECTION = raw
    for _ in rom.util.refresh_indices(Thing):
        pass
    rom.util.CONNECTION = None


def check(raw: redis.Redis) -> list[str]:
    rom.util.CONNECTION = raw
    found = [str(finding) for finding in rom.maintenance.check(Thing)]
    rom.util.CONNECTION = None
    return found


@both(whole=False)
async def test_all_readers_say_the_default(s: Any, raw: redis.Redis) -> None:
    old_rows(raw)
    found = await s.get(Thing, 1)
    assert {name: getattr(found, name) for name in SHOWN} == SHOWN
    assert {**found.to_dict(), **SHOWN, 'id': 1} == found.to_dict()
    rows = await s.all(Thing.query.select(*SHOWN))
    assert rows[0] == SHOWN
    assert await s.sum(Thing.query, 'score') == 30
    assert await s.sum(Thing.query, 'share') == 1.5
    assert await s.sum(Thing.query, 'price') == decimal.Decimal('4.50')
    assert await s.avg(Thing.query, 'score') == 10
    for name in ('score', 'share', 'price', 'born'):
        assert await s.min(Thing.query, name) == await s.max(Thing.query, name) == SHOWN[name]
    for name in ('score', 'share', 'price', 'flag', 'born', 'state'):
        assert await s.facets(Thing.query, name) == Counter({SHOWN[name]: 3})
    assert raw.hgetall('{defaults}thing:1') == {b'id': b'1', b'name': b'n1', b'code': b'x'}


@both(whole=False)
async def test_the_server_adds_up_defaults_with_values(s: Any, raw: redis.Redis) -> None:
    """Of a row that is gone, nothing."""
    old_rows(raw, 5)
    raw.hset('{defaults}thing:2', 'score', 7)
    raw.delete('{defaults}thing:3')
    assert await s.sum(Thing.query, 'score') == 37
    assert await s.avg(Thing.query, 'score') == 37 / 4
    assert await s.facets(Thing.query, 'score') == Counter({10: 3, 7: 1})
    assert await s.sum(Thing.query.filter(name='n2'), 'score') == 7


@both(whole=False)
async def test_what_a_function_makes_is_made_at_each_reading(s: Any, raw: redis.Redis) -> None:
    """And once for a sum or for facets. An index has nothing of it."""
    old_rows(raw)
    first, second = [row['serial'] for row in await s.all(Thing.query.limit(0, 2).select('serial'))]
    assert second == first + 1
    assert (await s.get(Thing, 1)).serial == second + 1
    [(made, count)] = (await s.facets(Thing.query, 'serial')).items()
    assert (made, count) == (second + 2, 3)
    assert await s.sum(Thing.query, 'serial') == 3 * (made + 1)
    reindex(raw)
    assert await s.count(Thing.query.filter(serial=(None, None))) == 0


@both(whole=False)
async def test_a_reindex_makes_them_findable(s: Any, raw: redis.Redis) -> None:
    old_rows(raw)
    assert await s.count(Thing.query.filter(score=10)) == 0
    assert check(raw)
    reindex(raw)
    assert check(raw) == []
    for name in ('score', 'share', 'price', 'flag', 'born', 'state'):
        assert await s.ids(Thing.query.filter(**{name: SHOWN[name]})) == [1, 2, 3], name
    for query in (
        Thing.query.filter(score=(9, 11)),
        Thing.query.startswith(state='ne'),
        Thing.query.filter(name='n1').startswith(state='ne'),
        Thing.query.endswith(state='ew'),
        Thing.query.like(state='n!w'),
        Thing.query.filter(words='new'),
        Thing.query.filter(code='n110'),
        Thing.query.where(~Thing.score.is_none()),
    ):
        assert 1 in await s.ids(query)
    assert await s.count(Thing.query.filter(code='n1None')) == 0
    assert await s.count(Thing.query.where(Thing.score.is_none())) == 0
    raw.hset('{defaults}thing:2', 'score', 99)
    reindex(raw)
    assert await s.ids(Thing.query.order_by('score')) == [1, 3, 2]
    assert await s.ids(Thing.query.order_by('-score')) == [2, 3, 1]


WRITES: list[dict[str, Any]] = [
    {'score': 11},
    {'score': 10},
    {'flag': True},
    {'flag': False},
    {'state': 'new'},
    {'state': 'old'},
    {'name': 'other'},
    {'name': 'other', 'score': 10, 'state': 'New'},
    {'price': None, 'state': None},
]


@pytest.mark.parametrize('is_first', [True, False], ids=['reindexed', 'as it was'])
@pytest.mark.parametrize('values', WRITES, ids=repr)
@both(whole=False)
async def test_what_is_set_then_is_found_by_that_alone(
    s: Any, raw: redis.Redis, values: dict[str, Any], is_first: bool
) -> None:
    """Whether indexes had the default by then or not; of row 1 everything is right afterwards."""
    old_rows(raw, 2)
    if is_first:
        reindex(raw)
    one = await s.get(Thing, 1)
    one.update(**values)
    await s.save(one)
    await s.save(one, full=True)
    expected = {**SHOWN, **{name: v for name, v in values.items() if v is not None}}
    for name in ('score', 'flag', 'state'):
        assert 1 in await s.ids(Thing.query.filter(**{name: expected[name]}))
    assert [line for line in check(raw) if 'thing:1' in line or "'1'" in line] == []
    if is_first:
        assert check(raw) == []
    await s.delete(one)
    left = [key for key, value in dump(raw).items() if b'1' in members(key, value)]
    assert left == []


@both(whole=False)
async def test_partial_saves_keep_entries_right(s: Any, raw: redis.Redis) -> None:
    """Saves of what was set alone, and updates in place."""
    old_rows(raw)
    one, two = await s.get(Thing, [1, 2])
    one.score, two.state = 10, 'new'
    await s.commit()
    assert await s.update_all(Thing.query.filter(name='n3'), flag=False, score=Thing.score + 1) == 1
    assert await s.ids(Thing.query.filter(score=10)) == [1]
    assert await s.ids(Thing.query.filter(state='new')) == [2]
    assert await s.ids(Thing.query.filter(flag=False)) == [3]
    assert await s.ids(Thing.query.filter(code='n311')) == [3]
    assert await s.count(Thing.query.filter(code='n3None')) == 0
    one.score = two.state = None
    await s.commit()
    assert await s.ids(Thing.query.filter(score=10)) == [1]
    assert await s.ids(Thing.query.filter(state='new')) == [2]
    new = Thing(name='n4')
    new.score = None
    await s.commit()
    assert await s.ids(Thing.query.filter(score=10)) == [1, 4]


def members(key: bytes, value: Any) -> set[bytes]:
    """The ids that an index key has."""
    if not isinstance(value, (set, dict)) or key.endswith((b':done', b'uidx')):
        return set()
    return {member.rpartition(b'\0')[2] for member in value} if b':idx' in key[-4:] else set()


@pytest.mark.parametrize('is_reindexed', [True, False])
@pytest.mark.parametrize('order', ['score', '-score', 'state', '-state'])
@both(whole=False)
async def test_pages_have_each_row_once(
    s: Any, raw: redis.Redis, order: str, is_reindexed: bool
) -> None:
    """Rows without a value stand last until the index has their default."""
    old_rows(raw, 7)
    for id, score, state in ((2, 5, 'a'), (4, 20, 'z'), (6, 10, 'new')):
        thing = await s.get(Thing, id)
        thing.score, thing.state = score, state
    await s.commit()
    if is_reindexed:
        reindex(raw)
    seen: list[int] = []
    cursor = None
    for _ in range(9):
        page = await s.page(Thing.query.order_by(order), 2, cursor)
        seen += [thing.id for thing in page.items]
        cursor = page.next
        if cursor is None:
            break
    assert seen == await s.ids(Thing.query.order_by(order))
    assert sorted(seen) == [1, 2, 3, 4, 5, 6, 7]


@both(whole=False)
async def test_a_relation_s_default_is_read_and_not_indexed(s: Any, raw: redis.Redis) -> None:
    """So a cascade takes along nothing that does not refer to what is deleted."""
    old_rows(raw, 1)
    OTHER[0] = DefaultOther()
    await s.save(OTHER[0])
    assert await s.all(Thing.query.select('other')) == [{'other': OTHER[0]}]
    assert await s.all(Thing.query.select('other', decode=False)) == [{'other': None}]
    assert await s.facets(Thing.query, 'other') == Counter({1: 1})
    reindex(raw)
    await s.delete(OTHER[0])
    assert await s.count(Thing.query) == 1
    assert await s.all(Thing.query.select('other')) == [{'other': None}]


def test_lines_have_what_is_always_the_same(raw: redis.Redis) -> None:
    """A function's value is none of the row's, and would become one where the line is loaded."""
    old_rows(raw, 1)
    rom.util.CONNECTION = raw
    [block] = rom.jsonl.dump(Thing)
    columns = json.loads(block.text)['columns']
    assert (columns['score'], columns['price'], columns['state']) == (10, '1.50', 'new')
    assert (columns['serial'], columns['until'], columns['other']) == (None, None, None)
    raw.flushdb()
    [*rom.jsonl.load([block.text], Thing)]
    assert Thing.query.filter(score=10, state='new').count() == 1


def test_pydantic_shows_the_default(raw: redis.Redis) -> None:
    old_rows(raw, 1)
    rom.util.CONNECTION = raw
    shown = Thing.pydantic(include=['score', 'state']).model_validate(Thing.get(1))
    assert shown.model_dump() == {'score': 10, 'state': 'new'}
