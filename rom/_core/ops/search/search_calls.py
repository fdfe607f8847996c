"""Search calls: requests for `lua/search.lua` and `lua/load.lua`, and the cursor between them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from typing import TYPE_CHECKING, Any, NamedTuple

from rom._core.encoding.wire import pack, unpack, unpack_list
from rom._core.ops.compound_state import built_texts, may_use_compounds, note_not_built
from rom._core.ops.load_rows import Row, rows_of
from rom._core.ops.requests import Operation, Pipeline, Script
from rom._core.ops.search.sorting import columns_for, sort_cursor_as_map
from rom._core.ops.search.split_search import MOST_FILTERS, InPartsError, Parts, filters_in
from rom._core.ops.time_slices import TURN, rest
from rom._core.query.compound_filters import with_compounds
from rom._core.query.nodes import All, Given, InRange, InSet, StartsWith, Words
from rom._core.query.ordering import direction_of, needs_client_sort
from rom._core.query.query import Query
from rom._core.query.sort_order import Order, SortCursor
from rom._core.query.string_filters import index_string
from rom._core.schema import Schema
from rom.exceptions import CorruptRowError, QueryError

if TYPE_CHECKING:
    from rom._core.query.aggregates import Aggregate, Facets


class Bounds(NamedTuple):
    """Limits of the work of one call of a script.

    Attributes:
        page: the most rows that it reads.
        small: the most ids that it gathers at once; half as many, if it sorts them.
        budget: the candidates that it examines before it returns a position to continue from. It
            returns earlier if each candidate costs much: see lua/lib/filters.
        chunk: the candidates of its first step, more in each further step; None: chosen by the
            number of results that are wanted.
        bytes: the most bytes of rows that it reads; None: a megabyte.
    """

    page: int = 1000
    small: int = 6000
    budget: int = 20_000
    chunk: int | None = None
    bytes: int | None = None


BOUNDS = Bounds()
#: A page size without a limit: each row comes with the call that finds it.
ALL_ROWS = 1_000_000_000

# Pages of rows in one round trip.
_PAGES = 20

# The parts of `lua/search.lua` that are not those of filters.
_ORDERS = frozenset(('orders',))
_STRING_ORDERS = frozenset(('orders', 'strings'))
_EXPIRY = frozenset(('expiry', 'trees'))
_TALLY = frozenset(('tally',))
_BUILT = frozenset(('built',))
_RANK = frozenset(('rank',))

# Ids that one call ranks.
_RANKED = 2000


class Cursor:
    """State of a search between two calls.

    Attributes:
        position: the position from which the script continues, in its own form; empty at the
            beginning; None once it has returned all matches.
        skip: the number of matches still to be skipped.
        need: the number of matches still wanted; None: all.
        ids: the ids of matches whose rows are still to be read, in order.
        known: the rows of some of `ids`, which were read already.
        seen: the ids of all matches so far, where the script may find one twice; else None.
        given: the same, where the script may refuse to continue; else None.
        counted: the number of matches returned so far.
        offset: the number of matches to skip when the search began.
        is_plain: the search uses no compound index.
        scores: the scores of matches, where they are sorted by relevance.
    """

    __slots__ = (
        'counted', 'given', 'ids', 'is_plain', 'known', 'need', 'offset', 'position', 'scores',
        'seen', 'skip',
    )  # fmt: skip

    def __init__(
        self, skip: int, need: int | None, may_repeat: bool, may_refuse: bool = False
    ) -> None:
        self.position: bytes | None = b''
        self.given: set[bytes] | None = set() if may_refuse else None
        self.counted = 0
        self.offset = skip
        self.skip = skip
        self.need = need
        self.ids: list[bytes] = []
        self.is_plain = False
        self.known: dict[bytes, Row] = {}
        self.scores: dict[bytes, float] = {}
        self.seen: set[bytes] | None = set() if may_repeat else None

    @property
    def is_done(self) -> bool:
        """True once no more results will come."""
        return not self.ids and (self.position is None or self.need == 0)


class SearchReply(NamedTuple):
    """Result of one call.

    Attributes:
        status: 'ok'; 'unsorted': all matches, which the caller must sort; 'no order': nothing,
            because the index to sort by does not exist.
        rows: the rows of the first matches.
        further: the ids of the other matches.
        broken: the ids whose key holds another type than a row.
        count: the number of matches.
        tally: the script's tally of all matches but `further`, where the caller asked for one.
    """

    status: bytes
    rows: Sequence[Row] = ()
    further: Sequence[bytes] = ()
    broken: Sequence[bytes] = ()
    count: int = 0  # type: ignore[assignment]  # hides tuple.count
    tally: Sequence[Any] = ()


class Search:
    """Asks the scripts for the results of one query.

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
        #: Whether the results are sorted by relevance.
        self.is_ranked = spec.ranking is not None
        #: Whether the results are sorted in this process.
        self.needs_client_sort = needs_client_sort(schema, self.orders)
        #: The column whose expired entities are left out; None where they are included.
        self.expiry = None if spec.with_expired else schema.expiry
        #: The column that marks the soft-deleted entities to leave out; None: they are included.
        self.deleted = None if spec.with_deleted else schema.soft_delete
        names = schema.names if spec.selection is None else spec.selection.columns
        if spec.mark is not None or any(order.may_need_rows for order in self.orders):
            names = (*names, *(name for name in self.sorting_names if name not in names))
        self.names = names

    def _take(self, where: All, orders: tuple[Order, ...]) -> None:
        """Search by these filters and orders."""
        self.where = where
        #: All orders, including that by ids.
        self.sorted_by = orders
        #: The direction of the ids, where the query orders by them; else None.
        self.direction = direction_of(orders)
        self.orders = orders if self.direction is None else orders[:-1]

    def _take_plain(self, cursor: Cursor) -> None:
        """Search without compound indexes."""
        if self.plain is not None:
            self._take(*self.plain)
            self.plain = None
        cursor.is_plain = True
        if cursor.given is None and self._may_refuse:
            cursor.given = set()

    @property
    def leaves_out(self) -> bool:
        """True where expired or soft-deleted entities are left out."""
        return self.expiry is not None or self.deleted is not None

    @property
    def _fields(self) -> Sequence[bytes]:
        """The names of the columns as fields of a row."""
        schema = self.schema
        if self.names is schema.names:
            return schema.fields
        return [self.schema.keys.field(name) for name in self.names]

    @property
    def sorting_names(self) -> tuple[str, ...]:
        """The columns whose values decide the place of a row in the results."""
        return columns_for(self.schema, self.orders)

    def begin(self) -> Cursor:
        """Return a cursor at the beginning."""
        return self.begin_with(self.spec.count, self.spec.offset)

    def begin_with(self, need: int | None, skip: int = 0) -> Cursor:
        """Return a cursor at the beginning, for `need` results behind the first `skip`."""
        return Cursor(skip, need, self.where.may_repeat, self._may_refuse)

    @property
    def _may_refuse(self) -> bool:
        """True where the script may find out during the search that it cannot continue."""
        if any(order.tie in ('text', 'text_ci') for order in self.orders):
            return True
        nodes = self.where.flat()
        is_alone = len(nodes) == 1 and not self.orders and type(nodes[0]) in _WALKED
        return not is_alone and not _ASKED_SIMPLY.issuperset(map(type, nodes))

    def about(
        self, where: All, orders: tuple[Order, ...] = (), mark: SortCursor | None = None
    ) -> Search:
        """Return a search of the same model for other matches; it may be asked for ids only."""
        other = copy(self)
        other.where, other.orders, other.needs_client_sort = where, orders, False
        other.plain = None
        other.direction = self.direction if orders else None
        other.is_ranked = False
        other.spec = self.spec._replace(mark=mark)
        return other

    def all_ids(self, need: int | None = None) -> Operation[list[bytes]]:
        """Return the ids of all matches, or of the first `need` ones.

        Raises:
            InPartsError: the script refuses the search.
        """
        cursor = self.begin_with(need)
        found: list[bytes] = []
        while not cursor.is_done:
            found += (yield from self.ask_whole(cursor, 'ids')).further
        return found

    def those_there(self, ids: Sequence[bytes]) -> Operation[set[bytes]]:
        """Return those of the ids that have a row which has not expired."""
        found = yield from self.load(ids, (self.schema.primary,))
        return {b'%d' % row.id for row in found.rows}

    def ask(self, cursor: Cursor, want: str) -> Operation[SearchReply]:
        """Continue a search, and move the cursor.

        Args:
            cursor: the state of the search.
            want: 'rows', 'ids', 'count' or 'tally'.

        Raises:
            CorruptRowError: the key of an index holds another type.
            QueryError: there are too many ids to list.
        """
        if filters_in(self.where) <= MOST_FILTERS:
            if cursor.position == b'':
                cursor.offset = cursor.skip
            try:
                answer = yield from self.ask_whole(cursor, want)
            except InPartsError:
                pass
            else:
                cursor.counted += answer.count
                if cursor.given is not None:
                    cursor.given.update(b'%d' % row.id for row in answer.rows)
                    cursor.given.update(answer.further)
                return answer
        if self._ranks(want):
            answer = yield from self._rank_in_parts(cursor)
        else:
            answer = yield from self._ask_in_parts(cursor)
        if want == 'rows' and self.bounds.page >= ALL_ROWS:
            return (yield from self._with_rows_seen(answer))
        return answer

    def _with_rows_seen(self, answer: SearchReply) -> Operation[SearchReply]:
        """Return the rows of those matches that still match after their rows were read.

        Filters depend only on the row. So if a row that is written is still as it was read, it
        matched when it was read.
        """
        found = yield from self.load(answer.further)
        ids = yield from Parts(self).matches(self.where)
        rows = [row for row in found.rows if b'%d' % row.id in ids]
        return answer._replace(rows=rows, further=(), broken=found.broken, count=len(rows))

    def _ask_in_parts(self, cursor: Cursor) -> Operation[SearchReply]:
        """Return the ids of all remaining matches; the caller must read their rows."""
        parts = Parts(self)
        ids = yield from parts.matches(self.where)
        told: set[bytes] = cursor.seen or cursor.given or set()
        offset = cursor.offset
        if not told:
            # Earlier calls only counted matches, or there were none: the rest comes behind those.
            offset += cursor.counted
        wanted = None if cursor.need is None else offset + len(told) + cursor.need
        found = yield from parts.ordered(ids, wanted)
        if found is None:
            cursor.position = None  # all ids are returned, and the caller must sort them
            return SearchReply(b'unsorted', (), [id for id in ids if id not in told], (), len(ids))
        left = [id for id in found if id not in told] if told else found
        stop = None if cursor.need is None else offset + cursor.need
        left = left[offset:stop]
        cursor.position, cursor.skip = None, 0
        if cursor.need is not None:
            cursor.need -= len(left)
        return SearchReply(b'ok', (), left, (), len(left))

    def _rank_in_parts(self, cursor: Cursor) -> Operation[SearchReply]:
        """Return the ids of the remaining matches by relevance; the caller must read their rows."""
        words = self.spec.ranking
        assert words is not None
        ids = yield from Parts(self).matches(self.where)
        alone, every = copy(self), sorted(ids)
        scores: dict[bytes, float] = {}
        for at in range(0, len(every), _RANKED):
            alone.where = All((Given(tuple(every[at : at + _RANKED])), words))
            some = alone.begin_with(None)
            while not some.is_done:
                yield from alone.ask_whole(some, 'ids')
            scores |= some.scores
        cursor.scores.update(scores)
        found = sorted(scores, key=lambda id: (-scores[id], int(id)))
        # Earlier calls skipped or returned the first ones.
        first = cursor.offset + cursor.counted
        found = found[first : None if cursor.need is None else first + cursor.need]
        cursor.position, cursor.skip = None, 0
        if cursor.need is not None:
            cursor.need -= len(found)
        return SearchReply(b'ok', (), found, (), len(found))

    def ask_whole(self, cursor: Cursor, want: str) -> Operation[SearchReply]:
        """Continue a search in one call of the script.

        Raises:
            InPartsError: one call would block Redis for too long.
        """
        if cursor.is_plain:
            self._take_plain(cursor)
        script = self._script('search', self._request(cursor, want), self._parts(want))
        status, *rest = self._checked((yield script))
        if status == b'no order':
            return SearchReply(status)
        if status == b'not built':
            self._fall_back(cursor)
            return (yield from self.ask_whole(cursor, want))
        position, skipped, count, ids, found, broken, further, *ranked = rest
        rows = rows_of(self.names, ids, found) if want == 'rows' else []
        tally = found if want == 'tally' else ()
        answer = SearchReply(status, rows, further, broken, int(count), tally)
        if ranked:
            cursor.scores.update(_scores_in(ranked[0]))
        if status == b'unsorted':
            return answer
        if cursor.seen is not None:
            answer = _not_seen(answer, cursor.seen, cursor.need)
        cursor.position = position or None
        cursor.skip -= int(skipped)
        cursor.need = None if cursor.need is None else cursor.need - answer.count
        return answer

    def _fall_back(self, cursor: Cursor) -> None:
        """Continue without compound indexes, because the data does not have them yet.

        Raises:
            InPartsError: the position of the cursor is one in a compound index.
        """
        note_not_built(self.schema)
        self._take_plain(cursor)
        if cursor.position:
            raise InPartsError

    def plan(self, cursor: Cursor, want: str) -> Operation[dict[str, Any] | None]:
        """Return the plan of `ask`, as lua/lib/plan tells it; None without an index to sort by.

        Raises:
            CorruptRowError: the key of an index holds another type.
            InPartsError: the search would be done in parts.
        """
        if filters_in(self.where) > MOST_FILTERS:
            raise InPartsError
        request = {**self._request(cursor, want), 'tell': 'plan'}
        script = self._script('search', request, self._parts(want) | {'plan'})
        status, *rest = self._checked((yield script))
        if status == b'not built':
            self._fall_back(cursor)
            return (yield from self.plan(cursor, want))
        return None if status == b'no order' else unpack(rest[0])

    def count_script(self, cursor: Cursor) -> Script:
        """Return the call that begins to count the matches; see `whole_count`."""
        return self._script('search', self._request(cursor, 'count'), self._parts('count'))

    def whole_count(self, reply: list[Any]) -> int | None:
        """Return the count in the reply of a `count_script`; None if one call did not finish it.

        Raises:
            CorruptRowError: the key of an index holds another type.
        """
        try:
            _, position, _, count, *_ = self._checked(reply)
        except InPartsError:
            return None
        return None if position else int(count)

    def _checked(self, reply: list[Any]) -> list[Any]:
        if reply[0] == b'in parts':
            raise InPartsError
        if reply[0] in _ERRORS:
            raise _ERRORS[reply[0]](self.schema, reply[1])
        return reply

    def _request(self, cursor: Cursor, want: str) -> dict[str, Any]:
        """Return the map that the script reads; items that are left out cost neither side time."""
        schema, bounds = self.schema, self.bounds
        keys = schema.keys
        request = {
            'head': keys.head,
            # rom 1.x does not keep the live bitmap, so beside it an older one may be wrong.
            'live': keys.live_draft if schema.keep_index_data else keys.live,
            'counter': keys.counter,
            'where': self.where.as_map(),
            'skip': cursor.skip,
            'want': want,
            'page': bounds.page,
            'small': bounds.small,
            'budget': bounds.budget,
        }
        if want == 'rows':
            request['fields'] = self._fields
        elif want == 'tally' and self.tally is not None:
            is_alone = cursor.seen is not None or cursor.given is not None
            request['tally'] = self.tally.as_map(alone=is_alone)
        if self.expiry is not None:
            request['expiry'] = keys.scores(self.expiry)
        if self.deleted is not None:
            request['deleted'] = keys.scores(self.deleted)
        if self.plain is not None:
            request['built'] = [keys.indexes, built_texts(schema)]
        if schema.absent_fields:
            request['absent'] = schema.absent_fields
        if self._ranks(want):
            request['rank'] = self._rank_mark()
        elif not self.needs_client_sort:
            self._add_sorting(request)
        if cursor.need is not None:
            request['need'] = cursor.need + len(cursor.seen or ())
        if bounds.chunk is not None:
            request['chunk'] = bounds.chunk
        if bounds.bytes is not None:
            request['bytes'] = bounds.bytes
        if cursor.position:
            request['position'] = cursor.position
        return request

    def _add_sorting(self, request: dict[str, Any]) -> None:
        """Add the orders by which the script sorts, and the mark behind which it begins."""
        orders, mark = self.orders, self.spec.mark
        if orders:
            request['orders'] = [self._order_as_map(order) for order in orders]
        if self.direction is not None:
            request['direction'] = self.direction
        if mark is not None and len(mark.places) == len(self.spec.orders):
            request['mark'] = sort_cursor_as_map(self.schema, orders, mark)

    def _ranks(self, want: str) -> bool:
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

    def _parts(self, want: str) -> frozenset[str]:
        """Return the parts of the script that the search needs."""
        parts = self.where.needs
        if self.orders and not self.needs_client_sort:
            is_by_strings = 'text' in [order.kind for order in self.orders]
            parts |= _STRING_ORDERS if is_by_strings else _ORDERS
        if self.leaves_out:
            parts |= _EXPIRY
        if self.plain is not None:
            parts |= _BUILT
        if self._ranks(want):
            parts |= _RANK
        return parts | _TALLY if want == 'tally' else parts

    def load(self, ids: Sequence[bytes], names: Sequence[str] = ()) -> Operation[SearchReply]:
        """Read rows by id, in pages, many of them in one round trip.

        Args:
            ids: the ids in the wanted order; those without a row are left out.
            names: the columns to read, instead of the query's.
        """
        names = names or self.names
        fields = [self.schema.keys.field(name) for name in names]
        request: dict[str, Any] = {'fields': fields}
        if self.expiry is not None:
            request['expiry'] = self.schema.keys.field(self.expiry)
        if self.deleted is not None:
            request['deleted'] = self.schema.keys.field(self.deleted)
        rows: list[Row] = []
        broken: list[bytes] = []
        worked_on = 0
        replies = yield from self._in_pages('load', ids, request)
        for found, packed, unreadable_ids, _ in replies:
            rows += rows_of(names, found, packed)
            broken += unreadable_ids
            if len(rows) >= worked_on + TURN:
                worked_on = len(rows)
                yield from rest()
        return SearchReply(b'ok', rows, (), broken, len(rows))

    def tally_of(self, ids: Sequence[bytes]) -> Operation[list[SearchReply]]:
        """Return the tallies of ids, in pages, many of them in one round trip."""
        assert self.tally is not None
        replies = yield from self._in_pages('tally', ids, {'tally': self.tally.as_map()})
        return [SearchReply(b'ok', (), (), broken, 0, tally) for tally, broken, _ in replies]

    def _in_pages(
        self, name: str, ids: Sequence[bytes], request: dict[str, Any]
    ) -> Operation[list[Any]]:
        head, page = self.schema.keys.head, self.bounds.page
        replies: list[Any] = []
        for start in range(0, len(ids), page * _PAGES):
            some = ids[start : start + page * _PAGES]
            for reply in (
                yield Pipeline(
                    tuple(
                        self._script(name, {'head': head, 'ids': some[at : at + page], **request})
                        for at in range(0, len(some), page)
                    )
                )
            ):
                replies.append(reply)
                while replies[-1][-1]:  # the ids whose rows were too long for one reply
                    more = {'head': head, 'ids': replies[-1][-1], **request}
                    replies.append((yield self._script(name, more)))
        return replies

    def _script(
        self, name: str, request: dict[str, Any], parts: frozenset[str] | None = None
    ) -> Script:
        return Script(name, self.schema.keys.counter, pack(request), parts)


# Filters whose entries the script can walk in pieces, and those that it can probe for any ids.
_WALKED = frozenset((StartsWith, InSet, InRange))
_ASKED_SIMPLY = frozenset((InSet, InRange, Given, Words))


def _scores_in(packed: bytes) -> dict[bytes, float]:
    flat: Sequence[bytes] = unpack_list(packed) or ()  # an empty list is packed as a map
    return {id: float(score) for score, id in zip(flat[::2], flat[1::2], strict=True)}


def _not_seen(answer: SearchReply, seen: set[bytes], need: int | None) -> SearchReply:
    """Return an answer without the matches of earlier answers and without surplus ones."""
    rows = [row for row in answer.rows if b'%d' % row.id not in seen]
    further = [id for id in answer.further if id not in seen]
    repeated = len(answer.rows) - len(rows) + len(answer.further) - len(further)
    count = answer.count - repeated
    surplus = 0 if need is None else max(count - need, 0)
    kept = len(rows) + len(further) - surplus
    rows, further = rows[:kept], further[: max(kept - len(rows), 0)]
    seen.update(b'%d' % row.id for row in rows)
    seen.update(further)
    return answer._replace(rows=rows, further=further, count=count - surplus)


def _too_many_ids(schema: Schema, last: bytes) -> QueryError:
    return QueryError(
        f'{schema.name}: all its entities cannot be listed: the ids go up to {last.decode()}, and '
        f'there is no bitmap of them, which ends at 2**32; filter by an indexed column'
    )


def wrong_type(schema: Schema, key: bytes) -> CorruptRowError:
    """Return the error for the key of an index that holds another type."""
    name = key.decode('utf-8', 'surrogateescape')
    return CorruptRowError(
        f'{name} should be an index of {schema.name}, and holds something of another type; '
        f'look at it with TYPE {name}, delete or rename it, and write the index again',
        key=name,
    )


_ERRORS: dict[bytes, Callable[[Schema, bytes], Exception]] = {
    b'wrong type': wrong_type,
    b'too many ids': _too_many_ids,
}
