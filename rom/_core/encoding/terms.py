"""Terms: the words of a text as a ranked index has them: folded, and stemmed if declared.

A word is a run of letters, digits and combining marks. Latin and Greek letters lose their accents.
Others keep them: the Cyrillic letter й is no accented и, and stemmers read it. Then the word is
case-folded, stemmed, and cut to 64 characters, so that no key is long. Stored texts and queries go
through the same steps, so they agree.
"""

import re
import threading
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import Any, Final, NamedTuple
from unicodedata import category, combining, name, normalize

#: The maximum number of characters of a term; a longer one is cut.
LONGEST: Final = 64

_ASCII_WORD: Final = re.compile('[0-9a-z]+')
# Letters that Unicode does not decompose, and their usual transcriptions.
_PLAIN: Final = str.maketrans(
    {'ø': 'o', 'đ': 'd', 'ð': 'd', 'ł': 'l', 'ı': 'i', 'æ': 'ae', 'œ': 'oe', 'þ': 'th', 'ħ': 'h'}
)
# Stems that are kept: a program's texts mostly repeat the same words.
_KEPT: Final = 20_000

Stem = Callable[[str], str]


class Word(NamedTuple):
    """A word of a text, and the characters that it was made of.

    Attributes:
        folded: without accents and case.
        start, stop: its place in the text.
    """

    folded: str
    start: int
    stop: int


def folded_words(text: str) -> list[str]:
    """Return the words of a text, without accents and case, in order.

    >>> folded_words('Crème brûlée: 2 Straßen')
    ['creme', 'brulee', '2', 'strassen']
    """
    if text.isascii():
        return _ASCII_WORD.findall(text.lower())
    return [word for run in _runs(text) if (word := fold(run))]


def placed_words(text: str) -> list[Word]:
    """Return the words of a text with their places.

    >>> placed_words('Ah, été!')
    [Word(folded='ah', start=0, stop=2), Word(folded='ete', start=4, stop=7)]
    """
    found: list[Word] = []
    start = 0
    for run in _runs(text):
        start = text.index(run, start)
        if word := fold(run):
            found.append(Word(word, start, start + len(run)))
        start += len(run)
    return found


def _runs(text: str) -> list[str]:
    """Return the runs of letters, digits and combining marks."""
    return ''.join([c if _is_of_word(c) else ' ' for c in text]).split(' ')


@lru_cache(4096)
def _is_of_word(character: str) -> bool:
    return character.isalnum() or category(character)[0] == 'M'


def fold(word: str) -> str:
    """Return a word without case, and without the accents of Latin and Greek letters.

    >>> fold('Ångström'), fold('Ἀθῆναι'), fold('Новый') == 'новый'
    ('angstrom', 'αθηναι', True)
    """
    if word.isascii():
        return word.lower()
    kept: list[str] = []
    is_bare = False
    for character in normalize('NFKD', word.casefold()):
        if combining(character):
            if not is_bare:
                kept.append(character)
        else:
            is_bare = _loses_accents(character)
            kept.append(character)
    return normalize('NFC', ''.join(kept)).translate(_PLAIN).casefold()


@lru_cache(4096)
def _loses_accents(character: str) -> bool:
    return name(character, '').startswith(('LATIN', 'GREEK'))


def terms(text: str, language: str | None = None) -> list[str]:
    """Return the terms of a text, in order, with repeats.

    Args:
        language: the language of a stemmer; None: words are not stemmed.

    Raises:
        ModuleNotFoundError: a language, and snowballstemmer is not installed.

    >>> terms('Red shoes, RED shoes')
    ['red', 'shoes', 'red', 'shoes']
    """
    words = folded_words(text)
    if language is not None:
        words = list(map(stem_of(language), words))
    return [word if len(word) <= LONGEST else word[:LONGEST] for word in words]


def term(word: str, language: str | None = None) -> str:
    """Return the term of one folded word."""
    return (word if language is None else stem_of(language)(word))[:LONGEST]


def languages() -> Sequence[str]:
    """Return the languages that can be stemmed.

    Raises:
        ModuleNotFoundError: snowballstemmer is not installed.
    """
    import snowballstemmer

    found: list[str] = sorted(snowballstemmer.algorithms())
    return found


@cache
def stem_of(language: str) -> Stem:
    """Return the function that stems a word; it may be called by several threads."""
    import snowballstemmer

    stemmer: Any = snowballstemmer.stemmer(language)
    lock = threading.Lock()  # a stemmer keeps the word that it works on as its state

    @lru_cache(_KEPT)
    def stem(word: str) -> str:
        if len(word) > LONGEST:
            return word
        with lock:
            found: str = stemmer.stemWord(word)
        return found or word

    return stem
