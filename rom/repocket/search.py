"""Search: the criteria of a filter, and the records that meet them.

A record is found by its id, by a unique value, by an index, or by a scan of all. An index only
gives candidates: each criterion is then tested on the records themselves. So a stale index entry,
left by a program without indexes, cannot add a wrong record.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rom._core.encoding.text import as_bytes, show
from rom._core.encoding.wire import pack
from rom._core.ops.requests import Operation, Script
from rom._core.ops.search.search_calls import BOUNDS
from rom._core.ops.search.split_search import InPartsError, Parts
from rom._core.query.filters import filtered
from rom._core.query.nodes import All, Direction, InRange, Mark, Node, Order
from rom._core.query.spec import Asked
from rom.exceptions import CorruptRowError, InvalidColumnValue, QueryError
from rom.repocket.loading import PAGE, Found, load, load_unique, no_index, scan, unreadable
from rom.repocket.record_schema import Layout

_SIGNS: dict[str, Callable[[Any, Any], bool]] = {
    '': operator.eq,
    'gt': operator.gt,
    'gte': operator.ge,
    'lt': operator.lt,
    'lte': operator.le,
}


@dataclass(frozen=True, slots=True)
class Criterion:
    """A condition on one attribute.

    Attributes:
        layout: the model's layout.
        name: the attribute.
        sign: '' for equal, 'gt', 'gte', 'lt', 'lte'.
        value: the value to compare with.
    """

    layout: Layout
    name: str
    sign: str
    value: Any

    def holds(self, found: Any) -> bool:
        """Return whether a value of the attribute meets the condition."""
        if found is None or self.value is None:
            return found is self.value and not self.sign
        comparable = self.layout.attributes[self.name].comparable
        return _SIGNS[self.sign](comparable(found), comparable(self.value))

    def node(self) -> Node | None:
        """Return the query node that finds candidates, or None if no index can."""
        attribute = self.layout.attributes[self.name]
        if self.name not in self.layout.schema.indexes or self.value in (None, '', b''):
            return None
        value = attribute.indexed(self.value)
        low, high = value, value
        if self.sign.startswith('g'):
            high = None
        elif self.sign.startswith('l'):
            low = None
        asked = (low, high) if attribute.is_ordered else value
        node = filtered(self.layout.schema, self.name, asked)
        # Scores are doubles, and large numbers may share one. The server's exact test cannot read
        # the JSON of records, so `holds` decides on the loaded record.
        return node._replace(exact=None) if isinstance(node, InRange) else node

    def identity(self) -> bytes | None:
        """Return the unique value to look up, or None if the condition is not on one."""
        attribute = self.layout.uniques.get(self.name)
        if attribute is None or self.sign or self.value is None:
            return None
        return attribute.identity(self.value) or None

    @property
    def may_be_missing(self) -> bool:
        """True if a missing field meets the condition; such a record claims no unique value."""
        attribute = self.layout.attributes[self.name]
        return not callable(attribute.default) and attribute.missing() == self.value


def criteria_of(layout: Layout, asked: Mapping[str, Any]) -> list[Criterion]:
    """Return the criteria of keyword arguments.

    Raises:
        RepocketUnknownField: the model has no such attribute.
        QueryError: the attribute does not accept the value, or cannot be compared so; or a key is
            not a name.
    """
    for name in asked:
        if not isinstance(name, str):
            raise QueryError(f'{layout.model}: expected names of attributes, got {show(name)}')
    return [_criterion(layout, name, value) for name, value in asked.items()]


def _criterion(layout: Layout, asked: str, value: Any) -> Criterion:
    name, separator, sign = asked.rpartition('__')
    if not separator or asked in layout.attributes:
        name, sign = asked, ''
    attribute = layout.attribute(name)
    where = f'{layout.model}: {asked}={show(value)}'
    if sign not in _SIGNS:
        raise QueryError(f'{where}: expected __gt, __gte, __lt or __lte after the attribute')
    try:
        cast = attribute.cast(value)
    except InvalidColumnValue as error:
        raise QueryError(f'{where}: {error}') from None
    if sign and (cast is None or not (attribute.is_ordered or isinstance(cast, (str, bytes)))):
        raise QueryError(
            f'{where}: a {type(attribute).__name__} has no order for this value; compare for '
            f'equality, with {name}=...'
        )
    return Criterion(layout, name, sign, cast)


def nodes_of(criteria: Sequence[Criterion]) -> tuple[Node, ...]:
    """Return the query nodes of the criteria that have an index."""
    found = (criterion.node() for criterion in criteria)
    return tuple(node for node in found if node is not None)


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
    """Return the records that the indexes name, the first page in the same round trip."""
    asking = _Asking(layout, All(nodes))
    found = Found()
    further: list[bytes] = []
    try:
        while not asking.is_done:
            ids, packed, broken, more = yield from asking.ask('rows')
            yield from found.take(layout, (ids, packed, broken))
            further += more
    except InPartsError:
        parts = Parts(asking)
        found, further = Found(), list((yield from parts.matches(asking.where)))
    rest_of = yield from load(layout, further)
    return Found(found.rows + rest_of.rows, found.broken + rest_of.broken)


class _Asking:
    """A search for records.

    Args:
        layout: the model's.
        where: the condition.
    """

    orders: tuple[Order, ...] = ()
    direction: Direction | None = None
    asked = Asked()
    expiry: str | None = None

    def __init__(self, layout: Layout, where: All) -> None:
        self._layout = layout
        self.where = where
        self._position: bytes | None = None

    @property
    def is_done(self) -> bool:
        """The script has told all."""
        return self._position == b''

    def about(
        self, where: All, orders: tuple[Order, ...] = (), mark: Mark | None = None
    ) -> _Asking:
        """A search for something else; records have no order."""
        return _Asking(self._layout, where)

    def all_ids(self, need: int | None = None) -> Operation[list[bytes]]:
        """The ids of all matches."""
        found: list[bytes] = []
        while not self.is_done:
            found += (yield from self.ask('ids'))[-1]
        return found

    def those_there(self, ids: Sequence[bytes]) -> Operation[set[bytes]]:
        """Return which of some ids have a record."""
        found = yield from load(self._layout, ids)
        return {id for id, _ in found.rows}

    def ask(self, want: str) -> Operation[list[Any]]:
        """Go on: the ids, rows, and keys without a row that a call brings, and further ids.

        Raises:
            InPartsError: the script refuses to gather so much.
        """
        keys = self._layout.schema.keys
        request: dict[str, Any] = {
            'head': self._layout.head,
            # Records have no numbers for ids, so neither a bitmap of them nor a counter.
            'live': keys.live,
            'counter': keys.counter,
            'where': self.where.as_map(),
            'skip': 0,
            'want': want,
            'fields': self._layout.wire_fields,
            'page': PAGE,
            'small': BOUNDS.small,
            'unnumbered': True,
            'budget': BOUNDS.budget,
            'position': self._position,
        }
        needs = self.where.needs
        status, *rest = yield Script('search', keys.counter, pack(request), needs)
        if status == b'in parts':
            raise InPartsError
        if status != b'ok':
            raise no_index(self._layout, rest[0])
        self._position, _, _, *told = rest
        return list(told)
