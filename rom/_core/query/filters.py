"""Compilation of `filter` clauses to nodes of a plan.

The key that `filter(col=value)` looks up depends on the index of the column. There are six ways:
words of one of the keygens of rom, the two words of a Boolean, links, words of another column
without a keygen, numbers, and the results of the program's own keygen, where the type of the value
decides.

All errors are raised here, as a QueryError with the remedy.
"""

import datetime
import decimal
import math
from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeAlias

from rom._core.columns import Boolean, PrimaryKey
from rom._core.columns.links import ANY
from rom._core.encoding.keygens import TRAITS
from rom._core.encoding.plain_values import plain
from rom._core.encoding.scores import nearest_double, write_score
from rom._core.encoding.stems import Word
from rom._core.encoding.text import as_bytes
from rom._core.query.clause import Clause, asked_word
from rom._core.query.filter_labels import FilterLabel, Sign
from rom._core.query.id_filters import compared_ids, is_of_ids, with_ids
from rom._core.query.nodes import All, AnyOf, Exact, InRange, InSet, Node
from rom._core.query.relation_filters import related_to
from rom._core.query.relation_nodes import Related
from rom._core.query.reverse_filters import is_of_entities, linked_from
from rom._core.query.unique_values import is_by_unique, with_unique
from rom._core.schema import Schema
from rom.exceptions import InvalidColumnValue

# From here on, one double stands for several integers.
_INEXACT = 2.0**53
_EVERYTHING = (b'-inf', b'+inf')

#: In a filter on a relation or on links: any entity.
NOT_NULL: Final = object()

# The errors that a column may raise for a value that is not valid for it.
_NO_VALUE = (InvalidColumnValue, UnicodeEncodeError, ValueError, TypeError, OverflowError)

#: Returns the node for a value of a column with one kind of index.
_Way: TypeAlias = 'Callable[[Clause, Any], Node]'


def filtered(schema: Schema, name: str, value: Any, method: str = 'filter') -> Node:
    """Return the node for `filter(name=value)`; errors name the method.

    Raises:
        QueryError: no such column or index, or a value that is not valid for it.
    """
    rule: _Rule | None = schema.memo.get((filtered, method, name))
    if rule is None:
        if name in schema.lists:
            return _in_list(schema, name, value, method)
        rule = _rule_for(schema, name, method)
    clause, way, given = rule
    try:
        if given is None:
            return way(clause, value)
        if isinstance(value, (list, set, frozenset)):
            return AnyOf(tuple(way(clause, given(item)) for item in value))
        return way(clause, given(value))
    except _NO_VALUE as error:
        clause.wrong(str(error), value)


class _Rule(NamedTuple):
    """The common part of all filters of a column.

    Attributes:
        clause: the column.
        way: returns the node for a value.
        given: makes a value plain; None: the way takes lists and any values as they are given.
    """

    clause: Clause
    way: _Way
    given: Callable[[Any], Any] | None


def _rule_for(schema: Schema, name: str, method: str) -> _Rule:
    """Return the rule for a column, and keep it, unless the name has a part that a user chose."""
    clause = Clause(schema, method, name).of_elements()
    if is_of_ids(clause):
        rule = _Rule(clause, with_ids, None)
    elif is_by_unique(clause):
        rule = _Rule(clause, with_unique, None)
    else:
        clause.need_index('index')
        # A column with values of its own tells members of its enum from those of others.
        given = plain if clause.column.indexes_itself else _same
        rule = _Rule(clause, _numbers if clause.part else _way_of(clause), given)
    if not clause.part:
        schema.memo[filtered, method, name] = rule
    return rule


def _in_list(schema: Schema, name: str, value: Any, method: str) -> Node:
    """Return the node for the entities in whose list of others an entity is."""
    if value is NOT_NULL:
        return Related(name, schema.lists[name].get_related_model(), All())
    if not is_of_entities(schema, name, value):
        return related_to(schema, method, name, value)
    found = linked_from(schema, method, name, value)
    return filtered(schema, schema.primary, found) if isinstance(found, list) else found


def compared(schema: Schema, name: str, sign: str, value: Any) -> Node:
    """Return the node for a comparison by order: `<`, `<=`, `>`, `>=` or 'between'.

    Raises:
        QueryError: no such column, no index of numbers, or a value that is not valid for it.
    """
    clause = Clause(schema, 'where', name)
    if is_of_ids(clause):
        try:
            return compared_ids(clause, sign, value)
        except _NO_VALUE as error:
            clause.wrong(str(error), value)
    clause.need_index('index')
    if _has_ids(clause.column):
        clause.wrong(f'{sign}: a relation is one entity or another, and none is larger', value)
    if _way_of(clause) in (_words, _truth, _values, _links):
        clause.wrong(f'{sign}: its index holds no numbers; it has ==, != and .in_([...])', value)
    try:
        if sign in ('<', '>'):
            return _beyond(clause, '<' if sign == '<' else '>', value)
        return _numbers(clause, {'<=': (None, value), '>=': (value, None)}.get(sign, value))
    except _NO_VALUE as error:
        clause.wrong(str(error), value)


def _same(value: Any) -> Any:
    return value


def _way_of(clause: Clause) -> _Way:
    column = clause.column
    if column.is_links:
        return _links
    if column.keygen or column.keygen2:
        return _words if column.keygen in TRAITS else _anything
    if column.is_numeric:
        return _numbers
    return _truth if isinstance(column, Boolean) else _values


def _words(clause: Clause, value: Any) -> Node:
    column = clause.column
    if column.traits.sorts:
        clause.wrong(
            f'the index of {column.keygen.__name__} sorts, and cannot be searched; '  # type: ignore[union-attr]
            'use keygen=IDENTITY, or prefix=True and startswith()',
            value,
        )
    is_word = column.is_string and column.indexes_itself
    asked = asked_word(clause, value) if is_word else column.indexed(column.check(value))
    found = column.keygen(asked) if column.keygen else None
    words = tuple(found or ())
    if len(words) == 1 and not column.traits.splits:
        return _has_word(clause, words[0], FilterLabel(clause.name, clause.sign, value))
    nodes = [_has_word(clause, word, FilterLabel(clause.name, 'word', word)) for word in words]
    return nodes[0] if len(nodes) == 1 else All(tuple(nodes)) if nodes else AnyOf()


def _has_word(clause: Clause, word: Word, label: FilterLabel) -> InSet:
    return InSet(clause.words % as_bytes(word), label)


def _truth(clause: Clause, value: Any) -> Node:
    if value is None or isinstance(value, tuple):
        clause.wrong('a Boolean is True or False', value)
    truth = bool(value)
    return _has_word(clause, str(truth), FilterLabel(clause.name, clause.sign, truth))


def _values(clause: Clause, value: Any) -> Node:
    """Return the node for a value of a column whose index has words without a keygen."""
    column = clause.column
    if value is None or isinstance(value, tuple):
        what = 'one element or a list of them; its index has no ranges' if column.is_element else ''
        clause.wrong(f'expected {what or column.kind}', value)
    checked = column.check(value)
    label = FilterLabel(clause.name, clause.sign, checked)
    words = tuple(column.default_keys(checked) or ())
    nodes = [_has_word(clause, word, label) for word in words]
    return nodes[0] if len(nodes) == 1 else All(tuple(nodes)) if nodes else AnyOf()


def _links(clause: Clause, value: Any) -> Node:
    """Return the node for the rows with a link to an entity."""
    column: Any = clause.column
    if value is NOT_NULL:
        return _has_word(clause, ANY, FilterLabel(clause.name, 'between', (None, None)))
    if value is None or isinstance(value, tuple):
        clause.wrong('expected an entity or its id, or a list of them', value)
    id = column.id_of(value)
    return _has_word(clause, b'%d' % id, FilterLabel(clause.name, '=', id))


def _anything(clause: Clause, value: Any) -> Node:
    column = clause.column
    if not column.indexes_itself and isinstance(value, column.accepts):
        value = column.indexed(column.check(value))
    if isinstance(value, (str, bytes)):
        word = asked_word(clause, value)
        return _has_word(clause, word, FilterLabel(clause.name, clause.sign, value))
    if column.is_element:
        clause.wrong(f'expected {column.kind}, or a list of them', value)
    return _numbers(clause, value)


def _numbers(clause: Clause, value: Any) -> Node:
    if value is NOT_NULL:
        if not _has_ids(clause.column):
            clause.wrong('NOT_NULL is for relations; (None, None) finds all that have a value')
        value = (None, None)
    if not isinstance(value, tuple):
        if value is None:
            clause.wrong('None is no value; (None, None) finds all that have one', None)
        column = clause.column
        within = column.as_range(value) if column.takes_ranges and not clause.part else None
        if within is not None:
            (lowest, first), (highest, last) = (_number(clause, end) for end in within)
            label = FilterLabel(clause.name, '=', value)
            return _range(clause, (lowest, highest), (first, last), label)
        score, exact = _number(clause, _as_set(clause, value))
        label = FilterLabel(clause.name, '=', _labelled(clause, value))
        return _range(clause, (score, score), (exact, exact), label)
    low, high = clause.ends_of_range(value)
    (lowest, first) = (_EVERYTHING[0], None) if low is None else _number(clause, low)
    (highest, last) = (_EVERYTHING[1], None) if high is None else _number(clause, high)
    label = FilterLabel(clause.name, 'between', _labelled(clause, value))
    return _range(clause, (lowest, highest), (first, last), label)


def _as_set(clause: Clause, value: Any) -> Any:
    """Return a value as the column keeps it, rounded as when it was set, so that it is found."""
    column = clause.column
    is_own = not clause.part and column.is_numeric and not column.keygen and not column.keygen2
    if not is_own or _has_ids(column):
        return value
    try:
        return column.check(value)
    except InvalidColumnValue:
        if column.every_value is not None:
            raise
        return value  # not a possible value, as 0.5 for an Integer: nothing matches


def _labelled(clause: Clause, value: Any) -> Any:
    """Return the id in place of an entity, so that a query keeps no entity alive."""
    column: Any = clause.column
    if clause.part or not _has_ids(column):
        return value
    if isinstance(value, tuple):
        return tuple(None if bound is None else column.id_of(bound) for bound in value)
    return column.id_of(value)


def _beyond(clause: Clause, sign: Sign, value: Any) -> Node:
    """Return a range without its bound, which ends at the next integer or double."""
    score, digits = _number(clause, value)
    label = FilterLabel(clause.name, sign, value)
    step, end = (-1, -math.inf) if sign == '<' else (1, math.inf)
    if digits is not None:
        number = int(digits) + step
        double = nearest_double(number)
        score, digits = write_score(double), b'%d' % number if abs(double) >= _INEXACT else None
    elif float(score) == end:
        return AnyOf()
    else:
        score = write_score(math.nextafter(float(score), end))
    if sign == '<':
        return _range(clause, (_EVERYTHING[0], score), (None, digits), label)
    return _range(clause, (score, _EVERYTHING[1]), (digits, None), label)


def _range(
    clause: Clause,
    scores: tuple[bytes, bytes],
    exact: tuple[bytes | None, bytes | None],
    label: FilterLabel,
) -> InRange:
    if exact == (None, None):
        return InRange(clause.numbers_key, *scores, None, label)
    column = clause.column
    field = b'' if isinstance(column, PrimaryKey) else clause.schema.keys.field(column.name)
    return InRange(clause.numbers_key, *scores, Exact(field, *exact), label)


def _number(clause: Clause, value: Any) -> tuple[bytes, bytes | None]:
    """Return the score of a bound, and its digits if the score is not exact."""
    column: Any = clause.column
    value = plain(value)
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


def _has_ids(column: Any) -> bool:
    return bool(column.is_relation or column.is_foreign)


def _digits(column: Any, value: Any, score: float) -> bytes | None:
    if abs(score) < _INEXACT or value in (math.inf, -math.inf):
        return None
    is_id = _has_ids(column)
    return b'%d' % (value if is_id else column.indexed(column.check(value)))


def _plain_score(clause: Clause, value: Any) -> float:
    """Return the score of a value in an index of the program's own keygen."""
    if isinstance(value, bool) or not isinstance(value, (int, float, decimal.Decimal)):
        if isinstance(value, (datetime.date, datetime.time)) and clause.column.is_numeric:
            return clause.column.score(value)
        got = type(value).__name__
        clause.wrong(f'this index holds numbers: expected int, float or Decimal, got {got}', value)
    return nearest_double(value) if isinstance(value, int) else float(value)
