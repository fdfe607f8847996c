"""Searches of the indexes of a namespace without its model.

A program that has the model uses `Model.query` for the same.
"""

import secrets
from collections.abc import Iterable
from typing import Any, NamedTuple

import redis

from rom._core.columns import PrimaryKey
from rom._core.drivers.sync_driver import SyncDriver
from rom._core.encoding.keys import Keys
from rom._core.encoding.scores import write_score
from rom._core.encoding.text import as_bytes, show
from rom._core.model_registry import MODELS
from rom._core.ops.requests import Command, Operation, Pipeline
from rom._core.ops.search.bounds import BOUNDS
from rom._core.ops.search.search_calls import Search
from rom._core.query.like_patterns import EncodedToken, parse
from rom._core.query.nodes import All, AnyOf, InRange, InSet, Near, Node, StartsWith
from rom._core.query.query import Query
from rom._core.query.sort_order import Order
from rom._core.query.spec import QuerySpec
from rom._core.schema import Schema
from rom._core.schema_builder import build
from rom._core.support.public_names import publish
from rom.exceptions import QueryError

# The most members in one command.
_CHUNK = 1000


class Prefix(NamedTuple):
    """Filter of a `GeneralIndex`: strings in the prefix index that begin with `prefix`."""

    attr: str
    prefix: str | bytes


class Suffix(NamedTuple):
    """Filter of a `GeneralIndex`: strings in the suffix index that end with `suffix` reversed."""

    attr: str
    suffix: str | bytes


class Pattern(NamedTuple):
    """Filter of a `GeneralIndex`: strings in the prefix index by a pattern of ``Query.like``."""

    attr: str
    pattern: str


class Geofilter(NamedTuple):
    """Filter of a `GeneralIndex`: geo entries within a distance of a point, in degrees."""

    name: str
    lon: float
    lat: float
    radius: float
    measure: str
    count: int | None  # type: ignore[assignment]  # hides the method of tuples


class GeneralIndex:
    """The indexes of a namespace, for searches without a model.

    A filter is ``'column:word'``, ``('column', low, high)``, the name of a numeric index, or a
    `Prefix`, `Suffix`, `Pattern` or `Geofilter`. In a list of filters, one must match.

    Example::

        index = rom.GeneralIndex('users')
        index.search(connection, ['city:oslo', ('age', 18, None)], '-age', 0, 10)
    """

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace

    def search(
        self,
        conn: redis.Redis,
        filters: Iterable[Any],
        order_by: str | None = None,
        offset: int | None = None,
        count: int | None = None,
        timeout: int | None = None,
    ) -> Any:
        """Return the ids that match all filters, as bytes, optionally sorted by a numeric index.

        Args:
            conn: the client.
            filters: the filters, as the class describes them.
            order_by: ``'column'``, or ``'-column'`` for descending order.
            offset: number of ids to skip.
            count: maximum number of ids.
            timeout: if given, store the ids in a sorted set, by position, that expires after this
                many seconds, and return its key.

        Raises:
            QueryError: an invalid filter.
        """
        ids = SyncDriver(conn).run(self._ids(filters, order_by, offset or 0, count))
        if timeout is None:
            return ids
        key = b'%s%s' % (self._keys.head, secrets.token_hex(16).encode('ascii'))
        SyncDriver(conn).run(_store(key, ids, timeout))
        return key

    def count(self, conn: redis.Redis, filters: Iterable[Any]) -> int:
        """Return the number of ids that match all filters."""
        return len(SyncDriver(conn).run(self._ids(filters, None, 0, None)))

    def _ids(
        self, filters: Iterable[Any], order_by: str | None, offset: int, count: int | None
    ) -> Operation[list[bytes]]:
        orders: tuple[Order, ...] = ()
        if order_by:
            name = order_by.removeprefix('-')
            orders = (Order(name, name != order_by, 'score', self._keys.scores(name)),)
        where = All(tuple(self._node(item) for item in filters))
        asked = QuerySpec(where=where, offset=max(offset, 0), count=count)
        search = Search(Query(self._model, asked), BOUNDS, orders)
        cursor = search.begin()
        found: list[bytes] = []
        while not cursor.is_done:
            found += (yield from search.ask(cursor, 'ids')).further
        return found

    def _node(self, item: Any) -> Node:
        keys = self._keys
        if isinstance(item, Prefix):
            return StartsWith(keys.prefixes(item.attr), as_bytes(item.prefix))
        if isinstance(item, Suffix):
            return StartsWith(keys.suffixes(item.attr), as_bytes(item.suffix))
        if isinstance(item, Pattern):
            head, tokens = parse(item.pattern)
            encoded = (EncodedToken(t.least, t.most, as_bytes(t.text)) for t in tokens)
            return StartsWith(keys.prefixes(item.attr), as_bytes(head), tuple(encoded))
        if isinstance(item, Geofilter):
            lon, lat, radius = (write_score(float(n)) for n in (item.lon, item.lat, item.radius))
            return Near(keys.geo(item.name), lon, lat, radius, item.measure, item.count)
        if isinstance(item, tuple) and len(item) == 3:
            name, low, high = item
            bounds = (
                b'-inf' if low is None else write_score(float(low)),
                b'+inf' if high is None else write_score(float(high)),
            )
            return InRange(keys.scores(name), *bounds)
        if isinstance(item, (str, bytes)):
            return InSet(keys.head + as_bytes(item) + b':idx')
        if isinstance(item, list):
            return AnyOf(tuple(self._node(one) for one in item))
        raise QueryError(f'GeneralIndex: expected a filter, got {show(item)}; see its docstring')

    @property
    def _model(self) -> Any:
        """Model of the namespace; a model with only an id where the namespace has none."""
        found = MODELS.get(self.namespace)
        return found if found is not None else _Unknown(self.namespace)

    @property
    def _keys(self) -> Keys:
        keys: Keys = self._model._schema.keys
        return keys


class _Unknown:
    """The parts of a model that a search needs, for a namespace without a model."""

    def __init__(self, namespace: str) -> None:
        columns = {'id': PrimaryKey()}
        self._schema: Schema = build(namespace, columns, namespace, None, False, {})


publish('rom', Pattern, Prefix, Suffix)
publish('rom.index', Geofilter)


def _store(key: bytes, ids: list[bytes], timeout: int) -> Operation[None]:
    pairs: list[bytes | str | int] = []
    for place, id in enumerate(ids):
        pairs += (place, id)
    chunks = [pairs[first : first + _CHUNK] for first in range(0, len(pairs), _CHUNK)]
    commands = [Command('ZADD', key, *chunk) for chunk in chunks]
    yield Pipeline((*commands, Command('EXPIRE', key, timeout)))
