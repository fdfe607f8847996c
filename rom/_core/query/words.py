"""Compilation of `search` to a node of a plan: the words of a text in ranked columns."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final, Literal, NamedTuple, TypeAlias, get_args

from rom._core.encoding.plain_values import plain
from rom._core.encoding.terms import folded_words, term
from rom._core.encoding.text import show, show_name, show_names
from rom._core.query.filter_labels import FilterLabel
from rom._core.query.nodes import AnyOf, Term, Words
from rom._core.schema import Schema
from rom.exceptions import QueryError

Match: TypeAlias = Literal['all', 'any']
#: The columns of a search: a name, several names, or weights by name; None: all ranked columns.
Columns: TypeAlias = 'str | Iterable[str] | Mapping[str, float] | None'

#: The maximum number of different words of a search, and of characters of its text.
MOST_WORDS: Final = 64
MOST_CHARACTERS: Final = 10_000
# Words of at least so many characters may be one edit away, and two.
_ONE_EDIT, _TWO_EDITS = 3, 8
_MOST_EDITS: Final = 2


class SearchOptions(NamedTuple):
    """The arguments of `search`, as a program gave them.

    Attributes:
        text: the text to search for.
        weights: the weight of each column.
        match: whether a result has all words, or any of them.
        prefix_last: the last word may be the start of a word.
        fuzzy: the number of edits, or True: by the length of each word.
    """

    text: str
    weights: tuple[tuple[str, float], ...]
    match: Match
    prefix_last: bool
    fuzzy: bool | int

    def edits(self, word: str) -> int:
        """Return the number of edits that may separate a word of the text from a stored one."""
        usual = 0 if len(word) < _ONE_EDIT else 1 if len(word) < _TWO_EDITS else _MOST_EDITS
        return usual if self.fuzzy is True else min(int(self.fuzzy), usual)


def searching(
    schema: Schema,
    text: object,
    columns: Columns,
    match: object,
    prefix_last: object,
    fuzzy: object,
    stem: object,
) -> Words | AnyOf:
    """Return the node for `search(...)`; a text without words matches nothing.

    Raises:
        QueryError: an argument that is not valid there.
    """
    where = f'{schema.name}.query.search({show(text)})'
    given = plain(text)
    if not isinstance(given, str):
        raise QueryError(f'{where}: expected a str, got {type(text).__name__}')
    if len(given) > MOST_CHARACTERS:
        raise QueryError(
            f'{where}: expected at most {MOST_CHARACTERS:,} characters, got {len(given):,}; cut it'
        )
    if match not in get_args(Match):
        raise QueryError(f"{where}: expected match to be 'all' or 'any', got {show(match)}")
    if not isinstance(fuzzy, int) or not 0 <= fuzzy <= _MOST_EDITS:
        raise QueryError(
            f'{where}: expected fuzzy to be True, False or a number of edits, at most '
            f'{_MOST_EDITS}, got {show(fuzzy)}'
        )
    weights = _weights(schema, where, columns)
    _check_stem(schema, where, weights, stem)
    options = SearchOptions(given, weights, match, bool(prefix_last), fuzzy)  # type: ignore[arg-type]
    terms = _terms(schema, options)
    label = FilterLabel(', '.join(name for name, _ in weights), 'search', options)
    if not terms:
        return AnyOf()
    if len(terms) > MOST_WORDS:
        raise QueryError(
            f'{where}: expected at most {MOST_WORDS} different words, got {len(terms)}; cut it'
        )
    heads = tuple((schema.ranks[name].head, weight) for name, weight in weights)
    return Words(options.match, heads, terms, label)


def _terms(schema: Schema, options: SearchOptions) -> tuple[Term, ...]:
    """Return the terms of a search; a repeated word counts as often as it occurs."""
    languages = [schema.ranks[name].language for name, _ in options.weights]
    found = Counter[tuple[tuple[bytes, ...], bool, int]]()
    words = folded_words(options.text)
    for place, word in enumerate(words, 1):
        stems = tuple(term(word, language).encode('utf-8') for language in languages)
        is_prefix = options.prefix_last and place == len(words)
        found[stems, is_prefix, options.edits(word)] += 1
    return tuple(Term(times, *key) for key, times in found.items())


def _weights(schema: Schema, where: str, columns: Columns) -> tuple[tuple[str, float], ...]:
    if not schema.ranks:
        raise QueryError(f'{where}: no column of the model is ranked; declare one with rank=True')
    if columns is None:
        return tuple((name, 1.0) for name in schema.ranks)
    if isinstance(columns, str):
        columns = (columns,)
    if not isinstance(columns, Iterable):
        raise QueryError(f'{where}: expected columns to be names, got {show(columns)}')
    given = dict(columns) if isinstance(columns, Mapping) else dict.fromkeys(columns, 1.0)
    for name, weight in given.items():
        if not isinstance(name, str) or name not in schema.ranks:
            raise QueryError(
                f'{where}: {show_name(name) if isinstance(name, str) else show(name)} is not a '
                f'ranked column; the model has {show_names(schema.ranks)}. Declare it with '
                'rank=True'
            )
        is_number = isinstance(weight, (int, float)) and not isinstance(weight, bool)
        if not is_number or not 0 < weight <= 1e6 or math.isnan(weight):
            raise QueryError(
                f'{where}: expected the weight of {show_name(name)} to be a number above 0, up to '
                f'1,000,000, got {show(weight)}'
            )
    if not given:
        raise QueryError(f'{where}: expected at least one column; leave columns out for all')
    return tuple((name, float(weight)) for name, weight in given.items())


def _check_stem(
    schema: Schema, where: str, weights: Iterable[tuple[str, float]], stem: object
) -> None:
    """Refuse a language of stems that is not that of the columns: their words are stored so."""
    for name, _ in weights:
        language = schema.ranks[name].language
        if stem is not None and stem != language:
            raise QueryError(
                f'{where}: {show_name(name)} has {language or "no"} stems, expected {show(stem)}; '
                'declare the column with that stem and reindex, or leave stem out'
            )
