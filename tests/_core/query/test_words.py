"""`search`: its arguments, and the words that prefixes and misspellings stand for."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st

import rom
from rom._core.query.highlights import distance_within
from rom._core.query.nodes import AnyOf, Term, Words
from rom._core.query.words import MOST_CHARACTERS, MOST_WORDS
from rom.exceptions import ORMError, QueryError
from tests.support.servers import Server


class SearchedText(rom.Model):
    title = rom.Text(rank=True)
    body = rom.Text(rank=True, stem='english')
    plain = rom.Text(index=True, keygen=rom.FULL_TEXT)
    number = rom.Integer(index=True)


class UnsearchedText(rom.Model):
    title = rom.Text(index=True, keygen=rom.FULL_TEXT)


def node(*args: Any, **kwargs: Any) -> Words:
    [found] = SearchedText.query.search(*args, **kwargs).spec.where.nodes
    assert isinstance(found, Words)
    return found


def test_words_are_those_of_each_column() -> None:
    found = node('Running RED red', prefix_last=True, fuzzy=True)
    assert found.columns == ((b'SearchedText:title:', 1.0), (b'SearchedText:body:', 1.0))
    assert found.terms == (
        Term(1, (b'running', b'run'), False, 1),
        Term(1, (b'red', b'red'), False, 1),
        Term(1, (b'red', b'red'), True, 1),
    )
    assert node('a a b', 'title').terms == (Term(2, (b'a',)), Term(1, (b'b',)))
    assert node('ab abc abcdefgh', 'title', fuzzy=True).terms == (
        Term(1, (b'ab',)), Term(1, (b'abc',), False, 1), Term(1, (b'abcdefgh',), False, 2),
    )  # fmt: skip
    assert node('abcdefgh', {'title': 2}, fuzzy=1).terms[0].edits == 1
    assert node('x', {'title': 2, 'body': 0.5}).columns[1][1] == 0.5


@pytest.mark.parametrize('text', ['', ' ', '?!', '\x00', '_'])
def test_texts_without_words_match_nothing(text: str) -> None:
    assert SearchedText.query.search(text).spec.where.nodes == (AnyOf(),)


@pytest.mark.parametrize(
    ('args', 'why'),
    [
        ((5,), 'expected a str, got int'),
        ((b'red',), 'expected a str, got bytes'),
        (('x' * (MOST_CHARACTERS + 1),), 'expected at most 10,000 characters, got 10,001'),
        ((' '.join(f'w{n}' for n in range(MOST_WORDS + 1)),), 'at most 64 different words, got 65'),
        (('red', 'plain'), 'plain is not a ranked column; the model has title, body'),
        (('red', 'missing'), 'missing is not a ranked column'),
        (('red', 5), 'expected columns to be names'),
        (('red', [5]), '5 is not a ranked column'),
        (('red', []), 'expected at least one column'),
        (('red', {'title': 0}), 'expected the weight of title to be a number above 0'),
        (('red', {'title': float('nan')}), 'expected the weight'),
        (('red', {'title': 'x'}), 'expected the weight'),
        (('red', None, 'some'), "expected match to be 'all' or 'any', got 'some'"),
        (('red', None, []), "expected match to be 'all' or 'any'"),
    ],
)
def test_mistakes_are_named(args: Any, why: str) -> None:
    with pytest.raises(QueryError, match=f'SearchedText.query.search.*{why}'):
        SearchedText.query.search(*args)


@pytest.mark.parametrize('fuzzy', [3, -1, 1.5, 'yes', None])
def test_edits_are_few(fuzzy: Any) -> None:
    with pytest.raises(QueryError, match='expected fuzzy to be'):
        SearchedText.query.search('red', fuzzy=fuzzy)


def test_stems_must_agree() -> None:
    SearchedText.query.search('red', 'body', stem='english')
    with pytest.raises(QueryError, match="title has no stems, expected 'english'; declare"):
        SearchedText.query.search('red', stem='english')


def test_a_query_has_one_search() -> None:
    with pytest.raises(QueryError, match='the query has a search already'):
        SearchedText.query.search('red').search('blue')
    with pytest.raises(QueryError, match=r'with_scores\(\): only a search gives scores'):
        SearchedText.query.with_scores()
    with pytest.raises(QueryError, match='only a search gives scores'):
        SearchedText.query.filter(number=5).with_scores()
    assert SearchedText.query.search('?').with_scores().spec.with_scores
    with pytest.raises(QueryError, match='no column of the model is ranked; declare one'):
        UnsearchedText.query.search('red')


def test_a_query_is_written_as_source() -> None:
    query = SearchedText.query.search('red shoe', {'title': 2, 'body': 1}, 'any', fuzzy=True)
    assert repr(query.with_scores().limit(3)) == (
        "SearchedText.query.search('red shoe', {'title': 2.0, 'body': 1.0}, 'any', fuzzy=True)"
        '.limit(0, 3).with_scores()'
    )
    assert eval(repr(query)).spec == query.spec


@given(st.text(max_size=60), st.booleans(), st.booleans(), st.sampled_from(['all', 'any']))
@settings(max_examples=60)
@pytest.mark.one_server
def test_any_text_has_an_answer(
    on_client: None, text: str, prefix_last: bool, fuzzy: bool, match: Any
) -> None:
    if not SearchedText.query.exists():
        SearchedText(title='red shoe', body='éa 東京')
        rom.session.commit()
    try:
        query = SearchedText.query.search(text, None, match, prefix_last=prefix_last, fuzzy=fuzzy)
        found = query.all()
        assert query.count() == len(found)
    except ORMError as error:
        assert len(str(error)) <= 500


@pytest.mark.one_server
@given(
    words=st.sets(st.text('abé', min_size=1, max_size=9), min_size=1, max_size=25),
    asked=st.text('abé', min_size=3, max_size=9),
    prefix=st.booleans(),
)
@settings(max_examples=50)
def test_misspellings_are_all_found(
    server: Server, client: redis.Redis, words: set[str], asked: str, prefix: bool
) -> None:
    """As many edits as the length allows, and no more: compared with all pairs of words."""
    server.flush()
    rom.util.CONNECTION = client
    rom.session.rollback()
    # Accents are folded, so é is e.
    plain = {word.replace('é', 'e') for word in words}
    for word in sorted(plain):
        SearchedText(title=word)
    rom.session.commit()
    wanted = asked.replace('é', 'e')
    edits = 2 if len(wanted) >= 8 else 1
    expected = {
        word
        for word in plain
        if distance_within(wanted, word, edits) or (prefix and word.startswith(wanted))
    }
    query = SearchedText.query.search(asked, 'title', fuzzy=True, prefix_last=prefix)
    found = [entity.title for entity in query.all()]
    assert set(found) == expected
    assert query.count() == len(expected)
    if wanted in plain:
        assert found[0] == wanted, 'the word itself is the best match'


@pytest.mark.one_server
def test_other_letters_are_edited_as_wholes(on_client: None) -> None:
    for word in ('москва', 'масква', 'москв', 'киев', '東京都'):
        SearchedText(title=word)
    rom.session.commit()
    found = SearchedText.query.search('москва', 'title', fuzzy=True).all()
    assert {entity.title for entity in found} == {'москва', 'масква', 'москв'}
    assert SearchedText.query.search('東', 'title', prefix_last=True).count() == 1


@pytest.mark.one_server
def test_a_large_vocabulary_is_not_read(on_client: None, raw: redis.Redis) -> None:
    letters = 'abcdefghijkl'
    words = map(''.join, itertools.product(letters, repeat=4))
    raw.zadd('SearchedText:title:voc', dict.fromkeys(words, 0))
    SearchedText(title='abcx')
    SearchedText(title='abcd')
    rom.session.commit()
    raw.config_resetstat()
    found = SearchedText.query.search('abcd', 'title', fuzzy=True).all()
    assert [entity.title for entity in found] == ['abcd', 'abcx']
    calls = raw.info('commandstats')['cmdstat_zrangebylex']['calls']
    assert calls < 500, 'of more than 20,000 words'


@pytest.mark.one_server
def test_a_key_of_another_type_is_named(on_client: None, raw: redis.Redis) -> None:
    raw.set('SearchedText:title:red:tf', 'x')
    with pytest.raises(rom.exceptions.CorruptRowError, match='SearchedText:title:red:tf'):
        SearchedText.query.search('red').all()
