"""List and Set: set, changed in place, stored, found, counted and updated, with both sessions."""

from __future__ import annotations

import asyncio
import copy
import enum
import io
import json
import pickle
import threading
import uuid
from collections import Counter
from typing import Any

import pytest
import redis

import rom
from rom import jsonl
from tests.support.implied import assert_consistent
from tests.support.stories import both


class ListedState(enum.Enum):
    OPEN = 'open'
    DONE = 'done'


class ListedArticle(rom.Model):
    _namespace = '{listed}article'
    slug = rom.Text(unique=True)
    tags = rom.List(rom.Text(max_length=20), index=True, prefix=True, suffix=True, default=list)
    readers = rom.Set(rom.Integer(), index=True)
    states = rom.Set(rom.Enum(ListedState), index=True, prefix=True)
    notes = rom.List(rom.Text(), index=True, keygen=rom.FULL_TEXT)
    old = rom.List(rom.Text(), stored_as='former', max_length=3)
    keys = rom.List(rom.UUID())


Article: Any = ListedArticle
KEY = '{listed}article:1'


def stored(raw: redis.Redis, name: str, id: int = 1) -> bytes | None:
    found: Any = raw.hget(f'{{listed}}article:{id}', name)
    return found


@both(ListedArticle)
@pytest.mark.one_server
async def test_the_row_has_one_json_array(s: Any, raw: redis.Redis) -> None:
    key = uuid.UUID(int=5)
    Article(tags=['é', 'b', 'b'], readers={10, 9, 2**70}, states=['open', 'done'])
    Article(old=('a',), keys=[key])
    await s.commit()
    assert stored(raw, 'tags') == '["é","b","b"]'.encode()
    assert stored(raw, 'readers') == b'[9,10,1180591620717411303424]'
    assert stored(raw, 'states') == b'["done","open"]'
    assert stored(raw, 'former', 2) == b'["a"]'
    assert stored(raw, 'keys', 2) == b'["00000000-0000-0000-0000-000000000005"]'
    s.rollback()
    read = await s.get(ListedArticle, 1)
    assert read.tags == ['é', 'b', 'b']
    assert read.readers == {9, 10, 2**70}
    assert read.states == {ListedState.OPEN, ListedState.DONE}
    other = await s.get(ListedArticle, 2)
    assert (other.old, other.keys, other.notes) == (['a'], [key], None)
    assert await s.all(ListedArticle.query.select('tags', 'readers')) == [
        {'tags': ['é', 'b', 'b'], 'readers': {9, 10, 2**70}},
        {'tags': [], 'readers': None},
    ]


def append(article: Any) -> None:
    article.tags.append('new')


def assign_a_slice(article: Any) -> None:
    article.tags[0:1] = ['new', 'newer']


def extend(article: Any) -> None:
    article.tags += ['new']


def sort(article: Any) -> None:
    article.tags.sort(reverse=True)


def clear(article: Any) -> None:
    article.tags.clear()


def join(article: Any) -> None:
    article.readers |= {7, 8}


def discard(article: Any) -> None:
    article.readers.discard(1)


CHANGES = {
    append: ['b', 'a', 'new'],
    assign_a_slice: ['new', 'newer', 'a'],
    extend: ['b', 'a', 'new'],
    sort: ['b', 'a'],
    clear: [],
    join: {1, 2, 7, 8},
    discard: {2},
}


@pytest.mark.one_server
@pytest.mark.parametrize('change', CHANGES)
def test_a_change_in_place_is_saved(change: Any, on_client: None, raw: redis.Redis) -> None:
    article = Article(tags=['a', 'b'], readers=[1, 2])
    rom.session.commit()
    rom.session.rollback()
    read = Article.get(1)
    if change is sort:
        read.tags.sort()
    else:
        read.tags.reverse()
    rom.session.commit()
    change(read)
    rom.session.commit()
    expected = CHANGES[change]
    name = 'tags' if isinstance(expected, list) else 'readers'
    assert getattr(read, name) == expected
    in_row = json.loads(stored(raw, name) or b'')
    assert in_row == (expected if name == 'tags' else sorted(expected))
    assert_consistent(raw, ListedArticle)
    assert article.id == 1


@both(ListedArticle)
@pytest.mark.one_server
async def test_elements_that_are_added_in_place_are_converted(s: Any, raw: redis.Redis) -> None:
    article = Article(tags=[], readers=set(), states=set())
    article.tags.append(b'\xc3\xa9')
    article.readers |= {'7', 8.0}
    article.states.add('open')
    await s.commit()
    assert article.tags == ['é']
    assert article.readers == {7, 8}
    assert {type(one) for one in article.readers} == {int}
    assert article.states == {ListedState.OPEN}
    article.readers.add('9')
    await s.commit()
    assert stored(raw, 'readers') == b'[7,8,9]'
    assert await s.count(ListedArticle.query.filter(readers=9)) == 1


@pytest.mark.parametrize('is_new', [True, False])
@pytest.mark.parametrize(
    ('name', 'value', 'says'),
    [
        ('tags', 5, r'tags\[1\]: expected a str or UTF-8 bytes, got 5 \(int\)'),
        ('tags', None, r'tags\[1\]: expected a str or UTF-8 bytes, got None'),
        ('tags', 'x' * 21, r"tags\[1\]: 'x+' has 21 characters; max_length is 20"),
        ('tags', '\ud800', r'tags\[1\]: .* holds a lone surrogate'),
        ('readers', 'x', r"readers, an element: expected an int, got 'x' \(str\)"),
    ],
)
@pytest.mark.one_server
def test_a_wrong_element_in_place_is_refused(
    on_client: None, raw: redis.Redis, name: str, value: Any, says: str, is_new: bool
) -> None:
    """Nothing is written, and the message names the model, the column and the position."""
    article = Article(tags=['a'], readers=[1])
    if not is_new:
        rom.session.commit()
    held = getattr(article, name)
    held.append(value) if isinstance(held, list) else held.add(value)
    with pytest.raises(
        rom.InvalidColumnValue, match=rf'^ListedArticle \S+: {says}.*Nothing was written'
    ):
        rom.session.commit()
    assert stored(raw, 'tags') == (None if is_new else b'["a"]')
    held.pop() if isinstance(held, list) else held.discard(value)
    rom.session.commit()
    assert_consistent(raw, ListedArticle)


@pytest.mark.parametrize(
    ('values', 'says'),
    [
        ({'tags': ['x', 5]}, r'tags\[1\]: expected a str or UTF-8 bytes, got 5 \(int\)'),
        ({'tags': 'x'}, r"tags: expected a list, got 'x' \(str\)"),
        ({'tags': {'x'}}, r"tags: expected a list, got {'x'} \(set\)"),
        ({'tags': ['x', None]}, r'tags\[1\]: expected a str or UTF-8 bytes, got None'),
        ({'readers': ['5', 'x']}, r"readers\[1\]: expected an int, got 'x' \(str\)"),
        ({'readers': {'x'}}, r"readers, an element: expected an int, got 'x' \(str\)"),
        ({'states': ['closed']}, r'states\[0\]: expected a member of ListedState or one of '),
        ({'old': list('abcd')}, r'old: .* has 4 elements; max_length is 3'),
        ({'tags': Article.tags.add('x')}, r"tags: tags\.add\('x'\) is for query\.update"),
    ],
)
@pytest.mark.one_server
def test_a_wrong_value_is_refused(on_client: None, values: Any, says: str) -> None:
    with pytest.raises(rom.InvalidColumnValue, match=rf'^ListedArticle\.{says}'):
        Article(**values)
    if not isinstance(values.get('tags'), type(Article.tags.add())):
        with pytest.raises(rom.InvalidColumnValue, match=rf'^ListedArticle\.{says}'):
            Article.query.update(**values)
    assert Article.query.count() == 0


@both(ListedArticle)
async def test_filters(s: Any) -> None:
    query, at = ListedArticle.query, Article
    Article(tags=['red', 'green'], readers={1, 2}, states={'open'}, notes=['Big red bus', 'cat'])
    Article(tags=['green', 'green'], readers={2}, notes=['red cat'])
    Article(tags=['Red'], readers=set())
    Article(tags=None)
    await s.commit()
    s.rollback()
    asked = {
        'one': (query.filter(tags='green'), [1, 2]),
        'any': (query.filter(tags=['red', 'Red']), [1, 3]),
        'all': (query.filter(tags='red').filter(tags='green'), [1]),
        'number': (query.filter(readers=2), [1, 2]),
        'digits': (query.filter(readers='1'), [1]),
        'member': (query.filter(states=ListedState.OPEN), [1]),
        'value': (query.filter(states=['open', 'done']), [1]),
        'words': (query.filter(notes='red'), [1, 2]),
        'two words': (query.filter(notes='cat red'), [1, 2]),
        'contains': (query.where(at.tags.contains('red')), [1]),
        'overlaps': (query.where(at.tags.overlaps('red', 'Red')), [1, 3]),
        'overlaps nothing': (query.where(at.tags.overlaps()), []),
        'contains all': (query.where(at.tags.contains_all('red', 'green')), [1]),
        'contains all of one': (query.where(at.tags.contains_all('green')), [1, 2]),
        'contains all of none': (query.where(at.tags.contains_all()), [1, 2, 3, 4]),
        'not': (query.where(~at.tags.contains('green')), [3, 4]),
        'or': (query.where(at.tags.contains('Red') | at.readers.contains(1)), [1, 3]),
        'none': (query.where(at.tags.is_none()), [4]),
        'some': (query.where(~at.states.is_none()), [1]),
        'starts': (query.startswith(tags='gr'), [1, 2]),
        'starts, of an enum': (query.startswith(states='op'), [1]),
        'starts, as an expression': (query.where(~at.tags.startswith('gr')), [3, 4]),
        'ends': (query.endswith(tags='d'), [1, 3]),
        'like': (query.like(tags='g*n'), [1, 2]),
        'does not start': (query.does_not_startwith(tags='r'), [1, 2, 3]),
        'does not end': (query.does_not_endwith(tags=['d', 'n']), []),
    }
    for name, (one, ids) in asked.items():
        found = sorted([entity.id for entity in await s.all(one)])
        assert (name, found, await s.count(one)) == (name, ids, len(ids))


@both(ListedArticle)
async def test_facets_count_elements(s: Any) -> None:
    Article(tags=['a"\\', 'b', 'b'], readers={1, 2**70})
    Article(tags=['b', 'é'], readers=set())
    Article(tags=None)
    await s.commit()
    query = ListedArticle.query
    # The default of tags is a function, so that the row without tags has an empty list.
    assert await s.facets(query, 'tags') == Counter({'b': 2, 'a"\\': 1, 'é': 1})
    assert await s.facets(query, 'readers') == Counter({1: 1, 2**70: 1, None: 1})
    assert await s.facets(query.filter(readers=1), 'tags') == Counter({'a"\\': 1, 'b': 1})
    together = await s.facets(query, 'readers', 'tags')
    assert together == {name: await s.facets(query, name) for name in ('readers', 'tags')}


@pytest.mark.parametrize(
    ('ask', 'says'),
    [
        (lambda q: q.filter(tags=5), r'filter\(tags=5\): .*int'),
        (lambda q: q.filter(tags=None), r'filter\(tags=None\): '),
        (lambda q: q.filter(readers='x'), r"filter\(readers='x'\): readers: expected an int"),
        (lambda q: q.filter(readers=(1, 5)), r'one element or a list of them; its index has no ra'),
        (lambda q: q.filter(readers=None), r'one element or a list of them'),
        (lambda q: q.filter(**{'tags:x': 1}), r'the index of a List has no numbers with a name'),
        (lambda q: q.filter(old='a'), r'filter\(old\): the column has no such index; declare'),
        (lambda q: q.startswith(readers='1'), r'declare it with prefix=True'),
        (lambda q: q.where(Article.tags == 'x'), r'==: a List is searched by its elements; use'),
        (lambda q: q.where(Article.readers > 5), r'>: a Set is searched by its elements'),
        (lambda q: q.where(Article.tags.in_(['x'])), r'in_: a List is searched by its elements'),
        (lambda q: q.where(Article.readers.between(1, 2)), r'between: a Set is searched by'),
        (lambda q: q.where(Article.tags.overlaps(['x'])), r'expected an element; unpack several'),
        (lambda q: q.where(Article.tags.contains(None)), r'None is no value'),
        (lambda q: q.where(Article.readers.is_none()), r'declare it with prefix=True'),
        (lambda q: q.order_by('tags'), r'a List has no place in an order'),
        (lambda q: q.sum('readers'), r'and this is a Set'),
        (lambda q: q.min('readers'), r"no index sorts the values of a Set; facets\('readers'\)"),
    ],
)  # fmt: skip
def test_a_wrong_query_is_refused(ask: Any, says: str) -> None:
    with pytest.raises(rom.QueryError, match=says):
        ask(Article.query)


def test_reprs_are_the_code() -> None:
    for one in (
        "filter(tags='x')",
        "filter(tags=['x', 'y'])",
        "where(ListedArticle.tags.contains_all('x', 'y'))",
        "where(~(ListedArticle.tags.overlaps('x', 'y')))",
        "where((ListedArticle.tags.contains('x')) | (ListedArticle.readers.contains(5)))",
        "filter(notes='big bus')",
    ):
        asked = eval(f'Article.query.{one}')
        assert repr(asked) == f'ListedArticle.query.{one}'


@both(ListedArticle)
@pytest.mark.one_server
async def test_explain_names_the_element(s: Any) -> None:
    Article(tags=['x', 'y'])
    await s.commit()
    plan = await s.explain(ListedArticle.query.where(Article.tags.contains_all('x', 'y')))
    assert "tags contains 'x'" in str(plan)
    assert '{listed}article:tags:x:idx' in str(plan)


@both(ListedArticle)
@pytest.mark.one_server
async def test_updates_of_elements(s: Any, raw: redis.Redis) -> None:
    at = Article
    article = Article(slug='a', tags=['x', 'y', 'x'], readers={1})
    other = Article(slug='b', tags=['y'])
    await s.commit()
    query = ListedArticle.query
    assert await s.update_all(query, tags=at.tags.add('x', b'z'), readers=at.readers.add('7')) == 2
    assert (article.tags, article.readers) == (['x', 'y', 'x', 'z'], {1, 7})
    assert (other.tags, other.readers) == (['y', 'x', 'z'], {7})
    assert await s.update_all(query.filter(slug='a'), tags=at.tags.remove('x').append('y')) == 1
    assert article.tags == ['y', 'z', 'y']
    await s.update_all(query, readers=at.readers.remove(7, 8), notes=at.notes.remove('n'))
    assert (article.readers, other.readers, article.notes) == ({1}, set(), None)
    await s.update_all(query, notes=at.tags.remove('z'))
    assert (article.notes, other.notes) == (['y', 'y'], ['y', 'x'])
    assert stored(raw, 'notes', 2) == b'["y","x"]'
    found, created = await s.upsert(ListedArticle, {'tags': at.tags.add('new')}, slug='a')
    assert (found.tags, created) == (['y', 'z', 'y', 'new'], False)
    found, created = await s.upsert(
        ListedArticle, {'tags': at.tags.add('new'), 'readers': at.readers.remove(1)}, slug='c'
    )
    assert (found.tags, found.readers, created) == (['new'], None, True)


@pytest.mark.one_server
def test_wrong_updates_of_elements(on_client: None) -> None:
    Article(old=['a', 'b'])
    rom.session.commit()
    at, query = Article, Article.query
    with pytest.raises(rom.InvalidColumnValue, match=r'^ListedArticle\.tags\[0\]: expected a str'):
        query.update(tags=at.tags.add(5))
    with pytest.raises(rom.InvalidColumnValue, match=r'max_length is 20'):
        query.update(tags=at.tags.append('x' * 21))
    with pytest.raises(
        rom.InvalidColumnValue,
        match=r"^ListedArticle 1, old=old\.add\('c', 'd'\): .*max_length is 3",
    ):
        query.update(old=at.old.add('c', 'd'))
    with pytest.raises(rom.QueryError, match=r'tags is not a column of ListedOther'):
        ListedOther.query.update(tags=at.tags.add('x'))
    assert Article.get(1).old == ['a', 'b']


class ListedOther(rom.Model):
    tags = rom.List(rom.Text())


@pytest.mark.one_server
def test_elements_of_many_writers_all_count(on_client: None, raw: redis.Redis) -> None:
    """Sixteen threads add and remove elements of one row at once."""
    Article(slug='a', tags=['gone'], readers=set())
    rom.session.commit()

    def work(number: int) -> None:
        for turn in range(5):
            Article.query.filter(slug='a').update(
                tags=Article.tags.add(f't{turn}').remove('gone'),
                readers=Article.readers.add(10 * number + turn),
            )

    threads = [threading.Thread(target=work, args=[number]) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rom.session.rollback()
    read = Article.get_by(slug='a')
    assert sorted(read.tags) == ['t0', 't1', 't2', 't3', 't4']
    assert read.readers == {10 * number + turn for number in range(16) for turn in range(5)}
    assert_consistent(raw, ListedArticle)


@both(ListedArticle)
@pytest.mark.one_server
async def test_two_changes_in_place_are_a_race(s: Any, raw: redis.Redis) -> None:
    article = Article(tags=['a'])
    await s.commit()
    article.tags.append('b')
    await s.update_all(ListedArticle.query, tags=Article.tags.add('c'))
    with pytest.raises(rom.DataRaceError):
        await s.commit()
    await s.refresh(article, force=True)
    assert article.tags == ['a', 'c']
    article.tags.append('b')
    await s.commit()
    assert stored(raw, 'tags') == b'["a","c","b"]'


@both(ListedArticle)
@pytest.mark.one_server
async def test_reload_and_an_unchanged_value(s: Any) -> None:
    article = Article(tags=['a'], readers={2, 1})
    await s.commit()
    article.tags = ['a']
    article.readers = [1, 2, 1]
    assert await s.commit() == 0
    article.tags.append('b')
    await s.refresh(article, force=True)
    assert article.tags == ['a']
    assert await s.commit() == 0


@pytest.mark.one_server
def test_values_are_not_shared(on_client: None) -> None:
    given = ['a']
    article = Article(tags=given)
    given.append('b')
    assert article.tags == ['a']
    rom.session.commit()
    held = article.to_dict()
    held['tags'].append('x')
    twin = article.copy()
    twin.tags.append('y')
    deep, pickled = copy.deepcopy(article), pickle.loads(pickle.dumps(article))
    deep.tags.append('z')
    pickled.tags.append('z')
    assert (article.tags, twin.tags, Article().tags) == (['a'], ['a', 'y'], [])
    rom.session.rollback()


@pytest.mark.one_server
def test_null_session(on_client: None, raw: redis.Redis) -> None:
    rom.session.null_session = True
    try:
        article = Article(tags=['a'])
        article.save()
        article.tags.append('b')
        article.save()
        assert stored(raw, 'tags') == b'["a","b"]'
        read = Article.get(1)
        read.tags.remove('a')
        assert read.save() > 0
        assert Article.query.filter(tags='a').count() == 0
    finally:
        del rom.session.null_session


@pytest.mark.one_server
def test_a_json_column_becomes_a_list(on_client: None, raw: redis.Redis) -> None:
    """Rows that a Json column wrote are read, reindexed and changed."""
    raw.hset(KEY, mapping={'id': 1, 'tags': '["a", "\\u00e9"]', 'readers': '[2, 1]'})
    raw.set('{listed}article:id:', 1)
    list(rom.util.refresh_indices(ListedArticle))
    assert Article.query.filter(tags='é', readers=2).ids() == [1]
    assert Article.query.facets('tags') == Counter({'a': 1, 'é': 1})
    article = Article.get(1)
    assert (article.tags, article.readers) == (['a', 'é'], {1, 2})
    assert rom.session.commit() == 0
    article.tags.append('b')
    rom.session.commit()
    assert stored(raw, 'tags') == '["a","é","b"]'.encode()
    assert_consistent(raw, ListedArticle)


@pytest.mark.one_server
@pytest.mark.parametrize('broken', ['["a"', '{"a": 1}', '[["a"]]', '[1]', '[null]', '"a"', 'x'])
def test_a_corrupt_row_names_the_column(on_client: None, raw: redis.Redis, broken: str) -> None:
    Article(tags=['a'])
    rom.session.commit()
    rom.session.rollback()
    raw.hset(KEY, 'tags', broken)
    for ask in (lambda: Article.get(1).tags, lambda: Article.query.facets('tags')):
        with pytest.raises(rom.CorruptRowError, match=r"^\S+article:1, column 'tags': ") as caught:
            ask()
        assert caught.value.column == 'tags'


@pytest.mark.one_server
def test_check_finds_and_repairs_entries_of_elements(on_client: None, raw: redis.Redis) -> None:
    Article(tags=['a', 'b'], readers={5})
    rom.session.commit()
    raw.srem('{listed}article:tags:a:idx', 1)
    raw.sadd('{listed}article:readers:6:idx', 1)
    keys = {finding.key for finding in rom.maintenance.check(ListedArticle)}
    assert keys == {'{listed}article:tags:a:idx', '{listed}article:readers:6:idx'}
    list(rom.maintenance.check(ListedArticle, repair=True))
    assert list(rom.maintenance.check(ListedArticle)) == []
    assert_consistent(raw, ListedArticle)


@pytest.mark.one_server
def test_dump_and_load(on_client: None, raw: redis.Redis) -> None:
    Article(tags=['é', 'b'], readers={2, 1}, states=['open'], keys=[uuid.UUID(int=1)])
    rom.session.commit()
    text = b''.join(block.text for block in jsonl.dump(ListedArticle))
    columns = json.loads(text)['columns']
    assert columns['tags'] == ['é', 'b']
    assert (columns['readers'], columns['states']) == ([1, 2], ['open'])
    before = raw.hgetall(KEY)
    raw.flushdb()
    list(jsonl.load(io.BytesIO(text), ListedArticle))
    assert raw.hgetall(KEY) == before
    assert_consistent(raw, ListedArticle)
    wrong = text.replace(b'[1,2]', b'[1,"x"]').replace(b'[1, 2]', b'[1,"x"]')
    with pytest.raises(rom.BulkError, match=r'readers\[1\]: expected an integer, got .x.'):
        list(jsonl.load(io.BytesIO(wrong), ListedArticle))


@pytest.mark.one_server
def test_tasks_change_one_list(on_client: None) -> None:
    async def story() -> Any:
        async with rom.AsyncSession() as s:
            article = Article(tags=[])
            await s.commit()

            async def add(number: int) -> None:
                article.tags.append(f't{number}')
                await s.commit()

            await asyncio.gather(*map(add, range(20)))
            return article.id

    id = asyncio.run(story())
    assert sorted(Article.get(id).tags) == sorted(f't{number}' for number in range(20))


class ListedDated(rom.Model):
    _namespace = '{listed}dated'
    tags = rom.List(rom.Text(), index=True)
    made = rom.Integer(index=True, required=True)
    compound_index = [('tags', 'made')]


@both(ListedDated)
@pytest.mark.one_server
async def test_a_compound_index_by_element(s: Any) -> None:
    """The newest entities with a tag are one range of one sorted set."""
    for number in range(6):
        ListedDated(tags=['all', f't{number % 2}'], made=number)
    await s.commit()
    newest = ListedDated.query.filter(tags='t1').order_by('-made')
    assert [one.made for one in await s.all(newest)] == [5, 3, 1]
    assert 'tags+made' in str(await s.explain(newest))
    await s.update_all(ListedDated.query.filter(made=5), tags=ListedDated.tags.remove('t1'))
    assert [one.made for one in await s.all(newest.filter(made=(2, None)))] == [3]
