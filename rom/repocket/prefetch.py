"""Prefetch for mates, the records that were loaded together.

The first access to a pointer or a stream reads it for the record's mates, too. Otherwise a loop
over records would need a round trip for each.
"""

from __future__ import annotations

import uuid
import weakref
from collections.abc import Iterable
from typing import TYPE_CHECKING

from rom._core.encoding.text import as_bytes, as_text
from rom.repocket import loading
from rom.repocket.connection import run
from rom.repocket.errors import RepocketReferenceError
from rom.repocket.keys import Reference
from rom.repocket.record_schema import Layout
from rom.repocket.registry import MODELS

if TYPE_CHECKING:
    from rom.repocket.state import State

# The number of records whose streams are read at once. It is limited because streams may be long.
STREAMS_AT_ONCE = 50


class Mates:
    """Weak references to records that were loaded together."""

    def __init__(self, records: Iterable[State]) -> None:
        self._records = [weakref.ref(record) for record in records]

    def from_on(self, first: State) -> list[State]:
        """Return a record and those after it."""
        alive = [record for known in self._records if (record := known()) is not None]
        place = next((at for at, record in enumerate(alive) if record is first), None)
        return [first] if place is None else alive[place:]

    def all_with(self, first: State) -> list[State]:
        """Return a record and all others."""
        alive = (known() for known in self._records)
        return [first, *(record for record in alive if record is not None and record is not first)]


def load_pointers(record: State, name: str) -> None:
    """Read the records that a pointer of this record and of its mates points to, in one round trip.

    Raises:
        RepocketReferenceError: the program has not imported the class of this record's target.
        CorruptRowError: the key of this record's target holds something other than a record.
    """
    own = record._pending(name)
    assert own is not None
    if own.name not in MODELS:
        module, _, model = own.name.partition(':')
        raise RepocketReferenceError(
            f'{type(record).__name__}.{name} points to {own.key}, but the program has not imported '
            f'{model} of {module}; import it first'
        )
    waiting = [(mate, pending) for mate in record._mates.all_with(record)
               if (pending := mate._pending(name)) is not None]  # fmt: skip
    wanted: dict[Layout, dict[bytes, None]] = {}
    for _, reference in waiting:
        if reference.name in MODELS:
            ids = wanted.setdefault(MODELS[reference.name]._layout, {})
            ids[as_bytes(str(reference.id))] = None
    found = run(loading.load_models({layout: list(ids) for layout, ids in wanted.items()}))
    known: dict[Reference, State | None] = {}
    for layout, of_model in found.items():
        known |= _known(layout, wanted[layout], of_model)
    for mate, reference in waiting:
        if reference in known:
            mate._resolved[name] = known[reference]
    if own not in known:
        raise loading.unreadable(MODELS[own.name]._layout, as_bytes(str(own.id)))


def _known(
    layout: Layout, ids: Iterable[bytes], found: loading.Found
) -> dict[Reference, State | None]:
    """Return the record of each reference, or None for a record that was deleted."""
    records = {
        id: record
        for (id, _), record in zip(found.rows, MODELS[layout.name]._loaded(found.rows), strict=True)
    }
    broken = set(found.broken)
    return {
        Reference(layout.name, uuid.UUID(as_text(id))): records.get(id)
        for id in ids
        if id not in broken
    }


def load_streams(record: State, name: str) -> None:
    """Read a stream of this record and of some mates after it, in one round trip.

    Raises:
        CorruptRowError: the key of this record's stream holds something other than a string.
    """
    some = [
        mate
        for mate in record._mates.from_on(record)[:STREAMS_AT_ONCE]
        if mate._is_saved and name not in mate._contents
    ]
    ids = [as_bytes(str(mate._id)) for mate in some]
    contents = run(loading.read_streams(record._layout, name, ids))
    for mate, content in zip(some, contents, strict=True):
        if content is not None:
            mate._contents[name] = content
        elif mate is record:
            raise loading.no_string(record._layout, record._layout.stream(record._id, name))
