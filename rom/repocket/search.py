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
from rom._core.ops.search.bounds import BOUNDS
from rom._core.ops.search.split_search import InPartsError, Parts
from rom._core.query.filters import filtered
from rom._core.query.nodes import All, InRange, Node
from rom._core.query.sort_order import Direction, Order, SortCursor
from rom._core.query.spec import QuerySpec
from rom.exceptions import CorruptRowError, InvalidColumnValue, QueryError
from rom.repocket.loading import PAGE, LoadedRows, load, load_unique, no_index, scan, unreadable
from rom.repocket.record_schema import RecordSchema

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
        schema: the model's schema.
        name: the attribute.
        sign: '' for equal, 'gt', 'gte', 'lt', 'lte'.
        value: the value to compare with.
    """

    schema: RecordSchema
    name: str
    sign: str
    value: Any

    def holds(self, found: Any) -> bool:
        """Return whether a value of the attribute meets the condition."""
        if found is None or self.value is None:
            return found is self.value and not self.sign
        comparable = self.schema.attributes[self.name].comparable
        return _SIGNS[self.sign](comparable(found), comparable(self.value))

    def node(self) -> Node | None:
        """Return the query node that finds candidates, or None if no index can."""
        attribute = self.schema.attributes[self.name]
        if self.name not in self.schema.index_schema.indexes or self.value in (None, '', b''):
            return None
        value = attribute.indexed(self.value)
        low, high = value, value
        if self.sign.startswith('g'):
            high = None
        elif self.sign.startswith('l'):
            low = None
        clause = (low, high) if attribute.is_ordered else value
        node = filtered(self.schema.index_schema, self.name, clause)
        # Scores are doubles, and large numbers may share one. The server's exact test cannot read
        # the JSON of records, so `holds` decides on the loaded record.
        return node._replace(exact=None) if isinstance(node, InRange) else node

    def identity(self) -> bytes | None:
        """Return the unique value to look up, or None if the condition is not on one."""
        attribute = self.schema.uniques.get(self.name)
        if attribute is None or self.sign or self.value is None:
            return None
        return attribute.identity(self.value) or None

    @property
    def may_be_missing(self) -> bool:
        """True if a missing field meets the condition; such a record claims no unique value."""
        attribute = self.schema.attributes[self.name]
        return not callable(attribute.default) and attribute.missing() == self.value


def criteria_of(schema: RecordSchema, clauses: Mapping[str, Any]) -> list[Criterion]:
    """Return the criteria of keyword arguments.

    Raises:
        RepocketUnknownField: the model has no such attribute.
        QueryError: the attribute does not accept the value, or cannot be compared so; or a key is
            not a name.
    """
    for name in clauses:
        if not isinstance(name, str):
            raise QueryError(f'{schema.model}: expected names of attributes, got {show(name)}')
    return [_criterion(schema, name, value) for name, value in clauses.items()]


def _criterion(schema: RecordSchema, clause: str, value: Any) -> Criterion:
    name, separator, sign = clause.rpartition('__')
    if not separator or clause in schema.attributes:
        name, sign = clause, ''
    attribute = schema.attribute(name)
    where = f'{schema.model}: {clause}={show(value)}'
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
    return Criterion(schema, name, sign, cast)


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


def find(schema: RecordSchema, criteria: Sequence[Criterion]) -> Operation[Matches]:
    """Return the records that meet all criteria, in no order.

    Raises:
        CorruptRowError: the key of an index holds another type.
    """
    for criterion in criteria:
        if criterion.name == schema.primary and not criterion.sign and criterion.value is not None:
            id = as_bytes(str(criterion.value))
            return _sift(schema, criteria, (yield from load(schema, [id])))
        if criterion.identity() is not None and not criterion.may_be_missing:
            return (yield from find_unique(schema, criterion, criteria))
    nodes = nodes_of(criteria)
    if nodes:
        return _sift(schema, criteria, (yield from _search(schema, nodes)))
    found = yield from scan(schema)
    matches = _sift(schema, criteria, found)
    matches.scanned = len(found.rows)
    return matches


def find_unique(
    schema: RecordSchema, criterion: Criterion, criteria: Sequence[Criterion] = ()
) -> Operation[Matches]:
    """Return the record that has a unique value, if it meets all criteria."""
    identity = criterion.identity()
    if identity is None:
        return Matches()
    found = yield from load_unique(schema, criterion.name, identity)
    return _sift(schema, criteria or [criterion], found)


def _sift(schema: RecordSchema, criteria: Sequence[Criterion], found: LoadedRows) -> Matches:
    matches = Matches(errors=[unreadable(schema, id) for id in found.broken])
    for id, stored in found.rows:
        try:
            if all(c.holds(schema.value(id, c.name, stored)) for c in criteria):
                matches.rows.append((id, stored))
        except CorruptRowError as error:
            matches.errors.append(error)
    return matches


def _search(schema: RecordSchema, nodes: tuple[Node, ...]) -> Operation[LoadedRows]:
    """Return the records that the indexes name, the first page in the same round trip."""
    search = _RecordSearch(schema, All(nodes))
    found = LoadedRows()
    further: list[bytes] = []
    try:
        while not search.is_done:
            ids, packed, broken, more = yield from search.ask('rows')
            yield from found.take(schema, (ids, packed, broken))
            further += more
    except InPartsError:
        parts = Parts(search)
        found, further = LoadedRows(), list((yield from parts.matches(search.where)))
    rest_of = yield from load(schema, further)
    return LoadedRows(found.rows + rest_of.rows, found.broken + rest_of.broken)


class _RecordSearch:
    """Search for the records that meet a condition, as `Parts` uses it.

    Args:
        schema: the schema of the model.
        where: the condition.
    """

    orders: tuple[Order, ...] = ()
    direction: Direction | None = None
    spec = QuerySpec()
    leaves_out: bool = False

    def __init__(self, schema: RecordSchema, where: All) -> None:
        self._schema = schema
        self.where = where
        self._position: bytes | None = None

    @property
    def is_done(self) -> bool:
        """True after the script has returned all matches."""
        return self._position == b''

    def about(
        self, where: All, orders: tuple[Order, ...] = (), mark: SortCursor | None = None
    ) -> _RecordSearch:
        """Return a search with another condition; records have no order."""
        return _RecordSearch(self._schema, where)

    def all_ids(self, need: int | None = None) -> Operation[list[bytes]]:
        """Return the ids of all matches."""
        found: list[bytes] = []
        while not self.is_done:
            found += (yield from self.ask('ids'))[-1]
        return found

    def those_there(self, ids: Sequence[bytes]) -> Operation[set[bytes]]:
        """Return which of some ids have a record."""
        found = yield from load(self._schema, ids)
        return {id for id, _ in found.rows}

    def ask(self, want: str) -> Operation[list[Any]]:
        """Return the next ids, rows, and keys without a row, and further ids.

        Raises:
            InPartsError: the script refuses to gather so much.
        """
        keys = self._schema.index_schema.keys
        request: dict[str, Any] = {
            'head': self._schema.head,
            # Records have no numbers for ids, so neither a bitmap of them nor a counter.
            'live': keys.live,
            'counter': keys.counter,
            'where': self.where.as_map(),
            'skip': 0,
            'want': want,
            'fields': self._schema.wire_fields,
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
            raise no_index(self._schema, rest[0])
        self._position, _, _, *found = rest
        return list(found)
