"""Compilation of `startswith`, `endswith`, `like` and their opposites to nodes of a plan.

Each is a range of an index of strings: all that start with some bytes. A suffix index holds its
strings reversed. For a pattern, the index finds its literal start, and the server matches the rest.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from rom._core.columns import Column
from rom._core.encoding.keys import Keys
from rom._core.encoding.stems import Word, prefix_stem, suffix_stem, whole_stem
from rom._core.query.clause import Clause, as_kept, asked_word
from rom._core.query.filter_labels import FilterLabel, Sign
from rom._core.query.nodes import Node, StartsWith, Whole
from rom._core.schema import Schema
from rom.exceptions import InvalidColumnValue


class _Side(NamedTuple):
    """One of the two indexes of strings.

    Attributes:
        option: the option that declares it on a column.
        key: returns the key of a column's index.
        stem: returns the function that encodes a column's string as in the index.
        turned: the strings are reversed.
        begins, differs: the comparison in a filter's label, and its opposite.
    """

    option: str
    key: Callable[[Keys, str], bytes]
    stem: Callable[[Column[Any]], Callable[[Word], bytes]]
    turned: bool
    begins: Sign
    differs: Sign


def starting(schema: Schema, name: str, value: Any) -> Node:
    """Return the node for `startswith(name=value)`.

    Raises:
        QueryError: no such column, no prefix index, or a value that is not a string.
    """
    return _begins(Clause(schema, 'startswith', name).of_elements(), _PREFIX, value)


def ending(schema: Schema, name: str, value: Any) -> Node:
    """Return the node for `endswith(name=value)`.

    Raises:
        QueryError: no such column, no suffix index, or a value that is not a string.
    """
    return _begins(Clause(schema, 'endswith', name).of_elements(), _SUFFIX, value)


def not_starting(schema: Schema, name: str, values: Any) -> Node:
    """Return the node for `does_not_startwith(name=values)`.

    Raises:
        QueryError: no such column, no prefix index, or a value that is not a string.
    """
    return _begins_otherwise(
        Clause(schema, 'does_not_startwith', name).of_elements(), _PREFIX, values
    )


def not_ending(schema: Schema, name: str, values: Any) -> Node:
    """Return the node for `does_not_endwith(name=values)`.

    Raises:
        QueryError: no such column, no suffix index, or a value that is not a string.
    """
    return _begins_otherwise(
        Clause(schema, 'does_not_endwith', name).of_elements(), _SUFFIX, values
    )


def like_node(schema: Schema, name: str, value: Any) -> Node:
    """Return the node for `like(name=pattern)`.

    Raises:
        QueryError: no such column, no prefix index, a value that is not a string, or a pattern
            that is too long.
    """
    from rom._core.query.like_patterns import EncodedToken, parse, why_too_long

    clause = Clause(schema, 'like', name).of_elements()
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
    node = _node(clause, _PREFIX, encoded(head), FilterLabel(clause.name, 'like', value))
    return node._replace(
        pattern=tuple(EncodedToken(t.least, t.most, encoded(t.text)) for t in tokens),
        raw=is_bytes and stem is prefix_stem,
    )


def _begins(clause: Clause, side: _Side, value: Any) -> Node:
    clause.need_index(side.option)
    label = FilterLabel(clause.name, side.begins, value)
    return _node(clause, side, _as_indexed(clause, side, value), label)


def _begins_otherwise(clause: Clause, side: _Side, values: Any) -> Node:
    """Return the node for strings that start with none of these: one, or a list of them."""
    clause.need_index(side.option)
    several = values if isinstance(values, (list, tuple, set, frozenset)) else [values]
    without = tuple(_as_indexed(clause, side, value) for value in several)
    label = FilterLabel(clause.name, side.differs, tuple(several))
    return _node(clause, side, b'', label)._replace(without=without)


def _node(clause: Clause, side: _Side, head: bytes, label: FilterLabel) -> StartsWith:
    key = side.key(clause.schema.keys, clause.name)
    return StartsWith(key, head, whole=_whole(clause, side.turned), label=label)


def _as_indexed(clause: Clause, side: _Side, value: Any) -> bytes:
    return _encoded(clause, side.stem(clause.column), value, asked_word(clause, value))


def _encoded(clause: Clause, stem: Callable[[Word], bytes], value: Any, word: Word) -> bytes:
    try:
        return stem(word)
    except InvalidColumnValue as error:
        clause.wrong(str(error), value)


def _stem_of(column: Column[Any]) -> Callable[[Word], bytes]:
    return whole_stem if column.traits.sorts else prefix_stem


def index_string(column: Column[Any], value: Any) -> bytes:
    """Return a whole value of a column as its prefix index holds and sorts it."""
    return _stem_of(column)(as_kept(column, column.indexed(value)))


def has_many(column: Column[Any]) -> bool:
    """Return whether the index may hold other strings of an entity than its whole value."""
    is_single = column.is_string and not column.is_element and not column.traits.splits
    return column.keygen2 is not None or not is_single


def _whole(clause: Clause, turned: bool) -> Whole | None:
    column = clause.column
    if has_many(column):
        return None
    return Whole(clause.schema.keys.field(column.name), column.traits.lowers, turned)


_PREFIX = _Side('prefix', Keys.prefixes, _stem_of, False, 'starts with', 'does not start with')
_SUFFIX = _Side(
    'suffix', Keys.suffixes, lambda column: suffix_stem, True, 'ends with', 'does not end with'
)
