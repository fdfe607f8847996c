"""Links: the value of a many-to-many relation, its stored form, and how two writers merge. Pure.

The value is a tuple of the linked entities, each once: the ids in ascending order, then the new
entities, which have no id yet. A row stores the ids as decimal digits with commas in between. So
equal sets have equal bytes, and a row is as readable as its neighbours.

Links are no single value to two writers: each adds some and removes some. So a commit writes what
the program added and removed, based on the row as it is then (`rebased`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, Final, TypeAlias

from rom._core.encoding.integers import LARGEST_ID

#: Ids of linked entities, then new entities.
Links: TypeAlias = 'tuple[Any, ...]'

#: The maximum number of links in one row: reads of the row transfer all of them.
MOST_LINKS: Final = 10_000
#: The word under which the index has every row with a link; those of the links are digits.
ANY: Final = b'any'

_STORED = re.compile(rb'[1-9][0-9]*(?:,[1-9][0-9]*)*')


def in_order(targets: Iterable[Any]) -> Links:
    """Return entities or ids as a value: each once, and an entity with an id as that id.

    >>> in_order([7, 3, 7])
    (3, 7)
    """
    ids: set[int] = set()
    new: dict[int, Any] = {}
    for target in targets:
        known = id_of(target)
        if known is None:
            new[id(target)] = target
        else:
            ids.add(known)
    return (*sorted(ids), *new.values())


def id_of(target: Any) -> int | None:
    """Return the id of a linked entity; None for a new one."""
    known: int | None = target if type(target) is int else target._id
    return known


def ids_in(links: Links | None) -> list[int]:
    """Return the ids in a value, without the new entities."""
    return [known for target in links or () if (known := id_of(target)) is not None]


def write_ids(ids: Iterable[int]) -> bytes:
    """Return the stored form of ids.

    >>> write_ids([3, 7]), write_ids([])
    (b'3,7', b'')
    """
    return b','.join([b'%d' % id for id in ids])


def read_ids(raw: bytes | None) -> tuple[int, ...]:
    """Return the ids of a stored form; none where the row lacks the column.

    Raises:
        ValueError: the bytes are no ids in ascending order.

    >>> read_ids(b'3,7'), read_ids(b''), read_ids(None)
    ((3, 7), (), ())
    """
    if not raw:
        return ()
    if not _STORED.fullmatch(raw):
        raise ValueError('expected ids of decimal digits with commas in between')
    ids = tuple(map(int, raw.split(b',')))
    if ids[-1] > LARGEST_ID or any(a >= b for a, b in pairwise(ids)):
        raise ValueError('expected ids in ascending order')
    return ids


def rebased(base: Sequence[Any], wanted: Sequence[Any], current: Sequence[Any]) -> Links:
    """Return the current links with the changes that lead from `base` to `wanted`.

    >>> rebased([1, 2], [2, 3], [1, 2, 9])
    (2, 3, 9)
    """
    before, after = set(ids_in(tuple(base))), set(ids_in(tuple(wanted)))
    removed = before - after
    came = [target for target in wanted if id_of(target) not in before]
    return in_order([*(id for id in current if id not in removed), *came])


def united(links: Links, more: Sequence[int]) -> Links:
    """Return the links with more of them, as `update(tags=Post.tags.add(3))` computes them."""
    return in_order([*links, *more])


def without(links: Links, fewer: Sequence[int]) -> Links:
    """Return the links without some ids."""
    gone = set(fewer)
    return tuple(target for target in links if id_of(target) not in gone)


def added_ids(before: bytes | None, after: bytes | None) -> list[bytes]:
    """Return the ids that are in the second of two stored forms only, as bytes.

    >>> added_ids(b'1,2', b'2,3,5')
    [b'3', b'5']
    """
    if not after:
        return []
    known = set(before.split(b',')) if before else ()
    return [id for id in after.split(b',') if id not in known]
