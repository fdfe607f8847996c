"""A query as Python source, for shells and messages. Pure.

Each filter has a label in the program's terms. Each comparison can be written in two ways: as an
argument of a query's method, and, within *or* and *not*, as an expression.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from rom._core.encoding.text import shorten, show, show_name
from rom._core.query.filter_labels import FilterLabel, Sign
from rom._core.query.nodes import All, AnyOf, Node, Not
from rom._core.query.relation_nodes import Related
from rom._core.query.sort_order import Order
from rom._core.query.spec import QuerySpec

#: The maximum number of characters.
MOST: Final = 500
# The maximum number of values of one list, and of filters of one query, that are written.
_MANY: Final = 20


def written(name: str, spec: QuerySpec) -> str:
    """Return a query as a program would write it, in at most 500 printable characters.

    Args:
        name: the name of the model.
        spec: the query.

    Example::

        query = User.query.filter(age=42).limit(10)
        written('User', query.spec)    # 'User.query.filter(age=42).limit(0, 10)'
    """
    model = show_name(name)
    return shorten(f'{model}.query{"".join(_clauses(spec, model))}', MOST)


def _clauses(spec: QuerySpec, model: str) -> Iterator[str]:
    if spec.with_expired:
        yield '.with_expired()'
    if spec.with_deleted:
        yield '.with_deleted()'
    for node in spec.where.nodes[:_MANY]:
        yield _clause(node, model)
    if len(spec.where.nodes) > _MANY:
        yield '...'
    if spec.orders:
        yield f'.order_by({", ".join(map(_order, spec.orders))})'
    if spec.count is not None:
        yield f'.limit({spec.offset}, {spec.count})'
    elif spec.offset:
        yield f'.offset({spec.offset})'
    if spec.with_scores:
        yield '.with_scores()'
    if spec.selection is not None:
        yield f'.select({", ".join(map(show, spec.selection.columns))})'
    if spec.loads:
        yield f'.load({", ".join(map(show, spec.loads))})'


def _order(order: Order) -> str:
    return show(f'-{order.column}' if order.reverse else order.column)


def _clause(node: Node, model: str) -> str:
    """Return one filter as a call of a query's method."""
    if isinstance(node, Related):
        return _related_clause(node, model)
    label = _label_of(node)
    if label is not None and label.sign == 'search':
        return _search(label)
    if label is None or label.sign in ('<', '>', 'contains all'):
        return f'.where({_expression(node, model)})'
    method = _METHODS.get(label.sign)
    if method is None:  # near, which takes no columns
        return f'.near({show(label.column)}, {", ".join(map(show, label.value[:4]))})'
    if ':' in label.column:
        return f'.{method}(**{{{show(label.column)}: {_value(label.value)}}})'
    return f'.{method}({show_name(label.column)}={_value(label.value)})'


def _related_clause(node: Related, model: str) -> str:
    """Return a filter over a relation as a call of a query's method, if one call has all of it."""
    clauses = list(_paths(node, ''))
    methods = {_METHODS.get(label.sign) if label else None for _, label in clauses}
    if len(methods) != 1 or None in methods or any(':' in path for path, _ in clauses):
        return f'.where({_expression(node, model)})'
    values = [f'{path}={_value(label.value)}' for path, label in clauses if label]
    return f'.{methods.pop()}({", ".join(values)})'


def _paths(node: Related, start: str) -> Iterator[tuple[str, FilterLabel | None]]:
    """Yield the clauses of a filter over a relation, with their paths."""
    for part in node.where.nodes:
        path = f'{start}{show_name(node.relation)}__'
        label = _label_of(part)
        if isinstance(part, Related):
            yield from _paths(part, path)
        else:
            yield path + (show_name(label.column) if label else ''), label


def _search(label: FilterLabel) -> str:
    text, weights, match, prefix_last, fuzzy = label.value
    are_equal = all(weight == 1 for _, weight in weights)
    columns: Any = [name for name, _ in weights] if are_equal else dict(weights)
    options = {'prefix_last': prefix_last, 'fuzzy': fuzzy}
    more = ''.join(f', {name}={show(value)}' for name, value in options.items() if value)
    return f'.search({show(text)}, {show(columns)}, {show(match)}{more})'


def _label_of(node: Node) -> FilterLabel | None:
    """Return the label of a filter; for several filters on one column, a joint one."""
    if not isinstance(node, (All, AnyOf)):
        return getattr(node, 'label', None)
    several = [_label_of(part) for part in node.nodes[: _MANY + 1]]
    if several and isinstance(node, AnyOf):
        return _together(several, list)
    if several and all(label is not None and label.sign == 'word' for label in several):
        return _together(several, lambda words: ' '.join(map(_as_text, words)))
    joined = _together(several, tuple) if len(several) > 1 else None
    return joined._replace(sign='contains all') if joined and joined.sign == 'contains' else None


def _together(
    several: Sequence[FilterLabel | None], join: Callable[[Iterator[Any]], Any]
) -> FilterLabel | None:
    first = several[0]
    if first is None or (first.sign not in _JOINED and len(several) > 1):
        return None
    if len(several) == 1:
        return first
    if any(label is None or label[:2] != first[:2] for label in several):
        return None
    return FilterLabel(
        first.column,
        _JOINED[first.sign],
        join(label.value for label in several if label is not None),
    )


def _expression(node: Node, model: str) -> str:
    """Return a filter as an expression."""
    label = _label_of(node)
    if label is not None:
        write = _SIGNS.get(label.sign)
        column = f'{model}.{show_name(label.column)}'
        return write(column, label.value) if write else show(str(label))
    if isinstance(node, Related):
        path, nodes = f'{model}.{show_name(node.relation)}', node.where.flat()
        if not nodes:
            return f'~{path}.is_none()'
        return _expression(nodes[0] if len(nodes) == 1 else All(nodes), path)
    if isinstance(node, Not):
        if isinstance(node.node, Related) and not node.node.where.nodes:
            return _expression(node.node, model)[1:]
        return f'~{_in_parentheses(node.node, model)}'
    if isinstance(node, (All, AnyOf)) and node.nodes:
        parts = [_in_parentheses(part, model) for part in node.nodes[:_MANY]]
        more = ['...'] if len(node.nodes) > _MANY else []
        return (' & ' if isinstance(node, All) else ' | ').join([*parts, *more])
    return '<everything>' if isinstance(node, All) else '<nothing>'


def _in_parentheses(node: Node, model: str) -> str:
    return f'({_expression(node, model)})'


def _range(column: str, value: tuple[Any, Any]) -> str:
    low, high = value
    if low is None and high is None:
        return f'~{column}.is_none()'
    if low is None:
        return f'{column} <= {_value(high)}'
    if high is None:
        return f'{column} >= {_value(low)}'
    return f'{column}.between({_value(low)}, {_value(high)})'


def _equal(column: str, value: Any) -> str:
    if isinstance(value, (list, set, frozenset)):
        return f'{column}.in_({_value(value)})'
    return f'{column} == {_value(value)}'


def _contains(column: str, value: Any) -> str:
    if isinstance(value, list):
        return f'{column}.overlaps({_value(value)[1:-1]})'
    return f'{column}.contains({_value(value)})'


def _value(value: Any) -> str:
    if isinstance(value, list) and len(value) > _MANY:
        return f'{_value(value[:_MANY])[:-1]}, ...]'
    if isinstance(value, list) and any(isinstance(one, enum.Enum) for one in value):
        return f'[{", ".join(map(_value, value))}]'
    if isinstance(value, enum.Enum) and value.name in type(value).__members__:
        return f'{type(value).__name__}.{value.name}'
    return show(value)


def _as_text(word: str | bytes) -> str:
    return word if isinstance(word, str) else word.decode('utf-8', 'replace')


# The sign of several filters on one column, by that of each.
_JOINED: Final[dict[Sign, Sign]] = {'=': '=', 'word': '=', 'contains': 'contains'}

_METHODS: Final = {
    '=': 'filter',
    'contains': 'filter',
    'between': 'filter',
    'word': 'filter',
    'starts with': 'startswith',
    'ends with': 'endswith',
    'does not start with': 'does_not_startwith',
    'does not end with': 'does_not_endwith',
    'like': 'like',
}

_SIGNS: Final[dict[str, Callable[[str, Any], str]]] = {
    '=': _equal,
    'word': _equal,
    'contains': _contains,
    'contains all': lambda column, value: f'{column}.contains_all({_value([*value])[1:-1]})',
    'between': _range,
    '<': lambda column, value: f'{column} < {_value(value)}',
    '>': lambda column, value: f'{column} > {_value(value)}',
    'starts with': lambda column, value: f'{column}.startswith({_value(value)})',
    'ends with': lambda column, value: f'{column}.endswith({_value(value)})',
    'like': lambda column, value: f'{column}.like({_value(value)})',
}
