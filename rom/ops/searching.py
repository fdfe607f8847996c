"""Searching: calls of `lua/search.lua` and `lua/load.lua`, and where a search is between them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from rom.encoding.text import as_bytes
from rom.encoding.wire import pack, unpack
from rom.exceptions import CorruptRowError, QueryError
from rom.ops.places import columns_for, mark_as_map
from rom.ops.requests import Operation, Pipeline, Script
from rom.ops.rows import Row, rows_of
from rom.query.builder import Query
from rom.query.orders import is_for_us
from rom.query.plan import All, Order, StartsWith
from rom.schema import Schema

if TYPE_CHECKING:
    from rom.query.tallies import Tally


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much one call of a script may do.

    Attributes:
        page: rows that it reads.
        small: ids that it gathers at once.
        budget: candidates that it looks at, after which it says where to go on.
        chunk: candidates that it looks at first, more each time; None: by how many are wanted.
    """

    page: int = 1000
    small: int = 50_000
    budget: int = 20_000
    chunk: int | None = None


BOUNDS = Bounds()

# Pages of rows in one trip.
_PAGES = 20


@dataclass(slots=True)
class Cursor:
    """Where a search has got to.

    Attributes:
        position: where the script goes on, in its own words; empty: at the beginning; None: it has
            told all.
        skip: how many matches are still to be left out.
        need: how many are still wanted; None: all.
        ids: matches whose rows are still to be read, in order.
        known: rows of some of them that were read already.
        seen: the ids of all matches so far, where one may be found twice; else None.
    """

    position: bytes | None = b''
    skip: int = 0
    need: int | None = None
    ids: list[bytes] = field(default_factory=list)
    known: dict[bytes, Row] = field(default_factory=dict)
    seen: set[bytes] | None = None

    @property
    def is_done(self) -> bool:
        """Nothing is left to come."""
        return not self.ids and (self.position is None or self.need == 0)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call brought.

    Attributes:
        status: 'ok'; 'unsorted': all matches, for us to sort; 'no order': nothing, for the index
            to sort by does not exist.
        rows: the rows of the first matches.
        further: the ids of the others.
        broken: ids whose key holds no row.
        count: how many matched.
        tally: what the script made of the matches but `further`, where that was wanted.
    """

    status: bytes
    rows: Sequence[Row] = ()
    further: Sequence[bytes] = ()
    broken: Sequence[bytes] = ()
    count: int = 0
    tally: Sequence[Any] = ()


class Search:
    """One query's way of asking the scripts.

    Args:
        query: what is asked.
        bounds: how much one call may do.
        orders: what the results are sorted by, on the server or here.
        tally: what is made of the matches, where that is wanted.
    """

    def __init__(
        self,
        query: Query[Any],
        bounds: Bounds,
        orders: tuple[Order, ...] = (),
        tally: Tally | None = None,
    ) -> None:
        self.schema: Schema = query.schema
        self.asked = query.asked
        self.where = All(query.asked.where.flat())
        self.bounds = bounds
        self.orders = orders
        self.tally = tally
        #: The results are sorted here.
        self.is_for_us = is_for_us(self.schema, orders)
        selection = query.selection
        names = self.schema.names if selection is None else selection.columns
        if self.asked.mark is not None or any(order.may_need_rows for order in orders):
            names = (*names, *(name for name in self.sorting_names if name not in names))
        self.names = names

    @property
    def _fields(self) -> Sequence[bytes]:
        """The names as rows have them."""
        schema = self.schema
        if self.names is schema.names:
            return schema.fields
        return [as_bytes(name) for name in self.names]

    @property
    def sorting_names(self) -> tuple[str, ...]:
        """The columns that tell where a row stands in the results."""
        return columns_for(self.schema, self.orders)

    def begin(self) -> Cursor:
        """A cursor at the beginning."""
        asked = self.asked
        repeats = any(
            isinstance(node, StartsWith) and node.whole is None for node in self.where.nodes
        )
        return Cursor(skip=asked.offset, need=asked.count, seen=set() if repeats else None)

    def ask(self, cursor: Cursor, want: str) -> Operation[Answer]:
        """Go on with a search; moves the cursor.

        Args:
            cursor: where to go on.
            want: 'rows', 'ids', 'count' or 'tally'.

        Raises:
            CorruptRowError: a key that should be an index is none.
            QueryError: the ids are too many to be listed.
        """
        request = self._request(cursor, want)
        status, *rest = yield from self._call(request, self._parts(want))
        if status == b'no order':
            return Answer(status)
        position, skipped, count, ids, found, broken, further = rest
        rows = rows_of(self.names, ids, found) if want == 'rows' else []
        tally = found if want == 'tally' else ()
        answer = Answer(status, rows, further, broken, int(count), tally)
        if status == b'unsorted':
            return answer
        if cursor.seen is not None:
            answer = _not_seen(answer, cursor.seen, cursor.need)
        cursor.position = position or None
        cursor.skip -= int(skipped)
        cursor.need = None if cursor.need is None else cursor.need - answer.count
        return answer

    def plan(self, cursor: Cursor, want: str) -> Operation[dict[str, Any] | None]:
        """What `ask` would do, as lua/lib/plan tells it; None: there is no index to sort by.

        Raises:
            CorruptRowError: a key that should be an index is none.
        """
        request = {**self._request(cursor, want), 'tell': 'plan'}
        status, *rest = yield from self._call(request, self._parts(want) | {'plan'})
        return None if status == b'no order' else unpack(rest[0])

    def _call(self, request: dict[str, Any], parts: frozenset[str]) -> Operation[list[Any]]:
        reply: list[Any] = yield Script('search', self.schema.keys.counter, pack(request), parts)
        if reply[0] in _ERRORS:
            raise _ERRORS[reply[0]](self.schema, reply[1])
        return reply

    def _request(self, cursor: Cursor, want: str) -> dict[str, Any]:
        keys, bounds, need = self.schema.keys, self.bounds, cursor.need
        if need is not None and cursor.seen:
            need += len(cursor.seen)
        return {
            'head': keys.head,
            # Beside rom 1.x, which keeps no bitmap, one from before is not to be trusted.
            'live': keys.live_draft if self.schema.keep_index_data else keys.live,
            'counter': keys.counter,
            'where': self.where.as_map(),
            'expiry': None if self._expiry is None else keys.scores(self._expiry),
            **self._sorting(),
            'skip': cursor.skip,
            'need': need,
            'want': want,
            'fields': self._fields,
            'tally': self.tally and self.tally.as_map(alone=cursor.seen is not None),
            'page': bounds.page,
            'small': bounds.small,
            'budget': bounds.budget,
            'chunk': bounds.chunk,
            'position': cursor.position or None,
        }

    @property
    def _expiry(self) -> str | None:
        """The column that leaves entities out."""
        return None if self.asked.with_expired else self.schema.expiry

    def _parts(self, want: str) -> frozenset[str]:
        """The parts of the script that this takes."""
        parts = self.where.needs
        if self.orders and not self.is_for_us:
            parts |= {'orders', 'strings'} if self._is_by_strings else {'orders'}
        if self._expiry is not None:
            parts |= {'expiry', 'trees'}
        return parts | {'tally'} if want == 'tally' else parts

    @property
    def _is_by_strings(self) -> bool:
        return any(order.kind == 'text' for order in self.orders)

    def _sorting(self) -> dict[str, Any]:
        """What the script sorts by, and from where on."""
        orders, mark = self.orders, self.asked.mark
        if self.is_for_us:
            return {'orders': None, 'mark': None}
        is_begun = mark is not None and len(mark.places) == len(orders)
        return {
            'orders': [order.as_map() for order in orders] or None,
            'mark': mark_as_map(self.schema, orders, mark) if mark and is_begun else None,
        }

    def load(self, ids: Sequence[bytes], names: Sequence[str] = ()) -> Operation[Answer]:
        """Read rows by id, in pages, many in one trip.

        Args:
            ids: in the order wanted; those that are gone are left out.
            names: the columns to read, instead of the query's.
        """
        names = names or self.names
        fields = [as_bytes(name) for name in names]
        request: dict[str, Any] = {'fields': fields}
        if self._expiry is not None:
            request['expiry'] = as_bytes(self._expiry)
        rows: list[Row] = []
        broken: list[bytes] = []
        replies = yield from self._in_pages('load', ids, request)
        for found, packed, unreadable_ids in replies:
            rows += rows_of(names, found, packed)
            broken += unreadable_ids
        return Answer(b'ok', rows, (), broken, len(rows))

    def tally_of(self, ids: Sequence[bytes]) -> Operation[list[Answer]]:
        """What is made of these ids, each once, in pages, many in one trip."""
        assert self.tally is not None
        replies = yield from self._in_pages('tally', ids, {'tally': self.tally.as_map()})
        return [Answer(b'ok', (), (), broken, 0, tally) for tally, broken in replies]

    def _in_pages(
        self, name: str, ids: Sequence[bytes], request: dict[str, Any]
    ) -> Operation[list[Any]]:
        head, page = self.schema.keys.head, self.bounds.page
        replies: list[Any] = []
        for start in range(0, len(ids), page * _PAGES):
            some = ids[start : start + page * _PAGES]
            replies += yield Pipeline(
                tuple(
                    self._script(name, {'head': head, 'ids': some[at : at + page], **request})
                    for at in range(0, len(some), page)
                )
            )
        return replies

    def _script(self, name: str, request: dict[str, Any]) -> Script:
        return Script(name, self.schema.keys.counter, pack(request))


def _not_seen(answer: Answer, seen: set[bytes], need: int | None) -> Answer:
    """An answer without what earlier ones had, and without what is more than enough."""
    rows = [row for row in answer.rows if b'%d' % row.id not in seen]
    further = [id for id in answer.further if id not in seen]
    repeated = len(answer.rows) - len(rows) + len(answer.further) - len(further)
    count = answer.count - repeated
    surplus = 0 if need is None else max(count - need, 0)
    kept = len(rows) + len(further) - surplus
    rows, further = rows[:kept], further[: max(kept - len(rows), 0)]
    seen.update(b'%d' % row.id for row in rows)
    seen.update(further)
    return replace(answer, rows=rows, further=further, count=count - surplus)


def _too_many_ids(schema: Schema, last: bytes) -> QueryError:
    return QueryError(
        f'{schema.name}: all its entities cannot be listed: the ids go up to {last.decode()}, and '
        f'there is no bitmap of them, which ends at 2**32; filter by an indexed column'
    )


def wrong_type(schema: Schema, key: bytes) -> CorruptRowError:
    """The error for a key that should be an index and is none."""
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
