"""Walking: the rows of a model in the order of their ids, some at a time.

Where to go on is an id, so a walk can be broken off, and gone on with on another day. It sees what
is there when it comes by: of what other programs write meanwhile, what lies behind it is missed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from rom._core.ops.requests import Operation
from rom._core.ops.rows import Row
from rom._core.ops.search.queries import find
from rom._core.query.nodes import Mark
from rom._core.query.query import Query
from rom.exceptions import CorruptRowError


@dataclass(slots=True)
class Stretch:
    """Some rows.

    Attributes:
        rows: in the order of their ids.
        broken: what is wrong with keys that should hold a row and do not.
        last: the id to go on behind.
        is_end: there are no more.
    """

    rows: list[Row] = field(default_factory=list)
    broken: list[CorruptRowError] = field(default_factory=list)
    last: int = 0
    is_end: bool = False


def stretch(query: Query[Any], after: int, count: int) -> Operation[Stretch]:
    """The next rows behind an id. One trip, mostly.

    Args:
        query: which rows; without an order of its own.
        after: an id, there or not; 0: from the beginning.
        count: at most so many.
    """
    try:
        rows, is_end = yield from find(query.marked(Mark(after)).at_most(count))
    except CorruptRowError:
        return (yield from _one_by_one(query, after, count))
    return Stretch(rows, [], rows[-1].id if rows else after, is_end)


def _one_by_one(query: Query[Any], after: int, count: int) -> Operation[Stretch]:
    """The same where something among them is no row: an error tells of one at a time."""
    found = Stretch(last=after)
    head = len(query.schema.keys.namespace) + 1
    while not found.is_end and len(found.rows) + len(found.broken) < count:
        try:
            rows, found.is_end = yield from find(query.marked(Mark(found.last)).at_most(1))
        except CorruptRowError as error:
            if error.column is not None or not error.key[head:].isdigit():
                raise  # an index, and no row
            found.broken.append(error)
            found.last = int(error.key[head:])
        else:
            found.rows += rows
            found.last = rows[-1].id if rows else found.last
    return found
