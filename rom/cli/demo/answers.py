"""Answers as text, for any screen: rows of cells, or a line.

No character changes the text around it: marks would join the character before them, format
characters and separators would turn or break the line, and characters of right-to-left scripts
would reorder their neighbours.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from rom.cli.demo.characters import Character
from rom.cli.demo.questions import Answer

CIRCLE = '\N{DOTTED CIRCLE}'  # the base of a mark, as in the charts of Unicode
SPACE = '\N{OPEN BOX}'
INVISIBLE = '\N{MIDDLE DOT}'

ISOLATE, END = '\N{FIRST STRONG ISOLATE}', '\N{POP DIRECTIONAL ISOLATE}'
RIGHT_TO_LEFT = ('R', 'AL', 'AN')

# Vowels and final consonants of Hangul are letters, yet join the one before them.
JOINING = (range(0x1160, 0x1200), range(0xD7B0, 0xD800))


def shown(text: str) -> str:
    """Return text in a form in which each character is safe to print.

    >>> shown('a\\u0301'), shown('\\u2028'), shown('\\x1b[1m')
    ('a◌\\u0301', '·', '·[1m')
    """
    return text if text.isascii() and text.isprintable() else ''.join(map(_shown, text))


def _shown(char: str) -> str:
    category = unicodedata.category(char)
    if category == 'Zs':
        return char if char == ' ' else SPACE
    if not char.isprintable() or category == 'Co':
        return INVISIBLE
    if category.startswith('M') or any(ord(char) in joining for joining in JOINING):
        char = CIRCLE + char
    if unicodedata.bidirectional(char[-1]) in RIGHT_TO_LEFT:
        return ISOLATE + char + END
    return char


# Floats are shown as fractions; those in Unicode have small denominators.
LARGEST_DENOMINATOR = 1000


def rows_of(value: Any, columns: Sequence[str]) -> list[tuple[str, ...]] | None:
    """Return an answer's characters or dicts as rows; None for any other answer.

    Args:
        columns: the columns to show besides the character, its code point and its name.
    """
    found = value if isinstance(value, list) else [value]
    if all(isinstance(item, Character) for item in found):
        return [_row(character, columns) for character in found]
    if all(isinstance(item, dict) for item in found):
        return [tuple(_cell(cell) for cell in item.values()) for item in found]
    return None


def _row(character: Character, columns: Sequence[str]) -> tuple[str, ...]:
    extra = (f'{column} {_cell(getattr(character, column))}' for column in columns)
    # The name is the longest cell. It comes last, so that it may wrap.
    return (
        _cell(character.char),
        f'U+{character.point:04X}',
        *extra,
        _cell(character.name),
    )


def _cell(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return f'{int(value):,}'
    if isinstance(value, float):
        return f'{Fraction(value).limit_denominator(LARGEST_DENOMINATOR)}'
    return shown(str(value))


def line_of(value: Any) -> str:
    """Return any other answer as one line."""
    if isinstance(value, Exception):
        return f'{type(value).__name__}: {shown(str(value))}'
    return f'{value:,}' if isinstance(value, int) else shown(str(value))


def measure_of(answer: Answer) -> str:
    """Return the number of results, and the time."""
    took = f'{answer.seconds * 1000:.1f} ms'
    if not isinstance(answer.value, list):
        return took
    count = len(answer.value)
    return f'{count} {"result" if count == 1 else "results"}, {took}'


def loading_line(done: int, total: int, rate: float) -> str:
    """Return the progress of loading as text.

    >>> loading_line(45_000, 138_552, 6_000.0)
    '45,000 of 138,552, 6,000 a second, 16 s left'
    """
    left = f', {(total - done) / rate:.0f} s left' if rate else ''
    return f'{done:,} of {total:,}, {rate:,.0f} a second{left}'
