"""Filter labels: each filter in the terms of the program, for messages and explanations only.

Every filter makes one, used or not. It is a named tuple, because a frozen dataclass takes twice as
long to make.
"""

import operator
from collections.abc import Callable
from typing import Any, Literal, NamedTuple, TypeAlias, TypeVar

from rom._core.encoding.text import show

N = TypeVar('N', bound=tuple[Any, ...])

Sign: TypeAlias = Literal[
    '=', '<', '>', 'between', 'word', 'starts with', 'ends with', 'does not start with',
    'does not end with', 'like', 'near', 'compound', 'contains', 'contains all', 'search',
    'related',
]  # fmt: skip


class FilterLabel(NamedTuple):
    """The column, the comparison and the value of a filter.

    Attributes:
        column: its name; that of a sub-index, as in 'col:x', or of a geo index.
        sign: the comparison.
        value: the value; ``(low, high)`` for 'between', one word of a text for 'word'; the labels
            of the filters that a compound index answers together for 'compound'; the arguments
            for 'search'.

    >>> str(FilterLabel('age', 'between', (18, None))), str(FilterLabel('city', '=', 'Rome'))
    ('age >= 18', "city = 'Rome'")
    """

    column: str
    sign: Sign
    value: Any

    def __str__(self) -> str:
        written = _SHOWN.get(self.sign)
        return (
            written(self.column, self.value)
            if written
            else f'{self.column} {self.sign} {show(self.value)}'
        )


def _show_range(column: str, value: tuple[Any, Any]) -> str:
    low, high = value
    if low is None and high is None:
        return f'{column} has a value'
    if low is None:
        return f'{column} <= {show(high)}'
    return (
        f'{column} >= {show(low)}' if high is None else f'{show(low)} <= {column} <= {show(high)}'
    )


def _show_near(column: str, value: tuple[Any, ...]) -> str:
    lon, lat, radius, unit, count = value
    few = '' if count is None else f', the nearest {count}'
    return f'{column} within {radius} {unit} of {lon}, {lat}{few}'


def _show_search(columns: str, value: tuple[Any, ...]) -> str:
    text, _, match, prefix_last, fuzzy = value
    more = (', the last as a prefix' if prefix_last else '') + (', misspelt' if fuzzy else '')
    return f'{columns} with {match} of {show(text)}{more}'


_SHOWN: dict[Sign, Callable[[str, Any], str]] = {
    'between': _show_range,
    'word': lambda column, word: f'{column} has the word {show(word)}',
    'near': _show_near,
    'compound': lambda _, labels: ' and '.join(str(label) for label in labels if label),
    'contains all': lambda column, values: f'{column} contains {", ".join(map(show, values))}',
    'search': _show_search,
    'related': lambda relation, found: f'{relation} among {found[0]:,} of {found[1]}',
}


def labelled(kind: type[N]) -> type[N]:
    """Return the class of a node, with methods by which its label does not count.

    Two nodes with equal fields are equal, whatever their labels.

    Nodes are named tuples, because every query makes some: a frozen dataclass takes ten times as
    long.
    """
    fields: tuple[str, ...] = kind._fields  # type: ignore[attr-defined]
    asked = operator.itemgetter(*(place for place, name in enumerate(fields) if name != 'label'))

    def equal(node: Any, other: object) -> bool:
        return type(other) is kind and asked(node) == asked(other)

    def unequal(node: Any, other: object) -> bool:
        return not equal(node, other)

    def digest(node: Any) -> int:
        return hash((kind, asked(node)))

    def shown(node: Any) -> str:
        pairs = (f'{name}={value!r}' for name, value in node._asdict().items() if name != 'label')
        return f'{kind.__name__}({", ".join(pairs)})'

    kind.__repr__ = shown  # type: ignore[method-assign]
    kind.__eq__, kind.__ne__ = equal, unequal  # type: ignore[method-assign]
    kind.__hash__ = digest  # type: ignore[assignment]
    return kind
