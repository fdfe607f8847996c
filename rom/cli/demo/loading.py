"""Loading the characters: in batches. Each is one commit, so it is written whole or not at all.

What is there already is found by its code point and left out, so that loading can be stopped
anywhere, and go on later. Two programs may even load into one server at the same time: the
unique code point has the slower one's commit refused, and it looks again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import rom
from rom.cli.demo.characters import Character, create, is_a_character, without_those_there

# Measured: 250 to 2000 are within 5% of each other.
BATCH = 500

# Another program got this batch's characters in while we looked; more often is no accident.
MOST_TRIES = 5


def already_there(where: str) -> int:
    """How many characters the server has.

    Raises:
        ORMError: the demo's place is taken by something else.
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
    """Load what is missing of these characters.

    Args:
        points: the code points of the characters to load.
        there: how many characters the server has: with none, nothing needs to be looked for.
        advance: called after each batch, with its size.

    Returns:
        How many were missing.
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
