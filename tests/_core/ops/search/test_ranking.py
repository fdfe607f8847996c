"""Ranking: the order of BM25, as a plain reference computes it, whatever way the script takes."""

from __future__ import annotations

import math
import random
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st

import rom
from rom._core.drivers.sync_driver import SyncDriver
from rom._core.ops.search import queries
from rom._core.ops.search.bounds import BOUNDS
from tests.support.patience import PATIENCE
from tests.support.servers import Server
from tests.support.snapshots import once
from tests.support.worlds import BOTH, World

K1, B = 1.2, 0.75
MANY = 1500  # texts
WORDS = ['red', 'shoe', 'blue', 'run', 'the', 'cat', 'of', 'rare']


class RankedDoc(rom.Model):
    title = rom.Text(rank=True)
    body = rom.Text(rank=True)
    year = rom.Integer(index=True)
    tag = rom.Text(index=True, prefix=True, keygen=rom.FULL_TEXT)


Texts = Mapping[int, Mapping[str, str]]


def reference(
    texts: Texts, asked: Sequence[str], weights: Mapping[str, float], match: str
) -> list[tuple[int, float]]:
    """The ids and scores of the matches, best first; equal scores by id."""
    scores: dict[int, float] = dict.fromkeys(texts, 0.0)
    has: dict[int, set[str]] = {id: set() for id in texts}
    for column, weight in weights.items():
        words = {id: text[column].split() for id, text in texts.items() if text.get(column)}
        words = {id: found for id, found in words.items() if found}
        average = sum(map(len, words.values())) / max(len(words), 1)
        for word in asked:
            frequency = sum(word in found for found in words.values())
            idf = math.log(1 + (len(words) - frequency + 0.5) / (frequency + 0.5))
            for id, found in words.items():
                tf = found.count(word)
                norm = tf + K1 * (1 - B + B * len(found) / average)
                scores[id] += weight * idf * tf * (K1 + 1) / norm
                if tf:
                    has[id].add(word)
    enough = len(set(asked)) if match == 'all' else 1
    found_ids = [id for id in texts if len(has[id]) >= enough]
    return sorted(
        ((id, scores[id]) for id in found_ids), key=lambda pair: (-round(pair[1], 8), pair[0])
    )


def assert_agrees(found: Sequence[Any], expected: Sequence[tuple[int, float]]) -> None:
    assert [scored.score for scored in found] == pytest.approx([score for _, score in expected])
    assert [scored.result.id for scored in found] == [id for id, _ in expected]


def texts_of(model: type[Any]) -> Texts:
    rom.session.rollback()
    rows = model.query.select('id', 'title', 'body').all()
    return {row['id']: {n: row[n] or '' for n in ('title', 'body')} for row in rows}


TEXT = st.lists(st.sampled_from(WORDS), max_size=12).map(' '.join)
ASKED = st.lists(st.sampled_from([*WORDS, 'missing']), min_size=1, max_size=4)
WEIGHTS = st.sampled_from([{'title': 1.0}, {'body': 1.0}, {'title': 3.0, 'body': 0.5}])


@pytest.mark.one_server
@given(
    docs=st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=30),
    asked=ASKED,
    weights=WEIGHTS,
    match=st.sampled_from(['all', 'any']),
    limit=st.integers(1, 8),
    data=st.data(),
)
@settings(max_examples=60)
def test_the_order_is_that_of_the_reference(
    server: Server,
    client: redis.Redis,
    docs: Any,
    asked: list[str],
    weights: dict[str, float],
    match: Any,
    limit: int,
    data: Any,
) -> None:
    server.flush()
    rom.util.CONNECTION = client
    rom.session.rollback()
    made = [RankedDoc(title=title, body=body, year=n % 3) for n, (title, body) in enumerate(docs)]
    rom.session.commit()
    for entity in made:
        match data.draw(st.sampled_from(['keep', 'keep', 'delete', 'change'])):
            case 'delete':
                entity.delete()
            case 'change':
                entity.title = data.draw(TEXT)
    rom.session.commit()
    texts = texts_of(RankedDoc)
    query = RankedDoc.query.search(' '.join(asked), weights, match)
    expected = reference(texts, asked, weights, match)
    assert_agrees(query.with_scores().all(), expected)
    assert_agrees(query.limit(limit).with_scores().all(), expected[:limit])
    assert_agrees(query.limit(2, limit).with_scores().all(), expected[2 : 2 + limit])
    assert query.count() == len(expected)
    assert query.ids() == [id for id, _ in expected]
    assert sorted(query.order_by('-id').ids(), reverse=True) == query.order_by('-id').ids()
    years = {entity.id: entity.year for entity in RankedDoc.query.all()}
    some = query.filter(year=1).limit(limit).with_scores().all()
    assert_agrees(some, [pair for pair in expected if years[pair[0]] == 1][:limit])
    found, after = [], None
    while True:
        page = query.with_scores().page(limit, after)
        found += page.items
        after = page.next
        if after is None:
            break
    assert_agrees(found, expected)


def corpus(count: int, seed: int) -> Iterable[dict[str, Any]]:
    """Documents whose words are as unequally frequent as those of a language."""
    lot = random.Random(seed)
    words = [f'w{n}' for n in range(300)]
    weights = [1 / (n + 1) for n in range(300)]
    for n in range(count):
        yield {
            'title': ' '.join(lot.choices(words, weights, k=lot.randint(1, 8))),
            'body': ' '.join(lot.choices(words, weights, k=lot.randint(5, 60))),
            'year': n % 10,
            'tag': f'tag{n % 7}',
        }


def load() -> None:
    for values in corpus(MANY, 7):
        RankedDoc(**values)
    rom.session.commit(batch=1000)


@pytest.fixture
def many(client: redis.Redis, raw: redis.Redis) -> Texts:
    rom.util.CONNECTION = client
    rom.session.rollback()
    once(raw, 'ranked texts', load)
    return texts_of(RankedDoc)


CASES = [
    ('w0', {'body': 1.0}),
    ('w5 w0', {'body': 1.0}),
    ('w0 w1 w2', {'body': 1.0}),
    ('w20 w3 w0', {'title': 2.0, 'body': 1.0}),
    ('w250 w0', {'body': 1.0}),
    ('w299 w298 w1', {'title': 1.0, 'body': 5.0}),
]


@pytest.mark.one_server
def test_the_order_of_many_texts(on_client: None, many: Texts, raw: redis.Redis) -> None:
    """Also where postings are skipped, where a call ends early, and behind a cursor."""
    for text, weights in CASES:
        for match in ('all', 'any'):
            query = RankedDoc.query.search(text, weights, match)  # type: ignore[arg-type]
            expected = reference(many, text.split(), weights, match)
            assert_agrees(query.limit(20).with_scores().all(), expected[:20])
            assert_agrees(query.limit(100, 5).with_scores().all(), expected[100:105])
            assert query.count() == len(expected)
            page = query.page(50)
            following = query.with_scores().page(50, page.next) if page.next else ()
            assert_agrees(list(following), expected[50:100])
            rows = [(id, score) for id, score in expected if (id - 1) % 10 == 4]
            assert_agrees(query.filter(year=4).limit(20).with_scores().all(), rows[:20])
            both = [(id, score) for id, score in rows if (id - 1) % 7 == 4]
            narrow = query.filter(year=4).startswith(tag='tag4').with_scores()
            assert_agrees(narrow.all(), both)
    every = RankedDoc.query.search('w0 w1', match='any').with_scores()
    expected = reference(many, ['w0', 'w1'], {'title': 1.0, 'body': 1.0}, 'any')
    assert_agrees(every.all(), expected)
    assert_agrees(list(every), expected)
    assert list(raw.scan_iter('*cached*')) == []


# What a call lists, and when it ends: each is a way of its own through the texts.
WAYS = [(1, 1), (10, 40), (60, 200), (300, 200), (300, 20_000), (1400, 1), (1400, 20_000)]


def ways_of(client: redis.Redis, query: Any) -> Iterable[list[tuple[int, float]]]:
    """The ids and scores of the results, as each way finds them."""
    for small, budget in WAYS:
        scores: dict[int, float] = {}
        bounds = BOUNDS._replace(small=small, budget=budget)
        found, _ = SyncDriver(client).run(queries.find(query, bounds, scores))
        yield [(row.id, scores[row.id]) for row in found]


@pytest.mark.one_server
def test_the_order_is_the_same_in_every_way(
    on_client: None, many: Texts, client: redis.Redis
) -> None:
    for text, weights in CASES[1:]:
        for match in ('all', 'any'):
            query = RankedDoc.query.search(text, weights, match).select('id')  # type: ignore[arg-type]
            expected = reference(many, text.split(), weights, match)
            for skip, need in ((0, 7), (20, 30)):
                wanted = expected[skip : skip + need]
                for found in ways_of(client, query.limit(skip, need)):
                    assert [id for id, _ in found] == [id for id, _ in wanted]
                    assert [score for _, score in found] == pytest.approx([s for _, s in wanted])
    every = RankedDoc.query.search('w20 w3', 'body').select('id')
    ids = [id for id, _ in reference(many, ['w20', 'w3'], {'body': 1.0}, 'all')]
    for found in ways_of(client, every):
        assert [id for id, _ in found] == ids


@pytest.mark.one_server
def test_similar_words_in_every_way(on_client: None, many: Texts, client: redis.Redis) -> None:
    """A few texts are looked up in the postings of the similar words; many postings are read."""
    for text, columns, options in (
        ('w299 w29', 'body', {'prefix_last': True}),
        ('w0 w29', None, {'prefix_last': True}),
        ('w297 w288', None, {'fuzzy': True, 'match': 'any'}),
        ('w29 w18', None, {'fuzzy': True}),
    ):
        query = RankedDoc.query.search(text, columns, **options).select('id')
        every = [(scored.result['id'], scored.score) for scored in query.with_scores().all()]
        assert every == sorted(every, key=lambda pair: (-pair[1], pair[0]))
        assert len(every) == query.count() > 9
        for found in ways_of(client, query.limit(9)):
            assert found == every[:9]


@pytest.mark.one_server
def test_few_postings_are_looked_at_where_few_texts_have_all_words(
    on_client: None, many: Texts
) -> None:
    """The server intersects the words, so other texts are not even read."""
    for text, weights in (CASES[4], CASES[5]):
        ids = {id for id, _ in reference(many, text.split(), weights, 'all')}
        report = RankedDoc.query.search(text, weights).limit(20).explain(run=True)
        assert report.run is not None
        assert 0 < len(ids) < 200
        assert report.run.looked <= len(ids)


@pytest.mark.one_server
def test_a_search_skips_most_postings(on_client: None, many: Texts) -> None:
    frequent = RankedDoc.query.search('w0', 'body').limit(20).explain(run=True)
    assert frequent.plan.way == 'rank'
    assert frequent.plan.filters[0].size > 1200
    assert frequent.run is not None
    assert frequent.run.looked < 900
    assert len(frequent.run.calls) == 1
    assert 'score the texts with the words' in str(frequent)


@pytest.mark.one_server
def test_any_of_rare_words(on_client: None, many: Texts) -> None:
    """Texts with several of the words are found first; then the first postings suffice."""
    for columns in ({'body': 1.0}, {'title': 2.0, 'body': 1.0}):
        text = 'w60 w61 w62'
        expected = reference(many, text.split(), columns, 'any')
        query = RankedDoc.query.search(text, columns, 'any').limit(5)
        assert_agrees(query.with_scores().all(), expected[:5])
        report = query.explain(run=True)
        assert report.run is not None
        assert report.run.looked < len(expected) / 2
        pages, after = [], None
        for _ in range(3):
            page = RankedDoc.query.search(text, columns, 'any').with_scores().page(7, after)
            pages += page.items
            after = page.next
        assert_agrees(pages, expected[:21])


def seeks(raw: redis.Redis) -> int:
    """The number of seeks in a vocabulary so far."""
    return int(raw.info('commandstats').get('cmdstat_zrangebylex', {'calls': 0})['calls'])


@pytest.mark.one_server
def test_similar_words_are_looked_for_once(
    on_client: None, many: Texts, client: redis.Redis, raw: redis.Redis
) -> None:
    """Few seeks find them, and further calls of a search know them."""
    query = RankedDoc.query.search('w29x w0', fuzzy=True).select('id').limit(9)
    counts = []
    for bounds in (BOUNDS, BOUNDS._replace(small=10, budget=40)):
        before = seeks(raw)
        found, _ = SyncDriver(client).run(queries.find(query, bounds, {}))
        counts.append(seeks(raw) - before)
        assert len(found) == 9
    assert counts[0] == counts[1] < 200


@pytest.mark.one_server
def test_a_search_takes_one_trip(
    on_client: None, many: Texts, monkeypatch: pytest.MonkeyPatch
) -> None:
    trips: list[Any] = []
    perform = SyncDriver.perform

    def noting(self: Any, request: Any) -> Any:
        trips.append(request)
        return perform(self, request)

    monkeypatch.setattr(SyncDriver, 'perform', noting)
    RankedDoc.query.search('w0 w3 w29', 'body', prefix_last=True).limit(20).all()
    RankedDoc.query.search('w0 w3').filter(year=3).limit(20).all()
    assert len(trips) == 2


@pytest.mark.one_server
def test_filters_that_one_call_refuses(on_client: None, many: Texts, client: redis.Redis) -> None:
    """They are answered in parts, and the matches are ranked afterwards."""
    query = (
        RankedDoc.query.search('w0', 'body').does_not_startwith(tag='tag1').filter(year=[1, 2, 3])
    )
    expected = [
        id
        for id, _ in reference(many, ['w0'], {'body': 1.0}, 'all')
        if (id - 1) % 7 != 1 and (id - 1) % 10 in (1, 2, 3)
    ]
    assert query.ids() == expected
    operation = queries.search(query.limit(3, 30), BOUNDS._replace(small=10))
    found = SyncDriver(client).run(operation)
    assert [row.id for row in found] == expected[3:33]


@pytest.mark.one_server
def test_writers_at_the_same_time(server: Server, on_client: None, many: Texts) -> None:
    """A search finds what its words are in, whatever others write to other texts."""
    stop = threading.Event()

    def write() -> None:
        lot = random.Random(1)
        with server.connect() as connected, rom.Session(connected):
            while not stop.is_set():
                id = lot.randrange(1, 700)
                RankedDoc.query.filter(id=id).update(body=f'w0 w1 {lot.random()}')

    writer = threading.Thread(target=write)
    writer.start()
    try:
        still = {id for id in many if id >= 700 and 'w9' in many[id]['body'].split()}
        for _ in range(20):
            found = RankedDoc.query.search('w9', 'body').with_scores().all()
            assert {scored.result.id for scored in found} >= still
            ids = [scored.result.id for scored in found]
            assert len(set(ids)) == len(ids)
            assert [s.score for s in found] == sorted((s.score for s in found), reverse=True)
            rom.session.rollback()
    finally:
        stop.set()
        writer.join(PATIENCE)


@pytest.mark.one_server
@pytest.mark.parametrize('kind', BOTH)
def test_both_sessions_search(kind: str, server: Server, client: redis.Redis) -> None:
    world = World(kind, server.socket)

    async def story() -> None:
        async with world.session() as session:
            for text in ('red shoe', 'red red shoe', 'blue'):
                session.add(RankedDoc(title=text))
            await session.commit()
            query = RankedDoc.query.search('red').with_scores()
            found = await session.all(query)
            assert [scored.result.title for scored in found] == ['red red shoe', 'red shoe']
            first = await session.first(query)
            assert first == found[0]
            assert [s.result.title async for s in session.stream(query)] == [
                'red red shoe', 'red shoe',
            ]  # fmt: skip
            page = await session.page(query, 1)
            assert (await session.page(query, 1, page.next))[0] == found[1]
            plan = await session.explain(query)
            assert plan.plan.way == 'rank'
            assert await session.update_all(RankedDoc.query.search('red'), title='green') == 2
            assert await session.delete_all(RankedDoc.query.search('green')) == 2

    world.run(story())


@pytest.mark.one_server
def test_the_null_session_searches(on_client: None) -> None:
    RankedDoc(title='red').save()
    rom.util.use_null_session()
    try:
        [entity] = RankedDoc.query.search('red').all()
        assert entity.title == 'red'
    finally:
        rom.util.use_rom_session()


@pytest.mark.one_server
@pytest.mark.parametrize('weight', [1e-15, 1e-3, 1e6])
def test_no_match_is_lost_to_rounding(weight: float, on_client: None) -> None:
    """Scores are rounded, so that equal ones are equal; small ones are results as well."""
    texts = {n: {'title': ' '.join(['red'] * n + ['cat'] * (9 - n)), 'body': ''} for n in range(9)}
    for text in texts.values():
        RankedDoc(**text)
    rom.session.commit()
    weights = {'title': weight}
    query = RankedDoc.query.search('red cat', weights, 'any').with_scores()
    texts = {n + 1: text for n, text in texts.items()}
    expected = reference(texts, ['red', 'cat'], {'title': 1.0}, 'any')
    assert_agrees(query.all(), [(id, weight * score) for id, score in expected])
    page = query.page(4)
    assert [*page.items, *query.page(5, page.next)] == query.all()
    body = RankedDoc.query.search('red', {'body': weight, 'title': weight / 1e15})
    assert sorted(body.ids()) == list(range(2, 10)), 'the lowest scores count as one grain'


@pytest.mark.one_server
def test_entries_of_rows_that_are_gone_are_no_results(on_client: None, raw: redis.Redis) -> None:
    RankedDoc(title='red'), RankedDoc(title='red red')
    rom.session.commit()
    rom.session.rollback()
    raw.delete('RankedDoc:2')
    assert [doc.id for doc in RankedDoc.query.search('red').all()] == [1]
    assert [doc.id for doc in RankedDoc.query.search('red').page(1)] == [1]


@pytest.mark.one_server
def test_a_beginning_of_a_very_common_word(on_client: None, client: redis.Redis) -> None:
    """The most common word always counts; further ones in few enough texts."""
    with rom.Session(client) as session:
        for number in range(4300):
            RankedDoc(title='shoe' if number < 4100 else 'shop' if number < 4200 else 'ship')
        session.commit()
    for text, options, number in (
        ('sho', {'prefix_last': True}, 4100),
        ('shoa', {'fuzzy': True}, 4100),
        ('shi', {'prefix_last': True}, 100),
        ('none', {'prefix_last': True}, 0),
    ):
        assert RankedDoc.query.search(text, 'title', **options).count() == number


@pytest.mark.one_server
@pytest.mark.parametrize('match', ['all', 'any'])
def test_common_words_in_every_way(
    match: Any, on_client: None, many: Texts, client: redis.Redis
) -> None:
    """Calls end anywhere, and pages begin behind a mark. No text has a part of its score."""
    lot = random.Random(f'{match} in turn')
    for _ in range(12):
        words = [f'w{n}' for n in lot.sample(range(9), lot.randint(2, 5))]
        weights = lot.choice([{'body': 1.0}, {'title': 1.0}, {'title': 2.0, 'body': 0.7}])
        expected = reference(many, words, weights, match)
        query = RankedDoc.query.search(' '.join(words), weights, match).select('id')
        for skip in (0, 30):
            wanted = expected[skip : skip + 9]
            for found in ways_of(client, query.limit(skip, 9)):
                assert [id for id, _ in found] == [id for id, _ in wanted]
        after = query.page(30).next
        page = query.page(9, after) if after else ()
        assert [row['id'] for row in page] == [id for id, _ in expected[30:39]]
        years = [id for id, _ in expected if (id - 1) % 10 == 3]
        for found in ways_of(client, query.filter(year=3).limit(9)):
            assert [id for id, _ in found] == years[:9]
