"""The parser of `like` patterns.

A pattern is literal text with wildcards: ``?`` matches no character or one, ``*`` any number,
``+`` one or more, ``!`` exactly one. It must match from the start of a value, but need not reach
its end. Adjacent wildcards form one gap, with a minimum and a maximum number of characters.

The literal text before the first gap is looked up in the index; the server matches the rest.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

#: The maximum number of gaps, and of characters from the first gap on. The server scans a value
#: once for each gap, while other clients wait.
MOST_GAPS: Final = 16
MOST_CHARACTERS: Final = 1000

_GAPS: dict[str, tuple[int, int | None]] = {
    '?': (0, 1),
    '*': (0, None),
    '+': (1, None),
    '!': (1, 1),
}
_PARTS = re.compile('([?*+!]+)')


@dataclass(frozen=True, slots=True)
class Token:
    """A gap in a pattern, and the text that follows it.

    Attributes:
        least, most: the minimum and maximum length of the gap in characters; None: no maximum.
        text: the literal text after it; empty at the end of the pattern.
    """

    least: int
    most: int | None
    text: str

    def matches_anything(self) -> bool:
        """Return whether this is a gap at the end that matches any text."""
        return not self.least and not self.text


@dataclass(frozen=True, slots=True)
class EncodedToken:
    """A token with its text encoded as in the index."""

    least: int
    most: int | None
    text: bytes

    def as_map(self) -> dict[str, Any]:
        found: dict[str, Any] = {'least': self.least, 'text': self.text}
        return found if self.most is None else {**found, 'most': self.most}


def parse(pattern: str) -> tuple[str, list[Token]]:
    """Split a pattern into its literal start, and the gaps and texts that follow.

    >>> parse('ab?*c!')
    ('ab', [Token(least=0, most=None, text='c'), Token(least=1, most=1, text='')])
    """
    head, *rest = _PARTS.split(pattern)
    tokens = [
        Token(*_gap(wildcards), text) for wildcards, text in zip(rest[::2], rest[1::2], strict=True)
    ]
    if tokens and tokens[-1].matches_anything():
        tokens.pop()
    return head, tokens


def why_too_long(pattern: str) -> str | None:
    """Return the reason why a pattern is too long, or None.

    >>> why_too_long('J*n!son'), why_too_long('a?' * 33)
    (None, 'a pattern has 16 groups of wildcards at most, and this one has 33')
    """
    head, *rest = _PARTS.split(pattern)
    gaps, characters = len(rest) // 2, len(pattern) - len(head)
    if gaps > MOST_GAPS:
        return f'a pattern has {MOST_GAPS} groups of wildcards at most, and this one has {gaps}'
    if characters > MOST_CHARACTERS:
        return (
            f'a pattern has {MOST_CHARACTERS} characters at most from its first wildcard on, and '
            f'this one has {characters}'
        )
    return None


def _gap(wildcards: str) -> tuple[int, int | None]:
    least, most = 0, 0
    endless = False
    for wildcard in wildcards:
        low, high = _GAPS[wildcard]
        least += low
        endless = endless or high is None
        most += high or 0
    return least, None if endless else most
