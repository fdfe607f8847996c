"""Word counts: the numbers of texts in all partitions, on which the scores of a search depend.

The score of a text depends on the number of all texts, on their average length, and on the number
of texts that have each word. A word that may be misspelt, or that is the start of others, stands
for those of its words that have most texts. So one round trip asks every partition for its counts,
and each search gets their sums: its scores and matches are those of a model without partitions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, TypeAlias

from rom._core.encoding.wire import pack, unpack_list
from rom._core.ops.requests import Operation, Pipeline, Script
from rom._core.ops.search.search_reply import checked
from rom._core.ops.shards.asking import moved_node
from rom._core.query.nodes import All, Meant, Term, Words
from rom._core.query.query import Query
from rom._core.schema import Schema

# The same numbers as in lua/lib/similar_words.lua.
_MOST_WORDS, _MOST_TEXTS, _MOST_READ = 50, 4000, 500
_PREFIX: Final = 0.8
_CLOSENESS: Final = (1.0, 0.5, 0.25)

#: A word that a partition found: the word, its edits or False, whether it is longer, its texts.
_Found: TypeAlias = tuple[bytes, Any, bool, int]


def with_word_counts(query: Query[Any], ranks: bool) -> Operation[Query[Any]]:
    """Return a query whose search knows the counts of all partitions, if it depends on them.

    Args:
        query: a query over partitions.
        ranks: whether its results are wanted, in order; without an order, only similar words need
            counts.

    Raises:
        CorruptRowError: the key of an index holds another type.
    """
    spec = query.spec
    words = spec.search
    if words is None or not _needs_counts(words, ranks and spec.ranking is not None):
        return query
    parts = query.schema.parts
    replies = yield Pipeline(tuple(_call(query, part, words) for part in parts))
    pairs = zip(parts, replies, strict=True)
    each = [[unpack_list(raw) for raw in checked(part, reply)[1:]] for part, reply in pairs]
    counted = _summed(words, [lengths for lengths, _ in each], [terms for _, terms in each])
    nodes = tuple(counted if node is words else node for node in spec.where.nodes)
    return query._with(where=All(nodes))


def _needs_counts(words: Words, is_ranking: bool) -> bool:
    return is_ranking or any(term.is_prefix or term.edits for term in words.terms)


def _call(query: Query[Any], part: Schema, words: Words) -> Script:
    own = moved_node(query, part, words)
    assert isinstance(own, Words)
    request = {
        'columns': [head for head, _ in own.columns],
        'terms': [(t.words, {'prefix': t.is_prefix, 'edits': t.edits}) for t in own.terms],
    }
    return Script('count_words', part.keys.counter, pack(request))


def _summed(words: Words, lengths: Sequence[Any], terms: Sequence[Any]) -> Words:
    """Return a search with the sums of the counts of all partitions."""
    columns = range(len(words.columns))
    sums = tuple(
        (sum(own[place][0] for own in lengths), sum(own[place][1] for own in lengths))
        for place in columns
    )
    known = [
        term._replace(
            meant=tuple(
                similar_words(term, place, (found for own in terms for found in own[number][place]))
                for place in columns
            )
        )
        for number, term in enumerate(words.terms)
    ]
    return words._replace(lengths=sums, terms=tuple(known))


def similar_words(term: Term, place: int, found: Iterable[_Found]) -> tuple[Meant, ...]:
    """Return the words that a term stands for in a column: those that have most texts.

    The same choice among the words of one namespace is in lua/lib/similar_words.lua.

    Args:
        term: the term.
        place: the place of the column among those of the search.
        found: the words that partitions found in the column; several may have the same one.
    """
    texts: dict[bytes, int] = {}
    edits_of: dict[bytes, Any] = {}
    longer: set[bytes] = set()
    for word, edits, is_longer, count in found:
        texts[word] = texts.get(word, 0) + count
        edits_of[word] = edits
        if is_longer:
            longer.add(word)
    longer = set(sorted(longer)[:_MOST_READ])
    asked = term.words[place]
    meant = [
        Meant(word, _PREFIX if word in longer and word != asked else _CLOSENESS[edits], texts[word])
        for word, edits in edits_of.items()
        if edits is not False or word in longer
    ]
    meant.sort(key=lambda one: (one.closeness != 1, -one.texts, one.word))
    return tuple(_first_words(meant))


def _first_words(words: Sequence[Meant]) -> list[Meant]:
    """Return the first words, and of the following ones those that fit: few enough texts."""
    chosen: list[Meant] = []
    texts = 0
    for one in words:
        if not chosen or (len(chosen) < _MOST_WORDS and texts + one.texts <= _MOST_TEXTS):
            chosen.append(one)
            texts += one.texts
    return chosen
