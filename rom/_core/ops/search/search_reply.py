"""Search replies: results and errors in the replies of `lua/search.lua`."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from rom._core.encoding.wire import unpack_list
from rom._core.ops.rows import Row
from rom._core.ops.search.split_search import InPartsError
from rom._core.schema import Schema
from rom.exceptions import CorruptRowError, QueryError


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


def scores_in(packed: bytes) -> dict[bytes, float]:
    """Return the scores by id, of a packed list of both."""
    flat: Sequence[Any] = unpack_list(packed) or ()  # an empty list is packed as a map
    return {id: float(score) for score, id in zip(flat[::2], flat[1::2], strict=True)}


def not_seen(answer: SearchReply, seen: set[bytes], need: int | None) -> SearchReply:
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


def checked(schema: Schema, reply: list[Any]) -> list[Any]:
    """Return a reply of `lua/search.lua`, unless it is an error.

    Raises:
        InPartsError: one call would block Redis for too long.
        CorruptRowError: the key of an index holds another type.
        QueryError: there are too many ids to list.
    """
    if reply[0] == b'in parts':
        raise InPartsError
    if reply[0] in _ERRORS:
        raise _ERRORS[reply[0]](schema, reply[1])
    return reply
