"""Weights of entries, both those that a row implies and those on a server; see digests.py."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from operator import mul
from typing import TypeAlias

from rom._core.indexing.entry_lists import Entries

#: An entry on the server: its member (or unique value), its id, and its score or None.
Found: TypeAlias = tuple[bytes, bytes, 'float | None']
# Endings of the keys of prefixes and suffixes, whose members end with a NUL and the id.
_STRINGS = (b':pre', b':suf')


def bucket_of(id: bytes) -> bytes:
    """Return the bucket of an id, which need not be a valid one.

    >>> bucket_of(b'1234'), bucket_of(b'5')
    (b'123', b'')
    """
    return id[:-1]


def weigh(entries: Entries) -> int:
    """Return the weight of a row's entries, without its id.

    A stem is empty, or ends with a NUL, which is left out: it costs time to keep it in `total_of`.
    """
    return sum(
        hash((key, stem[:-1], None if score is None else float(score)))
        for (key, stem), score in entries.items()
    )


def total_of(key: bytes, kind: bytes, flat: Sequence[bytes]) -> int:
    """Return the weight of entries of an index.

    Args:
        key: the key of the index.
        kind: the type of the key.
        flat: the members, each followed by its score or id, as SCAN returns them.
    """
    if kind == b'set':
        return hash((key, b'', None)) * (sum(map(hash, flat)) + len(flat))
    if kind == b'hash':
        weights = list(map(hash, zip(repeat(key), flat[::2], strict=False)))
        return _times(weights, flat[1::2])
    if key.endswith(_STRINGS):
        return _total_of_strings(key, flat)
    scores = map(float, flat[1::2])
    weights = list(map(hash, zip(repeat(key), repeat(b''), scores, strict=False)))
    return _times(weights, flat[::2])


def _total_of_strings(key: bytes, flat: Sequence[bytes]) -> int:
    total = 0
    for member, score in zip(flat[::2], flat[1::2], strict=True):
        stem, _, id = member.rpartition(b'\0')
        total += hash((key, stem, float(score))) * (hash(id) + 1)
    return total


def _times(weights: list[int], ids: Iterable[bytes]) -> int:
    total: int = sum(map(mul, weights, map(hash, ids)))
    return total + sum(weights)


def found_in(key: bytes, kind: bytes, flat: Sequence[bytes]) -> Iterator[Found]:
    """Return an iterator of the entries."""
    if kind == b'set':
        return ((member, member, None) for member in flat)
    pairs = zip(flat[::2], flat[1::2], strict=True)
    if kind == b'hash':
        return ((value, id, None) for value, id in pairs)
    if key.endswith(_STRINGS):
        return ((m, m.rpartition(b'\0')[2], float(score)) for m, score in pairs)
    return ((member, member, float(score)) for member, score in pairs)


def subtract(buckets: dict[bytes, int], key: bytes, kind: bytes, flat: Sequence[bytes]) -> None:
    """Subtract the weights of entries from the buckets of their ids."""
    if kind == b'set':
        weight = hash((key, b'', None))
        for id in flat:
            buckets[id[:-1]] -= weight * (hash(id) + 1)
    elif kind == b'hash':
        for value, id, _ in found_in(key, kind, flat):
            buckets[id[:-1]] -= hash((key, value)) * (hash(id) + 1)
    else:
        for found in found_in(key, kind, flat):
            buckets[found[1][:-1]] -= _product(key, found)


def _product(key: bytes, found: Found) -> int:
    member, id, score = found
    return hash((key, member[: len(member) - len(id)][:-1], score)) * (hash(id) + 1)
