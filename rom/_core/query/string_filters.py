"""Strings: what `startswith`, `endswith`, `like` and their opposites mean, as nodes of a plan.

All of them are a range of an index of strings: what begins with some bytes. A suffix index has its
strings reversed, and a pattern leaves to the server what follows the text that it begins with.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from rom._core.columns import Column
from rom._core.encoding.keys import Keys
from rom._core.encoding.text import as_bytes
from rom._core.indexing.column_index import Word, prefix_stem, suffix_stem, whole_stem
from rom._core.query.clause import Clause, as_kept, asked_word
from rom._core.query.filter_labels import Said, Sign
from rom._core.query.nodes import Node, StartsWith, Whole
from rom._core.schema import Schema
from rom.exceptions import InvalidColumnValue


class _Side(NamedTuple):
    """One of the two indexes of strings.

    Attributes:
        option: what a column is declared with to have it.
        key: of the index of a column.
        stem: how a column's string stands in it.
        turned: it has strings reversed.
        begins, differs: what a filter says of it.
    """

    option: str
    key: Callable[[Keys, str], bytes]
    stem: Callable[[Column[Any]], Callable[[Word], bytes]]
    turned: bool
    begins: Sign
    differs: Sign


def starting(schema: Schema, name: str, value: Any) -> Node:
    """The node for `startswith(name=value)`.

    Raises:
        QueryError: no such column, no prefix index, or no string.
    """
    return _begins(Clause(schema, 'startswith', name), _PREFIX, value)


def ending(schema: Schema, name: str, value: Any) -> Node:
    """The node for `endswith(name=value)`.

    Raises:
        QueryError: no such column, no suffix index, or no string.
    """
    return _begins(Clause(schema, 'endswith', name), _SUFFIX, value)


def not_starting(schema: Schema, name: str, values: Any) -> Node:
    """The node for `does_not_startwith(name=values)`.

    Raises:
        QueryError: no such column, no prefix index, or no strings.
    """
    return _begins_otherwise(Clause(schema, 'does_not_startwith', name), _PREFIX, values)


def not_ending(schema: Schema, name: str, values: Any) -> Node:
    """The node for `does_not_endwith(name=values)`.

    Raises:
        QueryError: no such column, no suffix index, or no strings.
    """
    return _begins_otherwise(Clause(schema, 'does_not_endwith', name), _SUFFIX, values)


def alike(schema: Schema, name: str, value: Any) -> Node:
    """The node for `like(name=pattern)`.

    Raises:
        QueryError: no such column, no prefix index, no string, or too long a pattern.
    """
    from rom._core.query.like_patterns import EncodedToken, parse, why_too_long

    clause = Clause(schema, 'like', name)
    clause.need_index('prefix')
    word = asked_word(clause, value)
    stem = _stem_of(clause.column)
    is_bytes = isinstance(word, bytes)

    def encoded(text: str) -> bytes:
        return _encoded(clause, stem, value, text.encode('latin-1') if is_bytes else text)

    pattern = word.decode('latin-1') if isinstance(word, bytes) else word
    too_long = why_too_long(pattern)
    if too_long:
        clause.wrong(too_long, value)
    head, tokens = parse(pattern)
    node = _node(clause, _PREFIX, encoded(head), Said(clause.name, 'like', value))
    return node._replace(
        pattern=tuple(EncodedToken(t.least, t.most, encoded(t.text)) for t in tokens),
        raw=is_bytes and stem is prefix_stem,
    )


def _begins(clause: Clause, side: _Side, value: Any) -> Node:
    clause.need_index(side.option)
    said = Said(clause.name, side.begins, value)
    return _node(clause, side, _as_indexed(clause, side, value), said)


def _begins_otherwise(clause: Clause, side: _Side, values: Any) -> Node:
    """With none of these: one string, or any number of them."""
    clause.need_index(side.option)
    several = values if isinstance(values, (list, tuple, set, frozenset)) else [values]
    without = tuple(_as_indexed(clause, side, value) for value in several)
    said = Said(clause.name, side.differs, tuple(several))
    return _node(clause, side, b'', said)._replace(without=without)


def _node(clause: Clause, side: _Side, head: bytes, said: Said) -> StartsWith:
    key = side.key(clause.schema.keys, clause.name)
    return StartsWith(key, head, whole=_whole(clause.column, side.turned), said=said)


def _as_indexed(clause: Clause, side: _Side, value: Any) -> bytes:
    return _encoded(clause, side.stem(clause.column), value, asked_word(clause, value))


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


def _whole(column: Column[Any], turned: bool) -> Whole | None:
    if has_many(column):
        return None
    return Whole(as_bytes(column.name), column.traits.lowers, turned)


_PREFIX = _Side('prefix', Keys.prefixes, _stem_of, False, 'starts with', 'does not start with')
_SUFFIX = _Side(
    'suffix', Keys.suffixes, lambda column: suffix_stem, True, 'ends with', 'does not end with'
)
