"""Display of characters, such that none changes the text around it.

Marks would join the character before them, format characters and separators would turn or break the
line, and characters of right-to-left scripts would reorder their neighbours.
"""

from __future__ import annotations

import unicodedata

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
