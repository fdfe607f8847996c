"""Members: the entries of many rows, by key, as commands take them.

A commit writes each key once, whatever number of rows has entries in it. So the entries of many
rows are worked out an index at a time, and go straight into the lists that the commands have:
nothing is made of a single entry on the way.

Where an entry is needed by itself (of one row, or for what a row's list of rom 1.x says), it is
(key, stem): the member is the stem and the id put together. Its score is None in a set.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import TypeAlias

Entry: TypeAlias = tuple[bytes, bytes]
Entries = dict[Entry, 'bytes | None']
Lists: TypeAlias = 'defaultdict[bytes, list[bytes]]'


class Members:
    """Members of sets and of sorted sets.

    Attributes:
        sets: of each set the members.
        zsets: of each sorted set score and member, in turn.
    """

    __slots__ = ('sets', 'zsets')

    def __init__(self) -> None:
        self.sets: Lists = defaultdict(list)
        self.zsets: Lists = defaultdict(list)

    def add(self, entries: Mapping[Entry, bytes | None], id: bytes) -> None:
        """Add the entries of a row.

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
        """One by one; of a row whose id was left out.

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

    def take_over(self, old: Members, new: Members, gone: Members) -> None:
        """Add what is new, and to `gone` what is old and no more, of the same rows."""
        for key in {**old.sets, **new.sets}:
            before, after = set(old.sets.get(key, ())), set(new.sets.get(key, ()))
            if left := before - after:
                gone.sets[key] += left
            if joined := after - before:
                self.sets[key] += joined
        for key in {**old.zsets, **new.zsets}:
            were, are = _scores(old.zsets.get(key, [])), _scores(new.zsets.get(key, []))
            for member, score in were.items():
                if member not in are:
                    gone.zsets[key] += (score, member)
            for member, score in are.items():
                if were.get(member) != score:
                    self.zsets[key] += (score, member)


def differences(
    old: Mapping[Entry, bytes | None], new: Mapping[Entry, bytes | None]
) -> tuple[Entries, Entries]:
    """The entries of one row that go, and those that come, or come again with another score.

    >>> differences({(b'a', b''): None, (b'z', b''): b'1'}, {(b'z', b''): b'2'})
    ({(b'a', b''): None}, {(b'z', b''): b'2'})
    """
    gone = {entry: score for entry, score in old.items() if entry not in new}
    come = {entry: score for entry, score in new.items() if old.get(entry, b'') != score}
    return gone, come


def _scores(pairs: list[bytes]) -> dict[bytes, bytes]:
    """The score of each member of a sorted set."""
    return dict(zip(pairs[1::2], pairs[::2], strict=True))
