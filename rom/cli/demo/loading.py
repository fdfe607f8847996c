"""Loading the characters in batches, each of which is one atomic commit.

Characters that exist already are found by their code points and left out, so that loading can be
stopped anywhere and continued later. Two programs may even load into one server at the same time:
the unique code point makes the slower one's commit fail, and it looks again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import rom
from rom.cli.demo.characters import Character, create, is_a_character, without_those_there

# Measured: 250 to 2000 are within 5% of each other.
BATCH = 500

# Another program may have written characters of a batch since they were looked up. More failures
# than this have another cause.
MOST_TRIES = 5


def already_there(where: str) -> int:
    """Return the number of characters that the server has.

    Raises:
        ORMError: the server has other data in the demo's keys.
    """
    try:
        first = Character.query.first()
        is_ours = first is None or is_a_character(first)
        count = Character.query.count()
    except rom.CorruptRowError:
        is_ours = False
    rom.session.rollback()
    if not is_ours:
        raise rom.ORMError(
            f'{where} has other data in keys that begin with {Character._namespace!r}, where the '
            'demo would write; choose another server, or another database of it'
        )
    return count


def load(points: Sequence[int], there: int, advance: Callable[[int], None]) -> int:
    """Load those of the characters that are missing.

    Args:
        points: the code points of the characters to load.
        there: the number of characters that the server has; with 0, no look-up is needed.
        advance: called after each batch, with its size.

    Returns:
        The number of characters that were missing.
    """
    added = 0
    for start in range(0, len(points), BATCH):
        batch = points[start : start + BATCH]
        added += _load_batch(batch, look_first=there > 0)
        advance(len(batch))
    return added


def _load_batch(batch: Sequence[int], look_first: bool) -> int:
    for attempt in range(MOST_TRIES):
        missing = without_those_there(batch) if look_first or attempt else batch
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
