"""Terms: what counts as a word, and what two spellings have in common."""

import threading
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rom._core.encoding.terms import (
    LONGEST,
    fold,
    folded_words,
    languages,
    placed_words,
    term,
    terms,
)


@pytest.mark.parametrize(
    ('text', 'words'),
    [
        ('', []),
        ('  \n\t', []),
        ('Red-hot, red_hot: RED!', ['red', 'hot', 'red', 'hot', 'red']),
        ("it's 3.14", ['it', 's', '3', '14']),
        ('Crème Brûlée', ['creme', 'brulee']),
        ('Cre\u0300me', ['creme']),
        ('Straße STRASSE', ['strasse', 'strasse']),
        ('Łódź Ørsted Ægir', ['lodz', 'orsted', 'aegir']),
        ('новый', ['новый']),
        ('हिन्दी', ['हिन्दी']),
        ('東京', ['東京']),
        ('ﬁle ①', ['file', '1']),
        ('\x00a\x07b\x1b[31m', ['a', 'b', '31m']),
        ('\u0301', ['\u0301']),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    assert folded_words(text) == words
    assert [word.folded for word in placed_words(text)] == words


@given(st.text())
def test_words_are_the_same_wherever_they_are_looked_for(text: str) -> None:
    placed = placed_words(text)
    assert [word.folded for word in placed] == folded_words(text)
    assert [fold(text[word.start : word.stop]) for word in placed] == folded_words(text)
    assert all(a.stop <= b.start for a, b in pairwise(placed))


@given(st.text())
def test_a_folded_word_is_folded_no_further(text: str) -> None:
    words = folded_words(text)
    assert [fold(word) for word in words] == words


def test_stems_agree_whatever_the_form() -> None:
    assert terms('Running shoes', 'english') == terms('runs shoe', 'english') == ['run', 'shoe']
    assert terms('Résumés', 'english') == terms('resume', 'english')
    assert terms('shoes') == ['shoes']
    assert 'english' in languages()


def test_long_words_are_cut() -> None:
    assert terms('a' * 1000) == terms('a' * 999, 'english') == ['a' * LONGEST]
    assert term('é' * 1000) == 'é' * LONGEST


def test_threads_stem_at_the_same_time() -> None:
    words = [f'{stem}{end}' for stem in ('walk', 'jump', 'talk') for end in ('ing', 'ed', 's')] * 50
    found: list[list[str]] = []

    def work(place: int) -> None:
        found.append(terms(' '.join(f'{word}' for word in words), 'porter'))

    threads = [threading.Thread(target=work, args=(place,)) for place in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [found[0]] * 4
    assert found[0] == (['walk'] * 3 + ['jump'] * 3 + ['talk'] * 3) * 50
