"""The characters of Unicode as entities: the demo's model, its data, and their loading.

The data is in the standard library. It is real: names of up to 80 letters, numbers that few rows
have, and a skewed column (nine of ten characters have one category).

They are loaded in batches, each of which is one atomic commit. Characters that exist already are
found by their code points and left out, so that loading can be stopped anywhere and continued
later. Two programs may even load into one server at the same time: the unique code point makes the
slower one's commit fail, and it looks again.
"""

from __future__ import annotations

import inspect
import sys
import unicodedata
from collections.abc import Callable, Iterable, Sequence

import rom

# The ideographs and syllables, 121,000 of them, have this category and names that are numbers.
UNCASED_LETTER = 'Lo'

BLOCK = 256


class Character(rom.Model):
    _namespace = '{rom-demo}'

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


def missing_points(points: Sequence[int]) -> list[int]:
    """Return the code points that the server does not have yet."""
    existing = {character.point for character in Character.get_by(point=list(points))}
    return [point for point in points if point not in existing]


def is_a_character(entity: Character) -> bool:
    """Return whether the demo wrote a row: its character must have its code point."""
    point = entity.point
    return point is not None and 0 <= point <= sys.maxunicode and entity.char == chr(point)


# Measured: 250 to 2000 are within 5% of each other.
BATCH = 500

# Another program may have written characters of a batch since they were looked up. More failures
# than this have another cause.
MOST_TRIES = 5


def count_existing(where: str) -> int:
    """Return the number of characters that the server has.

    Raises:
        ORMError: the server has other data in the demo's keys.
    """
    try:
        first = Character.query.first()
        is_own_data = first is None or is_a_character(first)
        count = Character.query.count()
    except rom.CorruptRowError:
        is_own_data = False
    rom.session.rollback()
    if not is_own_data:
        raise rom.ORMError(
            f'{where} has other data in keys that begin with {Character._namespace!r}, where the '
            'demo would write; choose another server, or another database of it'
        )
    return count


def load_characters(points: Sequence[int], existing: int, advance: Callable[[int], None]) -> int:
    """Load those of the characters that are missing.

    Args:
        points: the code points of the characters to load_characters.
        existing: the number of characters that the server has; with 0, no look-up is needed.
        advance: called after each batch, with its size.

    Returns:
        The number of characters that were missing.
    """
    added = 0
    for start in range(0, len(points), BATCH):
        batch = points[start : start + BATCH]
        added += _load_batch(batch, look_first=existing > 0)
        advance(len(batch))
    return added


def _load_batch(batch: Sequence[int], look_first: bool) -> int:
    for attempt in range(MOST_TRIES):
        missing = missing_points(batch) if look_first or attempt else batch
        create(missing)
        try:
            rom.session.commit()
        except rom.UniqueKeyViolation:
            rom.session.rollback()
            if attempt == MOST_TRIES - 1:
                raise
        else:
            return len(missing)
    raise AssertionError('the last attempt returns or raises')
