"""Plans: what a search asks of the server, as pure data, in the terms of Redis' keys.

A plan is made by `rom._core.query.query` and carried out by `lua/search.lua`, which finds out how
large each part is and where to begin. Nodes make a tree of any depth; `as_map` turns one into the
map that the script reads. What a node was `said` to be is for people, and makes no two of them
differ.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeAlias, TypeVar

from rom._core.query.filter_labels import Said

if TYPE_CHECKING:
    from rom._core.query.like_patterns import EncodedToken

# Parts of `lua/search.lua` that nodes take; those made of other nodes take one.
NOTHING: Final[frozenset[str]] = frozenset()
TREES: Final = frozenset(('trees',))
IDS: Final = frozenset(('ids',))

Tie: TypeAlias = Literal['id', 'integer', 'text', 'text_ci']
Direction: TypeAlias = Literal['up', 'down']
N = TypeVar('N', bound=tuple[Any, ...])


def _node(kind: type[N]) -> type[N]:
    """A kind of node: two are equal that ask for the same, whatever they were said to be.

    Named tuples, for every query makes some: a frozen dataclass takes ten times as long.
    """
    fields: tuple[str, ...] = kind._fields  # type: ignore[attr-defined]
    asked = operator.itemgetter(*(place for place, name in enumerate(fields) if name != 'said'))

    def equal(node: Any, other: object) -> bool:
        return type(other) is kind and asked(node) == asked(other)

    def unequal(node: Any, other: object) -> bool:
        return not equal(node, other)

    def digest(node: Any) -> int:
        return hash((kind, asked(node)))

    def shown(node: Any) -> str:
        pairs = (f'{name}={value!r}' for name, value in node._asdict().items() if name != 'said')
        return f'{kind.__name__}({", ".join(pairs)})'

    kind.__repr__ = shown  # type: ignore[method-assign]
    kind.__eq__, kind.__ne__ = equal, unequal  # type: ignore[method-assign]
    kind.__hash__ = digest  # type: ignore[assignment]
    return kind


@_node
class InSet(NamedTuple):
    """The ids that have a word; or, where the key is that of a numeric sub-index, all ids in it."""

    key: bytes
    said: Said | None = None

    def as_map(self) -> dict[str, Any]:
        return {'kind': 'set', 'key': self.key}

    @property
    def needs(self) -> frozenset[str]:
        """The parts of the script that it takes, as every node says."""
        return NOTHING


@_node
class Ids(NamedTuple):
    """Those of some ids that exist.

    Attributes:
        ids: in ascending order, each once.
    """

    ids: tuple[int, ...]
    said: Said | None = None

    def as_map(self) -> dict[str, Any]:
        return {'kind': 'ids', 'ids': [b'%d' % id for id in self.ids]}

    @property
    def needs(self) -> frozenset[str]:
        return IDS


@_node
class IdsBetween(NamedTuple):
    """The ids between two, both included; `high` may be None."""

    low: int
    high: int | None
    said: Said | None = None

    def as_map(self) -> dict[str, Any]:
        found = {'kind': 'between', 'low': b'%d' % self.low}
        return found if self.high is None else {**found, 'high': b'%d' % self.high}

    @property
    def needs(self) -> frozenset[str]:
        return IDS


@_node
class InUnique(NamedTuple):
    """The ids that the hash of a column's unique values has for some of them."""

    key: bytes
    values: tuple[bytes, ...]
    said: Said | None = None

    def as_map(self) -> dict[str, Any]:
        return {'kind': 'unique', 'key': self.key, 'values': list(self.values)}

    @property
    def needs(self) -> frozenset[str]:
        return IDS


class Exact(NamedTuple):
    """The integers that bound a range, where doubles cannot tell them from their neighbours.

    Attributes:
        field: the column in the row that has the whole number; empty: the id is the number.
        low, high: decimal digits; None where the double says enough.
    """

    field: bytes
    low: bytes | None
    high: bytes | None


@_node
class InRange(NamedTuple):
    """The ids whose number lies between two, both included."""

    key: bytes
    low: bytes
    high: bytes
    exact: Exact | None = None
    said: Said | None = None

    def as_map(self) -> dict[str, Any]:
        found = {'kind': 'range', 'key': self.key, 'low': self.low, 'high': self.high}
        if self.exact is None:
            return found
        bounds = (('low', self.exact.low), ('high', self.exact.high))
        exact = {name: bound for name, bound in bounds if bound is not None}
        return {**found, 'exact': {'field': self.exact.field, **exact}}

    @property
    def needs(self) -> frozenset[str]:
        return NOTHING


class Whole(NamedTuple):
    """An index has an entity's whole value, so that its row tells what is in the index.

    Attributes:
        field: the column in the row.
        lowers: the index has it lower-cased.
        turned: the index has it reversed.
    """

    field: bytes
    lowers: bool
    turned: bool = False


@_node
class StartsWith(NamedTuple):
    """The ids whose string, in a prefix or suffix index, begins in some way.

    Attributes:
        key: of the index.
        head: what the string begins with.
        pattern: what must follow, when that is not just anything.
        raw: the strings are bytes: a character is a byte, where it else is one of UTF-8.
        whole: the string is the whole value; None: an entity may have several.
        without: what the string begins with none of.
    """

    key: bytes
    head: bytes
    pattern: tuple[EncodedToken, ...] = ()
    raw: bool = False
    whole: Whole | None = None
    without: tuple[bytes, ...] = ()
    said: Said | None = None

    def as_map(self) -> dict[str, Any]:
        low, high = bounds_of(self.head)
        found: dict[str, Any] = {
            'kind': 'lex',
            'key': self.key,
            'low': low,
            'high': high,
            'head': self.head,
            'pattern': [token.as_map() for token in self.pattern],
            'raw': self.raw,
            'plain': not self.pattern and not self.without and b'\0' not in self.head,
        }
        if self.without:
            found['without'] = list(self.without)
        if self.whole is not None:
            whole = self.whole
            found |= {'field': whole.field, 'lowers': whole.lowers, 'turned': whole.turned}
        return found

    @property
    def needs(self) -> frozenset[str]:
        return frozenset(('strings', 'patterns')) if self.pattern else frozenset(('strings',))


@_node
class All(NamedTuple):
    """Every node holds; without nodes: every entity."""

    nodes: tuple[Node, ...] = ()

    def as_map(self) -> dict[str, Any]:
        nodes = self.flat()
        if not nodes:
            return {'kind': 'all'}
        if len(nodes) == 1:
            return nodes[0].as_map()
        return {'kind': 'and', 'nodes': [node.as_map() for node in nodes]}

    @property
    def needs(self) -> frozenset[str]:
        return NOTHING.union(*[node.needs for node in self.flat()])

    @property
    def may_repeat(self) -> bool:
        """One entity may be found several times, by each of its strings."""
        return None in [node.whole for node in self.flat() if isinstance(node, StartsWith)]

    def flat(self) -> tuple[Node, ...]:
        """The nodes, those of nested `All` in the place of these; one of one is that one."""
        if _NESTED.isdisjoint(map(type, self.nodes)):
            return self.nodes
        parts = (_flat(node) for node in self.nodes)
        return tuple(node for part in parts for node in part)


@_node
class AnyOf(NamedTuple):
    """One of the nodes holds; without nodes: no entity."""

    nodes: tuple[Node, ...] = ()

    def as_map(self) -> dict[str, Any]:
        if len(self.nodes) == 1:
            return self.nodes[0].as_map()
        return {'kind': 'or', 'nodes': [node.as_map() for node in self.nodes]}

    @property
    def needs(self) -> frozenset[str]:
        return TREES.union(*(node.needs for node in self.nodes))


@_node
class Not(NamedTuple):
    """The node does not hold."""

    node: Node

    def as_map(self) -> dict[str, Any]:
        return {'kind': 'not', 'node': self.node.as_map()}

    @property
    def needs(self) -> frozenset[str]:
        return TREES | self.node.needs


@_node
class Near(NamedTuple):
    """The ids of the places within a radius; the nearest first, where nothing else is asked for.

    Attributes:
        key: of the geo index.
        lon, lat, radius: numbers, as digits.
        unit: that of the radius.
        count: so many of them at most, the nearest; None: all.
    """

    key: bytes
    lon: bytes
    lat: bytes
    radius: bytes
    unit: str
    count: int | None = None  # type: ignore[assignment]
    said: Said | None = None

    def as_map(self) -> dict[str, Any]:
        return {
            'kind': 'near',
            'key': self.key,
            'lon': self.lon,
            'lat': self.lat,
            'radius': self.radius,
            'unit': self.unit,
            'count': self.count,
        }

    @property
    def needs(self) -> frozenset[str]:
        return frozenset(('near',))


@_node
class Given(NamedTuple):
    """These ids, each once: what was found before.

    Attributes:
        ids: in any order.
    """

    ids: tuple[bytes, ...]
    said: Said | None = None

    def as_map(self) -> dict[str, Any]:
        return {'kind': 'given', 'ids': self.ids}

    @property
    def needs(self) -> frozenset[str]:
        return frozenset(('given',))


_NESTED: Final[frozenset[type]] = frozenset((All, AnyOf))


def _flat(node: Node) -> tuple[Node, ...]:
    while isinstance(node, AnyOf) and len(node.nodes) == 1:
        node = node.nodes[0]
    return node.flat() if isinstance(node, All) else (node,)


Node: TypeAlias = (
    'InSet | InRange | StartsWith | Ids | IdsBetween | InUnique | Given | All | AnyOf | Not | Near'
)


class Order(NamedTuple):
    """What results are sorted by.

    Attributes:
        column: the column's name, or that of a sub-index, as in 'col:x'.
        reverse: the largest first.
        kind: 'score' by a numeric index, 'text' by an index of whole strings, 'stored' by what
            the rows hold, 'id' by the ids; no order follows the last one, which leaves none equal.
        key: of that index; empty for 'stored' and 'id'.
        tie: what tells apart those of one score.
        field: the column in the row that `tie` looks at.
        or_stored: when the key does not exist, the rows decide.
    """

    column: str
    reverse: bool
    kind: Literal['score', 'text', 'stored', 'id']
    key: bytes = b''
    tie: Tie = 'id'
    field: bytes = b''
    or_stored: bool = False

    @property
    def may_need_rows(self) -> bool:
        """Results may have to be sorted by what their rows hold."""
        return self.kind != 'score' or self.or_stored

    def as_map(self) -> dict[str, Any]:
        return {
            'kind': self.kind,
            'key': self.key,
            'reverse': self.reverse,
            'tie': self.tie,
            'field': self.field,
            'or_stored': self.or_stored,
        }


class Place(NamedTuple):
    """Where a row stands in an order.

    Attributes:
        score: its number in the order's index; None where it has none.
        raw: what it holds of the column; None where it holds nothing, or no column says.
    """

    score: bytes | None
    raw: bytes | None


class Mark(NamedTuple):
    """A place in the results: what follows it is wanted.

    Attributes:
        id: of the entity that stood there.
        places: where its row stood in each order; none, where there are orders: it is the
            beginning, and rows have to tell where they stand.
    """

    id: int
    places: tuple[Place, ...] = ()


def bounds_of(head: bytes) -> tuple[bytes, bytes]:
    """The lexical range that holds all strings with this beginning.

    Members of an index are a string, a NUL and an id, and the order of the index is that of the
    strings. For bounds without a NUL these two orders agree, so of a head with one only the part
    before it makes the range, and the members are looked at one by one.

    >>> bounds_of(b'ab'), bounds_of(b'a\\xff'), bounds_of(b'\\xff'), bounds_of(b'a\\x00b')
    ((b'[ab', b'(ac'), (b'[a\\xff', b'(b'), (b'[\\xff', b'+'), (b'[a', b'(b'))
    """
    head = head.partition(b'\0')[0]
    if not head:
        return b'-', b'+'
    stem = head.rstrip(b'\xff')
    after = b'(' + stem[:-1] + bytes([stem[-1] + 1]) if stem else b'+'
    return b'[' + head, after
