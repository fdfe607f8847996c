"""Finding records that meet criteria: by id, unique value or index, or by a scan of all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from rom.encoding.text import as_bytes
from rom.encoding.wire import pack
from rom.exceptions import CorruptRowError
from rom.ops.requests import Operation, Script
from rom.ops.searching import BOUNDS
from rom.query.plan import All, Node
from rom.repocket.criteria import Criterion, nodes_of
from rom.repocket.layout import Layout
from rom.repocket.loading import PAGE, Found, load, load_unique, no_index, scan, unreadable


@dataclass(slots=True)
class Matches:
    """Records that meet criteria.

    Attributes:
        rows: pairs of id and hash.
        scanned: the number of records that were read because no index applies.
        errors: errors of the records that cannot be read.
    """

    rows: list[tuple[bytes, dict[str, bytes]]] = field(default_factory=list)
    scanned: int = 0
    errors: list[CorruptRowError] = field(default_factory=list)


def find(layout: Layout, criteria: Sequence[Criterion]) -> Operation[Matches]:
    """Return the records that meet all criteria, in no order.

    Raises:
        CorruptRowError: the key of an index holds another type.
    """
    for criterion in criteria:
        if criterion.name == layout.primary and not criterion.sign and criterion.value is not None:
            id = as_bytes(str(criterion.value))
            return _sift(layout, criteria, (yield from load(layout, [id])))
        if criterion.identity() is not None and not criterion.may_be_missing:
            return (yield from find_unique(layout, criterion, criteria))
    nodes = nodes_of(criteria)
    if nodes:
        return _sift(layout, criteria, (yield from _search(layout, nodes)))
    found = yield from scan(layout)
    matches = _sift(layout, criteria, found)
    matches.scanned = len(found.rows)
    return matches


def find_unique(
    layout: Layout, criterion: Criterion, criteria: Sequence[Criterion] = ()
) -> Operation[Matches]:
    """Return the record that has a unique value, if it meets all criteria."""
    identity = criterion.identity()
    if identity is None:
        return Matches()
    found = yield from load_unique(layout, criterion.name, identity)
    return _sift(layout, criteria or [criterion], found)


def _sift(layout: Layout, criteria: Sequence[Criterion], found: Found) -> Matches:
    matches = Matches(errors=[unreadable(layout, id) for id in found.broken])
    for id, stored in found.rows:
        try:
            if all(c.holds(layout.value(id, c.name, stored)) for c in criteria):
                matches.rows.append((id, stored))
        except CorruptRowError as error:
            matches.errors.append(error)
    return matches


def _search(layout: Layout, nodes: tuple[Node, ...]) -> Operation[Found]:
    """Return the records that the indexes name; the search itself brings the first page of rows."""
    keys = layout.schema.keys
    request: dict[str, Any] = {
        'head': layout.head,
        # Ids are UUIDs, so records have neither a live bitmap nor a counter. The script needs the
        # keys all the same.
        'live': keys.live,
        'counter': keys.counter,
        'where': All(nodes).as_map(),
        'skip': 0,
        'want': 'rows',
        'fields': layout.wire_fields,
        'page': PAGE,
        'small': BOUNDS.small,
        'unnumbered': True,
        'budget': BOUNDS.budget,
    }
    found = Found()
    further: list[bytes] = []
    position: bytes | None = None
    while position != b'':
        asked = {**request, 'position': position}
        status, *rest = yield Script('search', keys.counter, pack(asked), All(nodes).needs)
        if status != b'ok':
            raise no_index(layout, rest[0])
        position, _, _, ids, packed, broken, more = rest
        found.take(layout, (ids, packed, broken))
        further += more
    rest_of = yield from load(layout, further)
    return Found(found.rows + rest_of.rows, found.broken + rest_of.broken)
