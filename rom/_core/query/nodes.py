"""Query plans: a search as pure data, in terms of Redis keys.

The methods of `rom._core.query.query` make a plan. `lua/search.lua` carries it out: it finds the
size of each part, and decides where to begin. Nodes form a tree of any depth; `as_map` turns one
into the map that the script reads.
"""

from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeAlias

from rom._core.encoding.stems import bounds_of
from rom._core.query.filter_labels import FilterLabel, labelled

if TYPE_CHECKING:
    from rom._core.query.like_patterns import EncodedToken
    from rom._core.query.relation_nodes import Linked, Referring, Related

# Parts of `lua/search.lua` that nodes need; nodes made of other nodes need one as well.
NOTHING: Final[frozenset[str]] = frozenset()
TREES: Final = frozenset(('trees',))
IDS: Final = frozenset(('ids',))


@labelled
class InSet(NamedTuple):
    """The ids with an index entry for a word; or, with the key of a sub-index, all ids in it."""

    key: bytes
    label: FilterLabel | None = None

    def as_map(self) -> dict[str, Any]:
        return {'kind': 'set', 'key': self.key}

    @property
    def needs(self) -> frozenset[str]:
        """The names of the parts of the script that the node needs."""
        return NOTHING


@labelled
class Ids(NamedTuple):
    """The existing ones of some ids.

    Attributes:
        ids: in ascending order, without repeats.
    """

    ids: tuple[int, ...]
    label: FilterLabel | None = None

    def as_map(self) -> dict[str, Any]:
        return {'kind': 'ids', 'ids': [b'%d' % id for id in self.ids]}

    @property
    def needs(self) -> frozenset[str]:
        return IDS


@labelled
class IdsBetween(NamedTuple):
    """The ids between two bounds, both included; `high` may be None."""

    low: int
    high: int | None
    label: FilterLabel | None = None

    def as_map(self) -> dict[str, Any]:
        found = {'kind': 'between', 'low': b'%d' % self.low}
        return found if self.high is None else {**found, 'high': b'%d' % self.high}

    @property
    def needs(self) -> frozenset[str]:
        return IDS


@labelled
class InUnique(NamedTuple):
    """The ids to which the hash of a column's unique values maps some values."""

    key: bytes
    values: tuple[bytes, ...]
    label: FilterLabel | None = None

    def as_map(self) -> dict[str, Any]:
        return {'kind': 'unique', 'key': self.key, 'values': list(self.values)}

    @property
    def needs(self) -> frozenset[str]:
        return IDS


class Exact(NamedTuple):
    """The exact integers that bound a range, where doubles stand for several integers.

    Attributes:
        field: the column in the row with the whole number; empty: the id is the number.
        low, high: decimal digits; None if the double is exact.
    """

    field: bytes
    low: bytes | None
    high: bytes | None


@labelled
class InRange(NamedTuple):
    """The ids whose number lies between two bounds, both included."""

    key: bytes
    low: bytes
    high: bytes
    exact: Exact | None = None
    label: FilterLabel | None = None

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
    """The form of a whole value in an index, so that its row shows what the index has.

    Attributes:
        field: the column in the row.
        lowers: the index has the value lower-cased.
        turned: the index has the value reversed.
    """

    field: bytes
    lowers: bool
    turned: bool = False


@labelled
class StartsWith(NamedTuple):
    """The ids whose string in a prefix or suffix index starts with a text.

    Attributes:
        key: the key of the index.
        head: the literal start of the string.
        pattern: the gaps and texts that must follow; empty: anything may follow.
        raw: the strings are bytes, so that a character is a byte; otherwise they are UTF-8.
        whole: where the row holds the whole value; None: an entity may have several strings.
        without: starts that the string must not have.
    """

    key: bytes
    head: bytes
    pattern: 'tuple[EncodedToken, ...]' = ()
    raw: bool = False
    whole: Whole | None = None
    without: tuple[bytes, ...] = ()
    label: FilterLabel | None = None

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


@labelled
class All(NamedTuple):
    """The ids that match every node; without nodes: all ids."""

    nodes: 'tuple[Node, ...]' = ()

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
        """True if an entity may match several times, by each of its strings."""
        return None in [node.whole for node in self.flat() if isinstance(node, StartsWith)]

    def flat(self) -> 'tuple[Node, ...]':
        """Return the nodes without nested `All`; an `AnyOf` of one node becomes that node."""
        if _NESTED.isdisjoint(map(type, self.nodes)):
            return self.nodes
        parts = (_flat(node) for node in self.nodes)
        return tuple(node for part in parts for node in part)


@labelled
class AnyOf(NamedTuple):
    """The ids that match one of the nodes; without nodes: no ids."""

    nodes: 'tuple[Node, ...]' = ()

    def as_map(self) -> dict[str, Any]:
        if len(self.nodes) == 1:
            return self.nodes[0].as_map()
        return {'kind': 'or', 'nodes': [node.as_map() for node in self.nodes]}

    @property
    def needs(self) -> frozenset[str]:
        return TREES.union(*(node.needs for node in self.nodes))


@labelled
class Not(NamedTuple):
    """The ids that do not match the node."""

    node: 'Node'

    def as_map(self) -> dict[str, Any]:
        return {'kind': 'not', 'node': self.node.as_map()}

    @property
    def needs(self) -> frozenset[str]:
        return TREES | self.node.needs


@labelled
class Near(NamedTuple):
    """The ids within a radius of a point, the nearest first unless an order is given.

    Attributes:
        key: the key of the geo index.
        lon, lat, radius: numbers, as digits.
        unit: the unit of the radius.
        count: the maximum number of ids, the nearest ones; None: all.
    """

    key: bytes
    lon: bytes
    lat: bytes
    radius: bytes
    unit: str
    count: int | None = None  # type: ignore[assignment]
    label: FilterLabel | None = None

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


class Meant(NamedTuple):
    """A word that a word of a search stands for in a column.

    Attributes:
        word: the word.
        closeness: from 0 to 1; 1: the same word.
        texts: the number of texts with it, in all partitions.
    """

    word: bytes
    closeness: float
    texts: int


class Term(NamedTuple):
    """A word of a search.

    Attributes:
        times: how often the search has it.
        words: the word as each column has it.
        is_prefix: it may be the start of a word.
        edits: the most edits that may separate it from a word.
        meant: the words that it stands for in each column; empty: the script finds them.
    """

    times: int
    words: tuple[bytes, ...]
    is_prefix: bool = False
    edits: int = 0
    meant: tuple[tuple[Meant, ...], ...] = ()

    def as_list(self) -> list[Any]:
        """Return the term as the script reads it."""
        manner = {'prefix': self.is_prefix, 'edits': self.edits}
        own = [self.times, self.words, manner]
        return [*own, self.meant] if self.meant else own


@labelled
class Words(NamedTuple):
    """The ids of the texts that have words; without another order, the best match first.

    Attributes:
        match: 'all': each word, in any of the columns; 'any': at least one of them.
        columns: the prefix of the keys of each column's postings, and its weight.
        terms: the words.
        lengths: the number of texts of each column and the sum of their lengths, in all partitions;
            empty: the script counts them.
    """

    match: Literal['all', 'any']
    columns: tuple[tuple[bytes, float], ...]
    terms: tuple[Term, ...]
    label: FilterLabel | None = None
    lengths: tuple[tuple[int, int], ...] = ()

    def as_map(self) -> dict[str, Any]:
        columns: Any = self.columns
        if self.lengths:
            columns = [(*c, *own) for c, own in zip(columns, self.lengths, strict=True)]
        return {
            'kind': 'words',
            'match': self.match,
            'columns': columns,
            'terms': [term.as_list() for term in self.terms],
        }

    @property
    def needs(self) -> frozenset[str]:
        return frozenset(('words',))


@labelled
class Given(NamedTuple):
    """The ids that an earlier search found, without repeats.

    Attributes:
        ids: in any order.
    """

    ids: tuple[bytes, ...]
    label: FilterLabel | None = None

    def as_map(self) -> dict[str, Any]:
        return {'kind': 'given', 'ids': self.ids}

    @property
    def needs(self) -> frozenset[str]:
        return frozenset(('given',))


_NESTED: Final[frozenset[type]] = frozenset((All, AnyOf))


def _flat(node: 'Node') -> 'tuple[Node, ...]':
    while isinstance(node, AnyOf) and len(node.nodes) == 1:
        node = node.nodes[0]
    return node.flat() if isinstance(node, All) else (node,)


Node: TypeAlias = (
    'InSet | InRange | StartsWith | Ids | IdsBetween | InUnique | Given | All | AnyOf | Not | Near'
    '| Words | Related | Referring | Linked'
)
