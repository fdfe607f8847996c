"""Row pages: the rows of ids, or the tallies of them, a page a call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rom._core.ops.requests import Operation, Pipeline
from rom._core.ops.rows import Row, rows_of
from rom._core.ops.search.search_reply import SearchReply
from rom._core.ops.search.search_terms import SearchTerms
from rom._core.ops.time_slices import TURN, rest

# Pages of rows in one round trip.
_PAGES = 20


def load(
    terms: SearchTerms, ids: Sequence[bytes], names: Sequence[str] = ()
) -> Operation[SearchReply]:
    """Read rows by id, in pages, many of them in one round trip.

    Args:
        terms: the search whose columns are read.
        ids: the ids in the wanted order; those without a row are left out.
        names: the columns to read, instead of the query's.
    """
    names = names or terms.names
    fields = [terms.schema.keys.field(name) for name in names]
    request: dict[str, Any] = {'fields': fields}
    if terms.expiry is not None:
        request['expiry'] = terms.schema.keys.field(terms.expiry)
    if terms.deleted is not None:
        request['deleted'] = terms.schema.keys.field(terms.deleted)
    rows: list[Row] = []
    broken: list[bytes] = []
    worked_on = 0
    replies = yield from _in_pages(terms, 'load', ids, request)
    for found, packed, unreadable_ids, _ in replies:
        rows += rows_of(names, found, packed)
        broken += unreadable_ids
        if len(rows) >= worked_on + TURN:
            worked_on = len(rows)
            yield from rest()
    return SearchReply(b'ok', rows, (), broken, len(rows))


def tally_of(terms: SearchTerms, ids: Sequence[bytes]) -> Operation[list[SearchReply]]:
    """Return the tallies of ids, in pages, many of them in one round trip."""
    replies = yield from _in_pages(terms, 'tally', ids, {'tally': terms.tally_map()})
    return [SearchReply(b'ok', (), (), broken, 0, tally) for tally, broken, _ in replies]


def _in_pages(
    terms: SearchTerms, name: str, ids: Sequence[bytes], request: dict[str, Any]
) -> Operation[list[Any]]:
    head, page = terms.schema.keys.head, terms.bounds.page
    replies: list[Any] = []
    for start in range(0, len(ids), page * _PAGES):
        some = ids[start : start + page * _PAGES]
        for reply in (
            yield Pipeline(
                tuple(
                    terms.script(name, {'head': head, 'ids': some[at : at + page], **request})
                    for at in range(0, len(some), page)
                )
            )
        ):
            replies.append(reply)
            while replies[-1][-1]:  # the ids whose rows were too long for one reply
                more = {'head': head, 'ids': replies[-1][-1], **request}
                replies.append((yield terms.script(name, more)))
    return replies
