"""Members: the index entries of many rows, grouped by key, as arguments of commands.

A commit writes each key once, however many rows have index entries in it. So the entries of many
rows are computed one index at a time, straight into the argument lists of the commands. There is no
object for a single entry on the way.

Where a single entry is needed (of one row, or for the list in a row of rom 1.x), it is (key, stem):
the member is the stem followed by the id. In a set it has None for a score.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import TypeAlias

Entry: TypeAlias = tuple[bytes, bytes]
Entries = dict[Entry, 'bytes | None']
Lists: TypeAlias = 'defaultdict[bytes, list[bytes]]'


class Members:
    """Members of sets and sorted sets, by key.

    Attributes:
        sets: the members of each set.
        zsets: the members of each sorted set, each after its score.
    """

    __slots__ = ('sets', 'zsets')

    def __init__(self) -> None:
        self.sets: Lists = defaultdict(list)
        self.zsets: Lists = defaultdict(list)

    def add(self, entries: Mapping[Entry, bytes | None], id: bytes) -> None:
        """Add the index entries of a row.

        >>> members = Members()
        >>> members.add({(b'k', b''): None, (b'z', b'stem'): b'1.5'}, b'7')
        >>> dict(members.sets), dict(members.zsets)
        ({b'k': [b'7']}, {b'z': [b'1.5', b'stem7']})
        """
        for (key, stem), score in entries.items():
            if score is None:
                self.sets[key].append(stem + id)
            else:
                self.zsets[key] += (score, stem + id)

    def entries(self) -> Entries:
        """Return single entries, for the members of one row that were added with an empty id.

        >>> members = Members()
        >>> members.add({(b'k', b''): None, (b'z', b'stem'): b'1.5'}, b'')
        >>> members.entries()
        {(b'k', b''): None, (b'z', b'stem'): b'1.5'}
        """
        found: Entries = {}
        for key, members in self.sets.items():
            for member in members:
                found[key, member] = None
        for key, pairs in self.zsets.items():
            for member, score in _scores(pairs).items():
                found[key, member] = score
        return found

    def take_over(self, old: Members, new: Members, removed: Members) -> None:
        """Add entries that are only in `new`; add entries that are only in `old` to `removed`.

        `old` and `new` are entries of the same rows. A new score counts as a new entry.
        """
        for key in {**old.sets, **new.sets}:
            before, after = set(old.sets.get(key, ())), set(new.sets.get(key, ()))
            if left := before - after:
                removed.sets[key] += left
            if joined := after - before:
                self.sets[key] += joined
        for key in {**old.zsets, **new.zsets}:
            were, are = _scores(old.zsets.get(key, [])), _scores(new.zsets.get(key, []))
            for member, score in were.items():
                if member not in are:
                    removed.zsets[key] += (score, member)
            for member, score in are.items():
                if were.get(member) != score:
                    self.zsets[key] += (score, member)


def differences(
    old: Mapping[Entry, bytes | None], new: Mapping[Entry, bytes | None]
) -> tuple[Entries, Entries]:
    """Return the entries of one row to remove, and those to add or to give another score.

    >>> differences({(b'a', b''): None, (b'z', b''): b'1'}, {(b'z', b''): b'2'})
    ({(b'a', b''): None}, {(b'z', b''): b'2'})
    """
    removed = {entry: score for entry, score in old.items() if entry not in new}
    added = {entry: score for entry, score in new.items() if old.get(entry, b'') != score}
    return removed, added


def _scores(pairs: list[bytes]) -> dict[bytes, bytes]:
    """Return the score of each member of a sorted set."""
    return dict(zip(pairs[1::2], pairs[::2], strict=True))
