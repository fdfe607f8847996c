"""Said: what the program asked of a column, in its own terms. For people; no search looks at it.

Every filter makes one, whoever asks for it or not: a named tuple is made in half the time that a
frozen dataclass takes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, TypeAlias

from rom._core.encoding.text import show

Sign: TypeAlias = Literal[
    '=', '<', '>', 'between', 'word', 'starts with', 'ends with', 'does not start with',
    'does not end with', 'like', 'near',
]  # fmt: skip


class Said(NamedTuple):
    """What a filter was told.

    Attributes:
        column: its name; that of a sub-index, as in 'col:x', or of a geo index.
        sign: how the value is meant.
        value: the value; ``(low, high)`` for 'between', one word of a text for 'word'.

    >>> str(Said('age', 'between', (18, None))), str(Said('city', '=', 'Rome'))
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


_SHOWN: dict[Sign, Callable[[str, Any], str]] = {
    'between': _show_range,
    'word': lambda column, word: f'{column} has the word {show(word)}',
    'near': _show_near,
}
