"""Strings: what `startswith`, `endswith`, `like` and their opposites mean, as nodes of a plan.

All of them are a range of an index of strings: what begins with some bytes. A suffix index has its
strings reversed, and a pattern leaves to the server what follows the text that it begins with.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rom.columns import Column
from rom.encoding.text import as_bytes
from rom.entries import Word, prefix_stem, suffix_stem, whole_stem
from rom.exceptions import InvalidColumnValue
from rom.query.clause import Clause, as_kept, asked_word
from rom.query.patterns import EncodedToken, parse
from rom.query.plan import Node, StartsWith, Whole
from rom.schema import Schema


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
        whole=_whole(clause.column),
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
        whole=_whole(clause.column, turned=True),
    )


def not_starting(schema: Schema, name: str, values: Any) -> Node:
    """The node for `does_not_startwith(name=values)`.

    Raises:
        QueryError: no such column, no prefix index, or no strings.
    """
    clause = Clause(schema, 'does_not_startwith', name)
    clause.need_index('prefix')
    return StartsWith(
        schema.keys.prefixes(name),
        b'',
        whole=_whole(clause.column),
        without=_heads(clause, _stem_of(clause.column), values),
    )


def not_ending(schema: Schema, name: str, values: Any) -> Node:
    """The node for `does_not_endwith(name=values)`.

    Raises:
        QueryError: no such column, no suffix index, or no strings.
    """
    clause = Clause(schema, 'does_not_endwith', name)
    clause.need_index('suffix')
    return StartsWith(
        schema.keys.suffixes(name),
        b'',
        whole=_whole(clause.column, turned=True),
        without=_heads(clause, suffix_stem, values),
    )


def _heads(clause: Clause, stem: Callable[[Word], bytes], values: Any) -> tuple[bytes, ...]:
    """One string, or any number of them, as they stand in the index."""
    several = values if isinstance(values, (list, tuple, set, frozenset)) else [values]
    return tuple(_encoded(clause, stem, value, asked_word(clause, value)) for value in several)


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
        whole=_whole(clause.column),
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
    return _stem_of(column)(as_kept(column, value))


def has_many(column: Column[Any]) -> bool:
    """An entity may have other strings in the prefix and suffix indexes than its whole value."""
    return column.keygen2 is not None or column.traits.splits or not column.is_string


def _whole(column: Column[Any], turned: bool = False) -> Whole | None:
    if has_many(column):
        return None
    return Whole(as_bytes(column.name), column.traits.lowers, turned)
