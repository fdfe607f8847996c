"""Entries: those of many indexes, read a few calls at a time, and weighed; see digests.py."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice, repeat
from operator import mul
from typing import TypeAlias

from rom._core.encoding.wire import pack, unpack_list
from rom._core.indexing.entry_lists import Entries
from rom._core.ops.requests import Operation, Pipeline, Script, arriving, next_reply
from rom._core.schema import Schema

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


# Calls of the script in one round trip: replies are processed while Redis runs the other calls.
_CALLS = 8
# Keys and entries in one call: some 2 milliseconds of the server's time.
_KEYS = 500
_ENTRIES = b'4000'
_BEGINNING = b'0'

#: Takes a key, its type, and some of its entries as SCAN returns them.
Note: TypeAlias = Callable[[bytes, bytes, Sequence[bytes]], object]


class Scan:
    """Reads the entries of indexes.

    An entry that exists all the time is read at least once; it may be read again where the index
    grows meanwhile.

    Args:
        schema: the schema of the model.
        keys: the keys of the indexes.

    Attributes:
        done: the number of indexes that were read to their end.
    """

    def __init__(self, schema: Schema, keys: Iterable[bytes]) -> None:
        self.done = 0
        self._schema = schema
        self._waiting = iter(list(keys))
        self._open: list[tuple[list[bytes], bytes]] = []
        self._refill()

    @property
    def is_over(self) -> bool:
        """True once all entries were read."""
        return not self._open

    def step(self, note: Note) -> Operation[None]:
        """Read some entries, in one round trip, and pass them to `note`."""
        scripts = tuple(self._script(keys, position) for keys, position in self._open)
        replies = yield from arriving(Pipeline(scripts, one_by_one=True))
        left: list[tuple[list[bytes], bytes]] = []
        for keys, _ in self._open:
            begun, position, packed = yield from next_reply(replies)
            for key, (kind, flat) in zip(keys, unpack_list(packed), strict=False):
                note(key, kind, flat or ())  # an empty list is packed as a map
            ended = begun - (position != _BEGINNING)
            self.done += ended
            if rest := keys[ended:]:
                left.append((rest, position))
        self._open = left
        self._refill()

    def _refill(self) -> None:
        while len(self._open) < _CALLS and (keys := list(islice(self._waiting, _KEYS))):
            self._open.append((keys, _BEGINNING))

    def _script(self, keys: list[bytes], position: bytes) -> Script:
        request = {'keys': keys, 'from': position, 'count': _ENTRIES}
        return Script('scan_entries', self._schema.keys.counter, pack(request))
