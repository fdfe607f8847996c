"""Filters: what a clause of a query means, as nodes of a plan.

What `filter(col=value)` looks up depends on what the column's index holds. There are four ways, in
the table `_WAYS`: words that one of rom's own keygens made, the two words of a Boolean, numbers,
and whatever a program's own keygen returns, where the kind of the value asked decides. Everything
wrong is wrong here, with a QueryError that says what to do.
"""

from __future__ import annotations

import datetime
import decimal
import math
from collections.abc import Callable
from typing import Any, Final, NoReturn, TypeAlias

from rom.columns import Boolean, Column, Integer, PrimaryKey, String
from rom.encoding.keygens import TRAITS
from rom.encoding.scores import nearest_double, write_score
from rom.encoding.text import as_bytes
from rom.entries import Word, prefix_stem, suffix_stem, whole_stem
from rom.exceptions import InvalidColumnValue, QueryError
from rom.query.patterns import EncodedToken, parse
from rom.query.plan import All, AnyOf, Exact, InRange, InSet, Node, StartsWith
from rom.schema import Schema

# From here on, a double stands for several integers.
_INEXACT = 2.0**53
_DIGITS = Integer()
_EVERYTHING = (b'-inf', b'+inf')

#: In a filter, any entity that a relation may refer to.
NOT_NULL: Final = object()

_Asked: TypeAlias = 'Callable[[Clause, Any], Node]'


class Clause:
    """One column of a query's clause, and how to say what is wrong with it.

    Args:
        schema: the model's.
        method: the name of the query's method.
        name: the column's name; for `filter`, also that of a sub-index, as in 'col:x'.

    Raises:
        QueryError: no such column.
    """

    def __init__(self, schema: Schema, method: str, name: str) -> None:
        self.schema = schema
        self.method = method
        self.name = name
        base, _, self.part = name.partition(':')
        found = schema.columns.get(base)
        if found is None:
            self.wrong(
                f'the model has no column {base!r}; it has {", ".join(schema.columns)}', None
            )
        self.column: Column[Any] = found

    def wrong(self, what: str, value: Any = ...) -> NoReturn:
        """Raise the error for this clause."""
        asked = '' if value is ... or value is None else f'={value!r}'
        raise QueryError(
            f'{self.schema.name}.query.{self.method}({self.name}{asked}): {what}'
        ) from None

    def need_index(self, *options: str) -> None:
        """Raise unless the column has one of these kinds of index."""
        if not any(getattr(self.column, option) for option in options):
            wanted = ' or '.join(f'{option}=True' for option in options)
            self.wrong(f'the column has no such index; declare it with {wanted}')

    @property
    def numbers_key(self) -> bytes:
        """The key of the numeric index that is meant."""
        return self.schema.keys.scores(self.name)


# filter


def filtered(schema: Schema, name: str, value: Any) -> Node:
    """The node for `filter(name=value)`.

    Raises:
        QueryError: no such column or index, or a value that makes no sense there.
    """
    clause = Clause(schema, 'filter', name)
    clause.need_index('index')
    way = _numbers if clause.part else _way_of(clause)
    try:
        if isinstance(value, (list, set, frozenset)):
            return AnyOf(tuple(way(clause, item) for item in value))
        return way(clause, value)
    except (InvalidColumnValue, UnicodeEncodeError, ValueError, TypeError, OverflowError) as error:
        clause.wrong(str(error), value)


def _way_of(clause: Clause) -> _Asked:
    column = clause.column
    if column.keygen or column.keygen2:
        return _WAYS['words' if column.keygen in TRAITS else 'anything']
    return _WAYS['truth' if isinstance(column, Boolean) else 'numbers']


def _words(clause: Clause, value: Any) -> Node:
    column = clause.column
    if column.traits.sorts:
        clause.wrong(
            f'the index of {column.keygen.__name__} sorts, and cannot be searched; '  # type: ignore[union-attr]
            'use keygen=IDENTITY, or prefix=True and startswith()',
            value,
        )
    asked = asked_word(clause, value)
    found = column.keygen(asked) if column.keygen else None
    nodes = tuple(InSet(clause.schema.keys.word(clause.name, word)) for word in found or ())
    return All(nodes) if nodes else AnyOf()


def _truth(clause: Clause, value: Any) -> Node:
    if value is None or isinstance(value, tuple):
        clause.wrong('a Boolean is True or False', value)
    return InSet(clause.schema.keys.word(clause.name, str(bool(value))))


def _anything(clause: Clause, value: Any) -> Node:
    if isinstance(value, (str, bytes)):
        word = asked_word(clause, value)
        return InSet(clause.schema.keys.word(clause.name, word))
    return _numbers(clause, value)


def _numbers(clause: Clause, value: Any) -> Node:
    if value is NOT_NULL:
        if not _has_ids(clause.column):
            clause.wrong('NOT_NULL is for relations; (None, None) finds all that have a value')
        value = (None, None)
    if not isinstance(value, tuple):
        if value is None:
            clause.wrong('None is no value; (None, None) finds all that have one', 'None')
        score, exact = _number(clause, value)
        return _range(clause, (score, score), (exact, exact))
    if len(value) != 2:
        clause.wrong(
            f'a range is a tuple of 2 endpoints, (low, high), None being an open end; '
            f'this one has {len(value)}. For any of several values, pass a list',
            value,
        )
    low, high = (None if bound is None else _number(clause, bound) for bound in value)
    scores = (
        _EVERYTHING[0] if low is None else low[0],
        _EVERYTHING[1] if high is None else high[0],
    )
    return _range(clause, scores, (low and low[1], high and high[1]))


def _range(
    clause: Clause, scores: tuple[bytes, bytes], exact: tuple[bytes | None, bytes | None]
) -> InRange:
    if exact == (None, None):
        return InRange(clause.numbers_key, *scores)
    field = b'' if isinstance(clause.column, PrimaryKey) else as_bytes(clause.column.name)
    return InRange(clause.numbers_key, *scores, Exact(field, *exact))


def _number(clause: Clause, value: Any) -> tuple[bytes, bytes | None]:
    """A bound as a score; and its digits, where the score says less than they do."""
    column: Any = clause.column
    own = not clause.part and column.is_numeric
    if own and _has_ids(column):
        value = column.id_of(value)
    score = column.score(value) if own else _plain_score(clause, value)
    if math.isnan(score):
        clause.wrong('NaN has no place in an index', value)
    exact = None
    if own and column.is_wide and not column.keygen and not column.keygen2:
        exact = _digits(column, value, score)
    return write_score(score), exact


def _has_ids(column: Column[Any]) -> bool:
    return column.is_relation or column.is_foreign


def _digits(column: Column[Any], value: Any, score: float) -> bytes | None:
    if abs(score) < _INEXACT or value in (math.inf, -math.inf):
        return None
    is_id = _has_ids(column) or isinstance(value, float)
    whole = int(value) if is_id else column.decode(column.encode(int(value)))
    return _DIGITS.encode(whole)


def _plain_score(clause: Clause, value: Any) -> float:
    """The number for an index of which only the keygen knows what it holds."""
    if isinstance(value, bool) or not isinstance(value, (int, float, decimal.Decimal)):
        if isinstance(value, (datetime.date, datetime.time)) and clause.column.is_numeric:
            return clause.column.score(value)
        clause.wrong(f'this index holds numbers, and {type(value).__name__} is none', value)
    return nearest_double(value) if isinstance(value, int) else float(value)


_WAYS: dict[str, _Asked] = {
    'words': _words,
    'truth': _truth,
    'numbers': _numbers,
    'anything': _anything,
}


# startswith, endswith, like


def starting(schema: Schema, name: str, value: Any) -> Node:
    """The node for `startswith(name=value)`.

    Raises:
        QueryError: no such column, no prefix index, or no string.
    """
    clause = Clause(schema, 'startswith', name)
    clause.need_index('prefix')
    stem = _stem_of(clause.column)
    return StartsWith(
        schema.keys.prefixes(name),
        _encoded(clause, stem, value, asked_word(clause, value)),
        many=has_many(clause.column),
    )


def ending(schema: Schema, name: str, value: Any) -> Node:
    """The node for `endswith(name=value)`.

    Raises:
        QueryError: no such column, no suffix index, or no string.
    """
    clause = Clause(schema, 'endswith', name)
    clause.need_index('suffix')
    return StartsWith(
        schema.keys.suffixes(name),
        _encoded(clause, suffix_stem, value, asked_word(clause, value)),
        many=has_many(clause.column),
    )


def alike(schema: Schema, name: str, value: Any) -> Node:
    """The node for `like(name=pattern)`.

    Raises:
        QueryError: no such column, no prefix index, or no string.
    """
    clause = Clause(schema, 'like', name)
    clause.need_index('prefix')
    word = asked_word(clause, value)
    stem = _stem_of(clause.column)
    is_bytes = isinstance(word, bytes)

    def encoded(text: str) -> bytes:
        return _encoded(clause, stem, value, text.encode('latin-1') if is_bytes else text)

    head, tokens = parse(word.decode('latin-1') if isinstance(word, bytes) else word)
    return StartsWith(
        schema.keys.prefixes(name),
        encoded(head),
        tuple(EncodedToken(token.least, token.most, encoded(token.text)) for token in tokens),
        raw=is_bytes and stem is prefix_stem,
        many=has_many(clause.column),
    )


def _encoded(clause: Clause, stem: Callable[[Word], bytes], value: Any, word: Word) -> bytes:
    try:
        return stem(word)
    except InvalidColumnValue as error:
        clause.wrong(str(error), value)


def _stem_of(column: Column[Any]) -> Callable[[Word], bytes]:
    return whole_stem if column.traits.sorts else prefix_stem


def index_string(column: Column[Any], value: Word) -> bytes:
    """How a whole value of a column stands in its prefix index, by which it is sorted."""
    return _stem_of(column)(_as_kept(column, value))


def has_many(column: Column[Any]) -> bool:
    """An entity may have several strings in this column's prefix and suffix indexes."""
    return column.keygen2 is not None or column.traits.splits


def asked_word(clause: Clause, value: Any) -> Word:
    """A string as the column's keygen would have it before it splits it.

    Raises:
        QueryError: no string, or not one of this column.
    """
    if not isinstance(value, (str, bytes)):
        clause.wrong(f'this index holds words, and {type(value).__name__} is none', repr(value))
    try:
        return _as_kept(clause.column, value)
    except (UnicodeEncodeError, UnicodeDecodeError) as error:
        clause.wrong(f'no value of this column could be that: {error}', value)


def _as_kept(column: Column[Any], word: Word) -> Word:
    traits = column.traits
    if isinstance(column, String) and isinstance(word, str):
        word = word.encode('latin-1')
    elif not isinstance(column, String) and isinstance(word, bytes) and column.keygen in TRAITS:
        word = word.decode('utf-8')
    if isinstance(word, bytes) and traits.lowers and traits.splits:
        word = word.decode('latin-1')
    if traits.lowers:
        word = word.lower()
    if traits.reads_bytes and isinstance(word, str):
        word = word.encode('latin-1')
    return word
