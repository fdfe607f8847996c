"""The characters of Unicode as entities: the demo's model, and its data.

The data is in the standard library. It is real: names of up to 80 letters, numbers that few rows
have, and a skewed column (nine of ten characters have one category).
"""

from __future__ import annotations

import inspect
import sys
import unicodedata
from collections.abc import Iterable, Sequence

import rom

# The ideographs and syllables, 121,000 of them, have this category and names that are numbers.
UNCASED_LETTER = 'Lo'

BLOCK = 256


class Character(rom.Model):
    _namespace = 'rom-demo'

    char = rom.Text(required=True)
    point = rom.Integer(required=True, unique=True, index=True)
    name = rom.Text(
        required=True,
        unique=True,
        index=True,
        keygen=rom.IDENTITY,
        prefix=True,
        suffix=True,
    )
    words = rom.Text(index=True, keygen=rom.FULL_TEXT)
    category = rom.Text(index=True, keygen=rom.IDENTITY)
    bidi = rom.Text(index=True, keygen=rom.IDENTITY)
    combining = rom.Integer(index=True)
    value = rom.Float(index=True)
    block = rom.Integer(index=True)

    def __repr__(self) -> str:
        return f'<U+{self.point or 0:04X} {self.name}>'


def declaration() -> str:
    """Return the source of the model, without its methods."""
    return inspect.getsource(Character).partition('\n    def ')[0].rstrip()


def code_points(limit: int | None = None) -> list[int]:
    """Return the code points of all characters that have a name, in order.

    Args:
        limit: the number of characters: those with the shortest names, uncased letters last. This
            mixes all kinds, whereas the first code points belong to a few scripts.
    """
    points = [point for point in range(sys.maxunicode + 1) if unicodedata.name(chr(point), '')]
    if limit is None or limit >= len(points):
        return points
    return sorted(sorted(points, key=_interest)[:limit])


def _interest(point: int) -> tuple[bool, int, int]:
    char = chr(point)
    return unicodedata.category(char) == UNCASED_LETTER, len(unicodedata.name(char)), point


def create(points: Iterable[int]) -> None:
    """Make the characters of these code points; the session's next commit writes them."""
    for point in points:
        char = chr(point)
        name = unicodedata.name(char)
        Character(
            char=char,
            point=point,
            name=name,
            words=name,
            category=unicodedata.category(char),
            bidi=unicodedata.bidirectional(char),
            combining=unicodedata.combining(char),
            value=unicodedata.numeric(char, None),
            block=point // BLOCK,
        )


def without_those_there(points: Sequence[int]) -> list[int]:
    """Return the code points that the server does not have yet."""
    there = {character.point for character in Character.get_by(point=list(points))}
    return [point for point in points if point not in there]


def is_a_character(entity: Character) -> bool:
    """Tell whether the demo wrote a row: its character must have its code point."""
    point = entity.point
    return point is not None and 0 <= point <= sys.maxunicode and entity.char == chr(point)
