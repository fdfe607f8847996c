"""Patterns: what `like` is asked, taken apart.

A pattern is literal text with wildcards: ``?`` stands for no character or one, ``*`` for any
number, ``+`` for one or more, ``!`` for exactly one. It must match from the start of a value, and
need not reach its end. Wildcards side by side are one gap, of at least and at most so many
characters.

The literal text before the first gap is looked up in the index; the server matches the rest.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

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
        least, most: so many characters are in the gap; None: any number.
        text: the literal text behind it; empty at the pattern's end.
    """

    least: int
    most: int | None
    text: str

    def matches_anything(self) -> bool:
        """A gap at the end that asks for nothing."""
        return not self.least and not self.text


@dataclass(frozen=True, slots=True)
class EncodedToken:
    """The same, with its text as it stands in the index."""

    least: int
    most: int | None
    text: bytes

    def as_map(self) -> dict[str, Any]:
        found: dict[str, Any] = {'least': self.least, 'text': self.text}
        return found if self.most is None else {**found, 'most': self.most}


def parse(pattern: str) -> tuple[str, list[Token]]:
    """A pattern as the text that it begins with, and the gaps and texts that follow.

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


def _gap(wildcards: str) -> tuple[int, int | None]:
    least, most = 0, 0
    endless = False
    for wildcard in wildcards:
        low, high = _GAPS[wildcard]
        least += low
        endless = endless or high is None
        most += high or 0
    return least, None if endless else most
