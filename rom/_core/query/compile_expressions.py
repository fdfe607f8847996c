"""Compilation of the expressions of `Query.where` to nodes of a plan.

Each comparison compiles to the node of the query method of its kind, so that both match the same
entities and raise the same errors. Two things are more: ``<`` and ``>`` exclude their bound (see
`rom._core.query.filters.compared`), and `is_none` matches the entities without an index entry.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from rom._core.columns import Column
from rom._core.columns.expressions import And, Compare, Expression, Not, Or, Through
from rom._core.columns.relation_paths import RelatedColumn, relation_in
from rom._core.encoding.keygens import TRAITS
from rom._core.encoding.text import show
from rom._core.query import nodes
from rom._core.query.clause import Clause
from rom._core.query.filters import NOT_NULL, compared, filtered
from rom._core.query.id_filters import is_of_ids
from rom._core.query.nodes import All, AnyOf, Node
from rom._core.query.relation_filters import related
from rom._core.query.string_filters import ending, like_node, starting
from rom._core.schema import Schema
from rom.exceptions import QueryError

#: The maximum nesting of ``& | ~``; a long chain of ``&`` or ``|`` alone is not nested. The
#: server's stack would allow somewhat more.
DEEPEST: Final = 100


def compile_expression(schema: Schema, expression: object, depth: int = 0) -> Node:
    """Return the node for an expression.

    Raises:
        QueryError: not an expression, or one of another model; no such index; a value that is not
            valid for the column.
    """
    if depth > DEEPEST:
        raise QueryError(
            f'{schema.name}.query.where(): & | ~ are nested more than {DEEPEST} deep; use '
            '.in_([...]), or put the expressions side by side'
        )
    match expression:
        case Compare():
            return _compared(schema, expression)
        case And(parts):
            return _joined(All, compile_all(schema, parts, depth + 1), parts)
        case Or(parts):
            several = (compile_expression(schema, p, depth + 1) for p in together(parts, Or))
            return _joined(AnyOf, tuple(several), parts)
        case Through(relation, inner):
            other = relation.get_related_model()
            where = compile_expression(other._schema, inner, depth + 1)
            return related(schema, 'where', relation, other, where)
        case Not(part):
            return _opposite(compile_expression(schema, part, depth + 1))
    expression = relation_in(expression)
    shown = f'the column {expression.name}' if isinstance(expression, Column) else show(expression)
    raise QueryError(
        f'{schema.name}.query.where(): {shown} is not an expression; compare a column with a '
        f'value, as in {schema.name}.{schema.primary} == 5'
    )


def compile_all(schema: Schema, parts: Sequence[Any], depth: int = 0) -> tuple[Node, ...]:
    """Return the nodes for expressions that must all hold.

    Raises:
        QueryError: as for `compile_expression`.
    """
    return tuple(compile_expression(schema, part, depth) for part in together(parts, And))


def together(parts: Sequence[Any], kind: type[And | Or]) -> list[Any]:
    """Return expressions with those over one relation as one, because they are about one entity.

    ``Author.books.title == 'A'`` and ``Author.books.year == 2001`` then ask for one book with
    both. And one search of the other model is enough.
    """
    places: dict[int, int] = {}
    joined: list[Any] = []
    for part in parts:
        place = places.get(id(part.relation)) if isinstance(part, Through) else None
        if place is not None:
            joined[place] = Through(part.relation, _both(joined[place].inner, part.inner, kind))
            continue
        if isinstance(part, Through):
            places[id(part.relation)] = len(joined)
        joined.append(part)
    return joined


def _joined(kind: type[All | AnyOf], several: tuple[Node, ...], parts: Sequence[Any]) -> Node:
    """Return nodes as one: the only one, if filters over one relation became that."""
    return several[0] if len(several) == 1 < len(parts) else kind(several)


def _both(one: Expression, other: Expression, kind: type[And | Or]) -> Expression:
    return one & other if kind is And else one | other


def _opposite(node: Node) -> Node:
    """Negate a node; a double negation is dropped, because a search can begin with a range."""
    return node.node if isinstance(node, nodes.Not) else nodes.Not(node)


def _compared(schema: Schema, asked: Compare) -> Node:
    clause = Clause(schema, 'where', asked.name)
    if clause.column is not asked.column:
        clause.wrong(f'this column is not that of {schema.name}, but one of another model')
    if clause.column.element is not None and asked.sign in _OF_SINGLE:
        clause.wrong(
            f'{asked.sign}: a {type(clause.column).__name__} is searched by its elements; use '
            '.contains(x), .overlaps(x, y) for any, .contains_all(x, y) for all'
        )
    values = asked.value if asked.sign in _OF_SEVERAL else (asked.value,)
    if asked.sign != 'is_none':
        for value in values:
            _check(clause, asked, value)
    return _SIGNS[asked.sign](schema, asked)


def _check(clause: Clause, asked: Compare, value: Any) -> None:
    """Raise for a value that `filter` takes as a range, or as several values."""
    if value is None:
        instead = '>= or <= for an open end' if asked.sign == 'between' else '.is_none()'
        clause.wrong(f'None is no value, and nothing compares with it; use {instead}', None)
    if isinstance(value, (tuple, list, set, frozenset)):
        if clause.column.element is not None:
            clause.wrong('expected an element; unpack several, as in .overlaps(*values)', value)
        clause.wrong(
            'one value is compared; use .in_([...]) for any of several, .between(a, b) for a range',
            value,
        )
    if isinstance(value, (Column, Expression, RelatedColumn)):
        clause.wrong('a column is compared with a value, not with another column', value)


def _equal(schema: Schema, asked: Compare) -> Node:
    return filtered(schema, asked.name, asked.value, 'where')


def _any_of(schema: Schema, asked: Compare) -> Node:
    return filtered(schema, asked.name, list(asked.value), 'where')


def _all_of(schema: Schema, asked: Compare) -> Node:
    found = tuple(filtered(schema, asked.name, value, 'where') for value in asked.value)
    return found[0] if len(found) == 1 else All(found)


def _in_order(schema: Schema, asked: Compare) -> Node:
    return compared(schema, asked.name, asked.sign, asked.value)


def _nothing(schema: Schema, asked: Compare) -> Node:
    """Return the node for the entities without an entry in an index that has all values."""
    clause = Clause(schema, 'where', asked.name)
    column, name = clause.column, asked.name
    if is_of_ids(clause):
        return AnyOf()
    clause.need_index('index', 'prefix', 'suffix')
    if column.is_links:
        return nodes.Not(filtered(schema, name, NOT_NULL, 'where'))
    if (column.keygen or column.keygen2) and column.keygen not in TRAITS:
        clause.wrong('is_none(): only its own keygen knows what the index has of a value')
    if column.index and column.traits.sorts:
        return nodes.Not(nodes.InRange(clause.numbers_key, b'-inf', b'+inf'))
    if column.prefix:
        return nodes.Not(starting(schema, name, ''))
    if column.suffix:
        return nodes.Not(ending(schema, name, ''))
    if column.every_value is not None and not column.is_numeric:
        return nodes.Not(filtered(schema, name, list(column.every_value), 'where'))
    if column.keygen or not column.is_numeric:
        clause.wrong('is_none(): its index is looked up word by word; declare it with prefix=True')
    return nodes.Not(filtered(schema, name, (None, None), 'where'))


_SIGNS: dict[str, Callable[[Schema, Compare], Node]] = {
    '==': _equal,
    'in_': _any_of,
    'contains': _equal,
    'overlaps': _any_of,
    'contains all': _all_of,
    '<': _in_order,
    '<=': _in_order,
    '>': _in_order,
    '>=': _in_order,
    'between': _in_order,
    'startswith': lambda schema, asked: starting(schema, asked.name, asked.value),
    'endswith': lambda schema, asked: ending(schema, asked.name, asked.value),
    'like': lambda schema, asked: like_node(schema, asked.name, asked.value),
    'is_none': _nothing,
}

# Comparisons with several values, and those that a collection as a whole has not.
_OF_SEVERAL: Final = ('between', 'in_', 'overlaps', 'contains all')
_OF_SINGLE: Final = ('==', '<', '<=', '>', '>=', 'between', 'in_')
