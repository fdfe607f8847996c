"""Entry scan: reads the entries of many indexes, several calls of a script in a round trip."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import TypeAlias

from rom._core.encoding.wire import pack, unpack_list
from rom._core.ops.requests import Operation, Pipeline, Script
from rom._core.schema import Schema

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
        replies = yield Pipeline(scripts, one_by_one=True)
        left: list[tuple[list[bytes], bytes]] = []
        for (keys, _), (begun, position, packed) in zip(self._open, replies, strict=True):
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
