"""Search terms: the nodes, orders and limits of a query as requests of `lua/search.lua`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rom._core.encoding.wire import PackedItems, pack, pack_items, pack_with
from rom._core.ops.compound_state import built_texts, may_use_compounds
from rom._core.ops.requests import Script
from rom._core.ops.search.bounds import BOUNDS, Bounds
from rom._core.ops.search.cursor import Cursor
from rom._core.ops.search.direct_tallies import least_direct
from rom._core.ops.search.sorting import columns_for, sort_cursor_as_map
from rom._core.ops.search.split_search import MOST_FILTERS, filters_in
from rom._core.ops.search.text_sums import ADDED
from rom._core.query.compound_filters import with_compounds
from rom._core.query.nodes import NOTHING, All, Given, InRange, InSet, StartsWith, Words
from rom._core.query.ordering import direction_of, needs_client_sort
from rom._core.query.query import Query
from rom._core.query.sort_order import Order
from rom._core.query.string_filters import index_string

if TYPE_CHECKING:
    from rom._core.query.aggregates import Aggregate, Facets

# The parts of `lua/search.lua` that are not those of filters.
_ORDERS = frozenset(('orders',))
_STRING_ORDERS = frozenset(('orders', 'strings'))
_EXPIRY = frozenset(('expiry', 'trees'))
_TALLY = frozenset(('tally',))
_BUILT = frozenset(('built',))
_RANK = frozenset(('rank',))

# Filters whose entries the script can walk in pieces, and those that it can probe for any ids.
_WALKED = frozenset((StartsWith, InSet, InRange))
_ASKED_SIMPLY = frozenset((InSet, InRange, Given, Words))
# Filters that most queries have; the script needs no further part for them.
_SIMPLE = frozenset((InSet, InRange))


class SearchTerms:
    """Filters, orders and columns of a search, and the requests of its calls. Pure.

    Args:
        query: the query.
        bounds: limits of the work of one call.
        orders: the orders of the results, on the server or in this process; ids decide last.
        tally: the aggregate of the matches, where one is wanted, or several facets.
    """

    def __init__(
        self,
        query: Query[Any],
        bounds: Bounds,
        orders: tuple[Order, ...] = (),
        tally: Aggregate | Facets | None = None,
    ) -> None:
        schema, spec = query.schema, query.spec
        self.query = query
        self.schema = schema
        self.spec = spec
        flat = spec.where.flat()
        # Repeated filters are dropped: a user may type 'a a a' in a search box.
        flat = flat if len(flat) < 2 else tuple(dict.fromkeys(flat))
        #: The filters and orders without compound indexes, where the search uses some; else None.
        self.plain: tuple[All, tuple[Order, ...]] | None = None
        if schema.compounds and may_use_compounds(schema):
            nodes, better = with_compounds(schema, flat, orders)
            if nodes is not flat:
                self.plain = All(flat), orders
                flat, orders = nodes, better
        self.bounds = bounds
        self._take(All(flat), orders)
        self.tally = tally
        #: Whether this process adds up the values that it gets as texts.
        self.adds_texts = tally is not None and tally.way in ADDED
        #: Whether the results are sorted by relevance.
        self.is_ranked = not self.is_simple and spec.ranking is not None
        #: Whether the results are sorted in this process.
        self.needs_client_sort = needs_client_sort(schema, self.orders)
        #: The column whose expired entities are left out; None where they are included.
        self.expiry = None if spec.with_expired else schema.expiry
        #: The column that marks the soft-deleted entities to leave out; None: they are included.
        self.deleted = None if spec.with_deleted else schema.soft_delete
        names = schema.names if spec.selection is None else spec.selection.columns
        may_need_rows = self.orders and any(order.may_need_rows for order in self.orders)
        if may_need_rows or spec.mark is not None:
            names = (*names, *(name for name in self.sorting_names if name not in names))
        self.names = names

    def _take(self, where: All, orders: tuple[Order, ...]) -> None:
        """Search by these filters and orders."""
        self.filter_by(where)
        #: All orders, including that by ids.
        self.sorted_by = orders
        #: The direction of the ids, where the query orders by them; else None.
        self.direction = direction_of(orders)
        self.orders = orders if self.direction is None else orders[:-1]

    def filter_by(self, where: All) -> None:
        """Search by these filters."""
        self.where = where
        #: Whether all filters are of the simple kinds.
        self.is_simple = _SIMPLE.issuperset(map(type, where.nodes))

    @property
    def is_in_parts(self) -> bool:
        """True if there are too many filters for one call."""
        number = len(self.where.nodes) if self.is_simple else filters_in(self.where)
        return number > MOST_FILTERS

    def take_plain(self, cursor: Cursor) -> None:
        """Search without compound indexes."""
        if self.plain is not None:
            self._take(*self.plain)
            self.plain = None
        cursor.is_plain = True
        if cursor.given is None and self.may_refuse:
            cursor.given = set()

    @property
    def leaves_out(self) -> bool:
        """True where expired or soft-deleted entities are left out."""
        return self.expiry is not None or self.deleted is not None

    @property
    def sorting_names(self) -> tuple[str, ...]:
        """The columns whose values decide the place of a row in the results."""
        return columns_for(self.schema, self.orders)

    def begin(self) -> Cursor:
        """Return a cursor at the beginning."""
        return self.begin_with(self.spec.count, self.spec.offset)

    def begin_with(self, need: int | None, skip: int = 0) -> Cursor:
        """Return a cursor at the beginning, for `need` results behind the first `skip`."""
        may_repeat = not self.is_simple and self.where.may_repeat
        return Cursor(skip, need, may_repeat, self.may_refuse)

    @property
    def may_refuse(self) -> bool:
        """True where the script may find out during the search that it cannot continue."""
        if self.orders and any(order.tie in ('text', 'text_ci') for order in self.orders):
            return True
        if self.is_simple:
            return False
        nodes = self.where.flat()
        is_alone = len(nodes) == 1 and not self.orders and type(nodes[0]) in _WALKED
        return not is_alone and not _ASKED_SIMPLY.issuperset(map(type, nodes))

    def call(self, cursor: Cursor, want: str, tell: str | None = None) -> Script:
        """Return the call of the search script; items that are left out cost neither side time."""
        request: dict[str, Any] = {'where': self.where.as_map(), 'skip': cursor.skip}
        has_usual_names = self.names is self.schema.names
        if self.bounds is not BOUNDS:
            request |= self.bounds.as_map()
        if want == 'rows':
            if not has_usual_names:
                request['fields'] = [self.schema.keys.field(name) for name in self.names]
        elif want == 'tally' and self.tally is not None:
            is_alone = cursor.seen is not None or cursor.given is not None
            request['tally'] = self.tally_map(is_alone)
        if self.plain is not None:
            request['built'] = [self.schema.keys.indexes, built_texts(self.schema)]
        if self.ranks(want):
            request['rank'] = self._rank_mark()
        elif not self.needs_client_sort:
            self._add_sorting(request)
        if cursor.need is not None:
            request['need'] = cursor.need + len(cursor.seen or ())
        if cursor.position:
            request['position'] = cursor.position
        parts = self.parts(want)
        if tell is not None:
            request['tell'] = tell
            parts |= {tell}
        packed = pack_with(self._common(want, has_usual_names), request)
        return Script('search', self.schema.keys.counter, packed, parts)

    def _common(self, want: str, has_usual_names: bool) -> PackedItems:
        """Return the items that depend on the model and on few choices, packed once for each."""
        is_bounded = self.bounds is not BOUNDS
        key = (SearchTerms, want, has_usual_names, is_bounded, self.expiry, self.deleted)
        memo = self.schema.memo
        packed: PackedItems | None = memo.get(key)
        if packed is None:
            items = self._common_items()
            if not is_bounded:
                items |= BOUNDS.as_map()
            if want == 'rows' and has_usual_names:
                items['fields'] = self.schema.fields
            packed = memo[key] = pack_items(items | {'want': want})
        return packed

    def _common_items(self) -> dict[str, Any]:
        schema, keys = self.schema, self.schema.keys
        items: dict[str, Any] = {
            'head': keys.head,
            # rom 1.x does not keep the live bitmap, so beside it an older one may be wrong.
            'live': keys.live_draft if schema.keep_index_data else keys.live,
            'counter': keys.counter,
        }
        if self.expiry is not None:
            items['expiry'] = keys.scores(self.expiry)
        if self.deleted is not None:
            items['deleted'] = keys.scores(self.deleted)
        if schema.absent_fields:
            items['absent'] = schema.absent_fields
        return items

    def tally_map(self, is_alone: bool = False) -> dict[str, Any]:
        """Return the tally as a map for the script; see `Aggregate.as_map`."""
        assert self.tally is not None
        found = self.tally.as_map(alone=is_alone)
        if self.adds_texts:
            found['way'] = 'texts'
        least = None if is_alone else least_direct(self.schema)
        if least is not None:
            found['direct'] = least
        return found

    def _add_sorting(self, request: dict[str, Any]) -> None:
        """Add the orders by which the script sorts, and the mark behind which it begins."""
        orders, mark = self.orders, self.spec.mark
        if orders:
            request['orders'] = [self._order_as_map(order) for order in orders]
        if self.direction is not None:
            request['direction'] = self.direction
        if mark is not None and len(mark.places) == len(self.spec.orders):
            request['mark'] = sort_cursor_as_map(self.schema, orders, mark)

    def ranks(self, want: str) -> bool:
        """Return whether a call sorts by relevance: only results have an order."""
        return self.is_ranked and want in ('rows', 'ids')

    def _rank_mark(self) -> list[bytes] | bool:
        """Return the id and the score behind which the results begin; True: at the first one."""
        mark = self.spec.mark
        if mark is None or not mark.places or mark.places[0].score is None:
            return True
        return [b'%d' % mark.id, mark.places[0].score]

    def _order_as_map(self, order: Order) -> dict[str, Any]:
        default = self.schema.indexed_defaults.get(order.column)
        if order.kind != 'text' or default is None:
            return order.as_map()
        stem = index_string(self.schema.columns[order.column], default)
        return {**order.as_map(), 'absent': stem}

    def parts(self, want: str) -> frozenset[str]:
        """Return the parts of the script that the search needs."""
        parts = NOTHING if self.is_simple else self.where.needs
        if self.orders and not self.needs_client_sort:
            is_by_strings = 'text' in [order.kind for order in self.orders]
            parts |= _STRING_ORDERS if is_by_strings else _ORDERS
        if self.leaves_out:
            parts |= _EXPIRY
        if self.plain is not None:
            parts |= _BUILT
        if self.ranks(want):
            parts |= _RANK
        return parts | _TALLY if want == 'tally' else parts

    def script(
        self, name: str, request: dict[str, Any], parts: frozenset[str] | None = None
    ) -> Script:
        """Return the call of a script of `lua/`."""
        return Script(name, self.schema.keys.counter, pack(request), parts)
