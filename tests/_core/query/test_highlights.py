"""Highlights: which words are marked, what is escaped, and which parts are shown."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rom
from rom._core.query.highlights import distance_within
from rom._core.query.results import Scored
from rom.exceptions import QueryError


class HighlightedText(rom.Model):
    title = rom.Text(rank=True)
    body = rom.Text(rank=True, stem='english')


def marked(text: str, asked: str, column: str = 'title', **options: Any) -> str:
    return HighlightedText.query.search(asked, **options).highlight(text, column)


@pytest.mark.parametrize(
    ('text', 'asked', 'options', 'expected'),
    [
        ('Red shoe, red', 'red', {}, '<mark>Red</mark> shoe, <mark>red</mark>'),
        ('A crème', 'creme', {}, 'A <mark>crème</mark>'),
        ('redder reds', 'red', {}, 'redder reds'),
        ('redder reds', 'red', {'prefix_last': True}, '<mark>redder</mark> <mark>reds</mark>'),
        ('shoes ships', 'shoe', {'fuzzy': True}, '<mark>shoes</mark> ships'),
        ('a <b> & red"', 'red', {}, 'a &lt;b&gt; &amp; <mark>red</mark>&quot;'),
        ('', 'red', {}, ''),
        ('no word', 'red', {}, 'no word'),
    ],
)
def test_words_are_marked(text: str, asked: str, options: Any, expected: str) -> None:
    assert marked(text, asked, **options) == expected


def test_stems_are_those_of_the_column() -> None:
    assert marked('Runs', 'running', 'body') == '<mark>Runs</mark>'
    assert marked('Runs', 'running', 'title') == 'Runs'


def test_entities_rows_and_scored_results() -> None:
    query = HighlightedText.query.search('red')
    entity = HighlightedText(title='red')
    assert query.highlight(entity, 'title') == '<mark>red</mark>'
    assert query.highlight(Scored(entity, 1.0), 'title') == '<mark>red</mark>'
    assert query.highlight({'title': 'red'}, 'title') == '<mark>red</mark>'
    assert query.highlight(entity, 'body') == ''
    assert query.snippets(entity, 'body') == []
    rom.session.rollback()


def test_markers_of_the_callers_choice() -> None:
    query = HighlightedText.query.search('red')
    assert query.highlight('<red>', 'title', before='*', after='_', escape=str) == '<*red_>'


def test_parts_have_most_of_the_words() -> None:
    text = f'red {"filler " * 40}red blue {"filler " * 40}blue'
    query = HighlightedText.query.search('red blue', match='any')
    [best] = query.snippets(text, 'title', size=40, most=1)
    assert '<mark>red</mark> <mark>blue</mark>' in best
    assert best.startswith('…filler') and best.endswith('filler…')
    parts = query.snippets(text, 'title', size=40, most=5)
    assert len(parts) == 3
    assert parts[0].startswith('<mark>red')
    assert parts[2].endswith('blue</mark>')
    assert query.snippets('nothing here', 'title') == []
    assert query.snippets('just red', 'title') == ['just <mark>red</mark>']


@given(
    st.lists(st.sampled_from(['red', 'blue', '<b>', 'x' * 30, 'été', '\n']), max_size=40),
    st.integers(1, 60),
    st.integers(1, 4),
)
def test_parts_are_of_the_text_and_short_enough(words: list[str], size: int, most: int) -> None:
    text = ' '.join(words)
    query = HighlightedText.query.search('red blue', match='any')
    parts = query.snippets(text, 'title', size=size, most=most)
    assert len(parts) <= most
    assert bool(parts) == any(word in ('red', 'blue') for word in words)
    for part in parts:
        plain = html.unescape(re.sub('</?mark>', '', part)).strip('…')
        assert plain in text
        assert len(plain) <= max(size, 4)
    whole = html.unescape(re.sub('</?mark>', '', query.highlight(text, 'title')))
    assert whole == text


def distance(one: str, other: str) -> int:
    if not one or not other:
        return len(one) + len(other)
    return min(
        distance(one[1:], other) + 1,
        distance(one, other[1:]) + 1,
        distance(one[1:], other[1:]) + (one[0] != other[0]),
    )


@given(st.text('ab', max_size=5), st.text('ab', max_size=5), st.integers(0, 2))
def test_distances(one: str, other: str, most: int) -> None:
    assert distance_within(one, other, most) == (distance(one, other) <= most)


def test_mistakes_are_named() -> None:
    query = HighlightedText.query.search('red', 'title')
    for wrong in ('body', 'missing', 5):
        with pytest.raises(QueryError, match='expected a column of its search'):
            query.highlight('red', wrong)  # type: ignore[arg-type]
    with pytest.raises(QueryError, match='searches none'):
        HighlightedText.query.highlight('red', 'title')
    with pytest.raises(QueryError, match='expected size to be at least 1, got 0'):
        query.snippets('red', 'title', size=0)
    with pytest.raises(QueryError, match='expected most to be at least 1'):
        query.snippets('red', 'title', most=0)
