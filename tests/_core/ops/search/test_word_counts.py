"""Searches over partitions against a twin without: the same matches, scores and order."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
import redis

import rom
from rom._core.ops.search.word_counts import similar_words
from rom._core.query.nodes import Term
from tests.support.implied import assert_consistent
from tests.support.stories import both
from tests.support.trips import note_trips

pytestmark = pytest.mark.one_server
WORDS = ['red', 'reed', 'rod', 'blue', 'shoe', 'shoes', 'run', 'runs', 'cat', 'cats', 'category']
FILTERS: tuple[dict[str, Any], ...] = ({}, {'mark': (10, 50)}, {'tenant': 3}, {'tenant': [3, 4]})


def columns() -> dict[str, Any]:
    return {
        'tenant': rom.Integer(index=True, required=True),
        'mark': rom.Integer(index=True),
        'title': rom.Text(rank=True),
        'body': rom.Text(rank=True, stem='english'),
    }


RankedWhole = type(rom.Model)('RankedWhole', (rom.Model,), columns())
RankedBy = type(rom.Model)(
    'RankedBy',
    (rom.Model,),
    {**columns(), '_shards': rom.Shards('ranked', 5), '_shard_by': 'tenant'},
)
TWINS: tuple[Any, ...] = (RankedWhole, RankedBy)


def load(count: int) -> None:
    drawn = random.Random(7)
    texts = [
        [' '.join(drawn.choices(WORDS, k=drawn.randint(0, most))) for most in (5, 30)]
        for _ in range(count)
    ]
    for model in TWINS:
        for mark, (title, body) in enumerate(texts):
            model(tenant=mark % 11, mark=mark, title=title, body=body)
        rom.session.commit()


@pytest.fixture
def texts(on_client: None, raw: redis.Redis) -> Iterator[None]:
    load(90)
    yield
    assert_consistent(raw, *TWINS)


def scored(query: Any) -> list[tuple[int, float]]:
    return [(one.result.mark, one.score) for one in query.with_scores()]


def by_score(pairs: Iterable[tuple[int, float]]) -> list[tuple[float, int]]:
    """The pairs without the order of equal scores, which only ids decide."""
    return sorted((-score, mark) for mark, score in pairs)


MANNERS: list[dict[str, Any]] = [
    {},
    {'match': 'any'},
    {'prefix_last': True},
    {'fuzzy': True},
    {'fuzzy': 1, 'prefix_last': True, 'match': 'any', 'columns': {'title': 3, 'body': 0.5}},
]


@pytest.mark.parametrize('manner', MANNERS, ids=str)
@pytest.mark.usefixtures('texts')
def test_scores_are_those_of_the_twin(manner: dict[str, Any]) -> None:
    for text in ('red shoe', 'ca', 'runing redd', 'missing'):
        for place, filters in enumerate(FILTERS):
            whole, parts = (m.query.search(text, **manner).filter(**filters) for m in TWINS)
            wanted, found = scored(whole), scored(parts)
            assert [score for _, score in found] == [score for _, score in wanted]
            assert by_score(found) == by_score(wanted)
            assert parts.count() == len(wanted) and parts.exists() == bool(wanted)
            if place == 0:
                assert scored(parts.limit(2, 5)) == found[2:7]
                assert parts.sum('mark') == whole.sum('mark')
                assert parts.facets('tenant') == whole.facets('tenant')
                ordered = [q.order_by('-mark').limit(0, 4).all() for q in (whole, parts)]
                assert [e.mark for e in ordered[0]] == [e.mark for e in ordered[1]]


@pytest.mark.usefixtures('texts')
def test_pages_and_blocks_have_the_same_order() -> None:
    query = RankedBy.query.search('red shoe', match='any', prefix_last=True)
    wanted = scored(query)
    streamed = rom.session.stream(query.with_scores(), 4)
    assert [(one.result.mark, one.score) for one in streamed] == wanted
    found, after = [], None
    while True:
        page = query.with_scores().page(7, after=after)
        found += [(one.result.mark, one.score) for one in page]
        if page.next is None:
            break
        after = page.next
    assert found == wanted
    assert [row['mark'] for row in query.select('mark').limit(20)] == [m for m, _ in wanted[:20]]


@pytest.mark.usefixtures('texts')
def test_trips_and_plans(monkeypatch: pytest.MonkeyPatch) -> None:
    query = RankedBy.query.search('red')
    seen = note_trips(monkeypatch)
    first = query.first()
    assert first is not None and len(seen) == 2
    assert 'red' in first.title + first.body
    seen.clear()
    assert query.count() > 0 and len(seen) == 1
    seen.clear()
    assert query.order_by('mark').all() and len(seen) == 1
    seen.clear()
    assert RankedBy.query.search('re', prefix_last=True).count() > 0 and len(seen) == 2
    found = query.filter(tenant=3).explain(run=True)
    assert found.plan.way == 'rank' and len(found.partitions) == 1
    assert found.run is not None and len(found.run.calls) == 2
    assert 'asks 1 of 5 partitions' in str(found)
    assert '<mark>' in ''.join(query.snippets(first, 'title') + query.snippets(first, 'body'))


def test_the_words_meant_are_chosen_as_by_the_script(on_client: None) -> None:
    """More words than one call reads or takes, and more texts than they may have together."""
    for model in TWINS:
        for number in range(620):
            title = f'wa{number:03d}' + ' wabc' * (number % 7 == 0)
            model(tenant=number % 11, mark=number, title=title)
        rom.session.commit()
    for manner in ({'prefix_last': True}, {'prefix_last': True, 'fuzzy': True}, {'fuzzy': 1}):
        for text in ('wa', 'wa61', 'wab', 'wa0055'):
            whole, parts = (m.query.search(text, 'title', **manner) for m in TWINS)  # type: ignore[arg-type]
            assert by_score(scored(parts)) == by_score(scored(whole))


def test_words_have_at_most_so_many_texts_together() -> None:
    term = Term(1, (b'w',), True, 0)
    found = [(b'w%d' % number, False, True, 1500) for number in range(4)]
    assert [one.word for one in similar_words(term, 0, found)] == [b'w0', b'w1']
    exact = [(b'w', 0, True, 9000), (b'w', 0, True, 1), *found]
    assert [(one.word, one.texts) for one in similar_words(term, 0, exact)] == [(b'w', 9001)]
    many = [(b'w%03d' % number, False, True, 1) for number in range(600)]
    chosen = similar_words(term, 0, many[::-1])
    assert [one.word for one in chosen] == [b'w%03d' % number for number in range(50)]


@both(RankedBy)
async def test_both_sessions(s: Any) -> None:
    for tenant, title in enumerate(('red shoe', 'red red shoe', 'blue', 'red', 'shoe')):
        await s.save(RankedBy(tenant=tenant, mark=tenant, title=title))
    query = RankedBy.query.search('red').with_scores()
    found = await s.all(query)
    assert [one.result.mark for one in found] == [3, 1, 0]
    assert [one async for one in s.stream(query, 2)] == found
    page = await s.page(query, 2)
    assert [*page, *await s.page(query, 2, page.next)] == found
    assert (await s.first(query)) == found[0]
    assert await s.update_all(RankedBy.query.search('red').limit(1), title='green') == 1
    assert [one.result.mark for one in await s.all(query)] == [1, 0]
    assert await s.delete_all(RankedBy.query.search('re', prefix_last=True)) == 2
    assert await s.count(RankedBy.query) == 3


def test_an_index_of_another_type_is_named(on_client: None, raw: redis.Redis) -> None:
    RankedBy(tenant=1, mark=1, title='red').save()
    key = RankedBy._schema.at(0).ranks['title'].head + b'red:tf'
    for number in range(5):
        raw.delete(RankedBy._schema.at(number).ranks['title'].head + b'red:tf')
    raw.set(key, 'x')
    with pytest.raises(rom.CorruptRowError, match='red:tf should be an index'):
        RankedBy.query.search('red').all()
