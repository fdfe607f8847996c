"""Highlights: a text with the words of a search marked, and the parts of it that have most of them.

Both are computed from the text alone, so they need no server. A word is marked if `search` finds
the text by it: by its stem, as the start of a word, or with edits.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from html import escape as escape_html
from typing import Any, Final, NamedTuple

from rom._core.encoding.integers import read_count
from rom._core.encoding.terms import Word, placed_words, term
from rom._core.encoding.text import show, show_name
from rom._core.query.nodes import Term, Words
from rom._core.schema import Schema
from rom.exceptions import QueryError

Escape = Callable[[str], str]

ELLIPSIS: Final = '…'


class Markers(NamedTuple):
    """The texts around each marked word, and the function that escapes all other text.

    Attributes:
        before, after: the texts around a marked word; they are not escaped.
        escape: returns a piece of text in the form in which it is shown.
    """

    before: str = '<mark>'
    after: str = '</mark>'
    escape: Escape = escape_html


class Highlighter:
    """Marks the words of a search in the texts of one column.

    Args:
        schema: the schema of the model.
        search: the search; None: the query has none.
        column: the name of the column.
        markers: the texts around marked words.

    Raises:
        QueryError: no search, or the column is not one of its columns.
    """

    def __init__(self, schema: Schema, search: Words | None, column: str, markers: Markers) -> None:
        names = [] if search is None or search.label is None else _names(search)
        if search is None or column not in names:
            shown = show_name(column) if isinstance(column, str) else show(column)
            raise QueryError(
                f'{schema.name}.query: expected a column of its search(...) to highlight, '
                f'got {shown}; it searches {", ".join(names) or "none"}'
            )
        place = names.index(column)
        self._language = schema.ranks[column].language
        self._terms = [(asked.words[place].decode(), asked) for asked in search.terms]
        self._known: dict[str, bool] = {}
        self._markers = markers

    def whole(self, text: str) -> str:
        """Return a text with its words marked."""
        return self._marked(text, placed_words(text), 0, len(text))

    def best_parts(self, text: str, size: int, most: int) -> list[str]:
        """Return the parts of a text with most different words of the search, in its order.

        Args:
            size: the maximum number of characters of a part, without the markers.
            most: the maximum number of parts.
        """
        words = placed_words(text)
        hits = [word for word in words if self._is_meant(word.folded)]
        chosen: list[_Part] = []
        for part in sorted(_parts(hits, size), key=lambda part: part.worth, reverse=True):
            if all(part.stop <= one.start or one.stop <= part.start for one in chosen):
                chosen.append(part)
            if len(chosen) == most:
                break
        widened = [_widened(text, words, part, size) for part in sorted(chosen)]
        return [self._framed(text, words, start, stop) for start, stop in widened]

    def _framed(self, text: str, words: Sequence[Word], start: int, stop: int) -> str:
        head, tail = ELLIPSIS if start > 0 else '', ELLIPSIS if stop < len(text) else ''
        return f'{head}{self._marked(text, words, start, stop)}{tail}'

    def _marked(self, text: str, words: Sequence[Word], start: int, stop: int) -> str:
        before, after, escape = self._markers
        pieces, done = [], start
        for word in words:
            if start <= word.start and word.stop <= stop and self._is_meant(word.folded):
                pieces += [escape(text[done : word.start]), before]
                pieces += [escape(text[word.start : word.stop]), after]
                done = word.stop
        return ''.join([*pieces, escape(text[done:stop])])

    def _is_meant(self, word: str) -> bool:
        found = self._known.get(word)
        if found is None:
            stored = term(word, self._language)
            found = any(_stands_for(wanted, asked, stored) for wanted, asked in self._terms)
            self._known[word] = found
        return found


def highlighted(text: Any, highlighter: Highlighter) -> str:
    """Return a text with its words marked; '' for None."""
    return '' if text is None else highlighter.whole(text)


def snippets(text: Any, highlighter: Highlighter, where: str, size: int, most: int) -> list[str]:
    """Return the best parts of a text; [] for None, and for a text without words of the search.

    Raises:
        QueryError: the size or the number is below 1.
    """
    for name, number in (('size', size), ('most', most)):
        if read_count(number) is None:
            raise QueryError(f'{where}: expected {name} to be at least 1, got {show(number)}')
    return [] if text is None else highlighter.best_parts(text, size, most)


def _names(search: Words) -> list[str]:
    assert search.label is not None
    return [name for name, _ in search.label.value.weights]


def _stands_for(wanted: str, asked: Term, stored: str) -> bool:
    if stored == wanted or (asked.is_prefix and stored.startswith(wanted)):
        return True
    return asked.edits > 0 and distance_within(wanted, stored, asked.edits)


def distance_within(one: str, other: str, most: int) -> bool:
    """Return whether two words are at most so many edits apart.

    >>> distance_within('shoe', 'shoes', 1), distance_within('shoe', 'shots', 1)
    (True, False)
    """
    if abs(len(one) - len(other)) > most:
        return False
    row = list(range(len(other) + 1))
    for place, character in enumerate(one, 1):
        made = [place]
        for at, wanted in enumerate(other, 1):
            made.append(min(row[at] + 1, made[-1] + 1, row[at - 1] + (character != wanted)))
        row = made
        if min(row) > most:
            return False
    return row[-1] <= most


class _Part(NamedTuple):
    """A part of a text, and how much it is worth: its different hits, all hits, an early place."""

    start: int
    stop: int
    worth: tuple[int, int, int]


def _parts(hits: Sequence[Word], size: int) -> Iterator[_Part]:
    """Yield, from each hit on, the part with all hits that are near enough."""
    inside = Counter[str]()
    last = -1
    for first, word in enumerate(hits):
        while last < first or (last + 1 < len(hits) and hits[last + 1].stop - word.start <= size):
            last += 1
            inside[hits[last].folded] += 1
        yield _Part(word.start, hits[last].stop, (len(inside), last - first, -word.start))
        inside[word.folded] -= 1
        if not inside[word.folded]:
            del inside[word.folded]


def _widened(text: str, words: Sequence[Word], part: _Part, size: int) -> tuple[int, int]:
    """Return a part with as many of the words around it as fit, as many on either side."""
    start, stop, _ = part
    spare = max(size - (stop - start), 0)
    least, most = max(start - spare // 2, 0), min(stop + spare - spare // 2, len(text))
    starts = [word.start for word in words if least <= word.start <= start]
    stops = [word.stop for word in words if stop <= word.stop <= most]
    begin = 0 if least == 0 else min(starts, default=start)
    return begin, len(text) if most == len(text) else max(stops, default=stop)
