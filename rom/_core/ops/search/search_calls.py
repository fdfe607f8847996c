"""Search calls: results of `lua/search.lua`, in as many calls as it takes."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Any

from rom._core.encoding.wire import unpack
from rom._core.ops.compound_state import note_not_built
from rom._core.ops.requests import Operation, Script
from rom._core.ops.rows import rows_of
from rom._core.ops.search.bounds import ALL_ROWS
from rom._core.ops.search.cursor import Cursor
from rom._core.ops.search.direct_tallies import note_refused
from rom._core.ops.search.row_pages import load
from rom._core.ops.search.search_reply import SearchReply, checked, not_seen, scores_in
from rom._core.ops.search.search_terms import SearchTerms
from rom._core.ops.search.split_search import InPartsError, Parts
from rom._core.query.nodes import All, Given
from rom._core.query.sort_order import Order, SortCursor

# Ids that one call ranks.
_RANKED = 2000


class Search(SearchTerms):
    """Asks the scripts for the results of one query."""

    def about(
        self, where: All, orders: tuple[Order, ...] = (), mark: SortCursor | None = None
    ) -> Search:
        """Return a search of the same model for other matches; it may be asked for ids only."""
        other = copy(self)
        other.filter_by(where)
        other.orders, other.needs_client_sort, other.plain = orders, False, None
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
        found = yield from load(self, ids, (self.schema.primary,))
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
        if not self.is_in_parts:
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
        if self.ranks(want):
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
        found = yield from load(self, answer.further)
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
            alone.filter_by(All((Given(tuple(every[at : at + _RANKED])), words)))
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
            self.take_plain(cursor)
        status, *rest = checked(self.schema, (yield self.call(cursor, want)))
        if status == b'no order':
            return SearchReply(status)
        if status == b'not built':
            self._fall_back(cursor)
            return (yield from self.ask_whole(cursor, want))
        position, skipped, count, ids, found, broken, further, *ranked = rest
        rows = rows_of(self.names, ids, found) if want == 'rows' else []
        tally = found if want == 'tally' else ()
        if want == 'tally' and ids:
            note_refused(self.schema)
        answer = SearchReply(status, rows, further, broken, int(count), tally)
        if ranked:
            cursor.scores.update(scores_in(ranked[0]))
        if status == b'unsorted':
            return answer
        if cursor.seen is not None:
            answer = not_seen(answer, cursor.seen, cursor.need)
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
        self.take_plain(cursor)
        if cursor.position:
            raise InPartsError

    def plan(self, cursor: Cursor, want: str) -> Operation[dict[str, Any] | None]:
        """Return the plan of `ask`, as lua/lib/plan tells it; None without an index to sort by.

        Raises:
            CorruptRowError: the key of an index holds another type.
            InPartsError: the search would be done in parts.
        """
        if self.is_in_parts:
            raise InPartsError
        status, *rest = checked(self.schema, (yield self.call(cursor, want, 'plan')))
        if status == b'not built':
            self._fall_back(cursor)
            return (yield from self.plan(cursor, want))
        return None if status == b'no order' else unpack(rest[0])

    def count_script(self, cursor: Cursor) -> Script:
        """Return the call that begins to count the matches; see `whole_count`."""
        return self.call(cursor, 'count')

    def whole_count(self, reply: list[Any]) -> int | None:
        """Return the count in the reply of a `count_script`; None if one call did not finish it.

        Raises:
            CorruptRowError: the key of an index holds another type.
        """
        try:
            _, position, _, count, *_ = checked(self.schema, reply)
        except InPartsError:
            return None
        return None if position else int(count)
