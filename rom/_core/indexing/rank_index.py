"""Ranked indexes: how often each word occurs in a text, and how long the text is.

BM25 weighs a word by its frequency in a text, by the length of the text and of the average one, and
by the number of texts that have the word. All of these follow from index entries, so that a commit,
a check and a reindex treat them as any others, and no counter can drift:

* A sorted set for each word (*postings*): the id, with frequency and length packed into the score.
  Its size is the number of texts with the word. Its highest scores are the best texts: those with
  the highest frequency, and of these the shortest. So a search may stop early.
* A set for each binary digit of the lengths: the ids whose length has that digit. The sum of all
  lengths is the sum of their sizes, each times its power of two: some ten SCARDs.
* A set of all texts with a word, whose size is their number.

The vocabulary, a sorted set of all words, is no index of ids. The commit keeps it: see
`lua/lib/vocabulary.lua`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

from rom._core.columns.base import Column
from rom._core.encoding.keys import Keys
from rom._core.encoding.terms import terms
from rom._core.indexing.column_index import ColumnIndex
from rom._core.indexing.entry_lists import Members

#: The packed score of a posting is the frequency times this, plus what the length lacks of it less
#: one. A double holds integers up to 2**53, so frequencies end at 2**26.
LENGTHS: Final = 2**27
_MOST_TIMES: Final = 2**26 - 1


def pack_posting(times: int, length: int) -> int:
    """Return the score of a posting.

    >>> unpack_posting(pack_posting(3, 120))
    (3, 120)
    """
    return min(times, _MOST_TIMES) * LENGTHS + LENGTHS - 1 - min(length, LENGTHS - 1)


def unpack_posting(score: int) -> tuple[int, int]:
    """Return the frequency and the length of a posting."""
    times, lacking = divmod(score, LENGTHS)
    return times, LENGTHS - 1 - lacking


class RankIndex(ColumnIndex):
    """The ranked index of one Text column of one model.

    Attributes:
        language: the language of the stems; None: words are not stemmed.
        vocabulary: the key of the vocabulary.
    """

    __slots__ = ('_all_key', '_length_keys', 'language', 'vocabulary')

    def __init__(self, column: Column[Any], keys: Keys) -> None:
        super().__init__(column, keys)
        name = column.name
        self.language: str | None = column.stem
        self.vocabulary = keys.vocabulary(name)
        self.depends_on_others, self.may_read_any, self.source = False, False, name
        self._keys_of, self._is_word = self._terms, False
        self._all_key = keys.lengths(name, b'all')
        digits = range(LENGTHS.bit_length())
        self._length_keys = [keys.lengths(name, b'%d' % digit) for digit in digits]

    def _terms(self, value: str) -> Counter[str]:
        return Counter(terms(value, self.language))

    def _found(self, value: Any, values: Any) -> Any:
        """Return the words with their frequencies, whatever keygen the column has."""
        return self._terms(value)

    def _add(self, id: bytes, found: Any, value: Any, into: Members) -> None:
        """Add the entries of a text whose words were counted."""
        counted: Counter[str] = found
        length = counted.total()
        zsets, head = into.zsets, self._head
        for word, times in counted.items():
            key = head + word.encode('utf-8') + b':tf'
            zsets[key] += (b'%d' % pack_posting(times, length), id)
        into.sets[self._all_key].append(id)
        for digit, key in enumerate(self._length_keys):
            if length >> digit & 1:
                into.sets[key].append(id)

    @property
    def head(self) -> bytes:
        """The prefix of the keys of the postings."""
        return self._head

    def words_of(self, keys: Iterable[bytes]) -> list[bytes]:
        """Return the words whose postings are among some keys, as bytes."""
        head = self._head
        return [key[len(head) : -3] for key in keys if key.startswith(head) and key[-3:] == b':tf']
